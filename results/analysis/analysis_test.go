// Package analysis holds what analysts start from, a notebook and SQL views; its Go code is their test.
package analysis

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matrix/results/summary/summarytest"
)

const experiment = `
dataset "d" {
  synthetic = { input_tokens = 20 }
}
platform "quick" {
  backend = "simulator"
  options = { api = "vllm_serve", load_s = 0.1, decode_tokens_per_s = 4000 }
}
platform "slow" {
  backend = "simulator"
  options = { api = "ollama", load_s = 0.1, decode_tokens_per_s = 1000 }
}
model "m" {
  openai = { model = "m" }
}
experiment "e" {
  dataset  = dataset.d
  launches = 2
  matrix {
    platform   = values(platform)
    model      = values(model)
    batch_size = [8, 100]
  }
  generate {
    max_tokens = 8
  }
  load {
    concurrency = cell.platform.id == "quick" ? 8 : 4
  }
}
`

// output runs a command and is what it printed.
func output(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, said.String())
	}
	return out
}

// The notebook and the views run on what a simulated apply wrote, and agree with each other and with matrix.
func TestReadersAnalysis(t *testing.T) {
	if os.Getenv("MATRIX_REAL") != "1" {
		t.Skip("needs MATRIX_REAL=1 and `just engines`")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(cmp.Or(os.Getenv("MATRIX_ENGINES"), filepath.Join(home, ".cache", "matrix", "engines")), "tools", "bin", "python")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	matrix := filepath.Join(dir, "matrix")
	output(t, here, "go", "build", "-o", matrix, "matrix/cmd/matrix")
	if err := os.WriteFile(filepath.Join(dir, "e.hcl"), []byte(experiment), 0o644); err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(dir, "results")
	if err := errors.Join(os.CopyFS(filepath.Join(tree, "analysis"), os.DirFS(here)), os.Symlink(filepath.Join(here, "..", "..", "scripts"), filepath.Join(dir, "scripts"))); err != nil {
		t.Fatal(err)
	}
	if said, err := typed(t, dir); err == nil || !strings.Contains(said, "no results in "+tree) {
		t.Errorf("where there are no results the notebook does not say where it looked: %v\n%s", err, said)
	}
	output(t, dir, matrix, "apply", "--auto-approve", "e.hcl")
	said, err := typed(t, dir)
	book, unread := os.ReadFile(filepath.Join(tree, "analysis", "executed.ipynb"))
	if err != nil || unread != nil || !strings.Contains(said, "quick/m/100") || !strings.Contains(string(book), "image/png") {
		t.Errorf("%v, %v\n%s", err, unread, said)
	}
	var got struct {
		Counts    map[string]int
		Pictures  int
		Simulated bool
		Medians   map[string]float64
		Unlike    []string
		Queries   int
		Programs  int
	}
	summarytest.H200(t, dir)
	doc := output(t, here, python, filepath.Join("testdata", "check.py"), tree, here, filepath.Join(dir, "cells.json"), matrix, filepath.Join(dir, "h200"),
		"README.md", "../../README.md", "../../docs/results.md", "../../docs/guide.md")
	if err := json.Unmarshal(doc, &got); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	if got.Counts["runs"] != 8 || got.Counts["launches"] != 8 || got.Counts["cells"] != 4 || got.Counts["comparison"] != 2 || got.Counts["requests"] < 2*2*108 {
		t.Errorf("counts %v", got.Counts)
	}
	if got.Queries < 5 || got.Programs < 4 {
		t.Errorf("%d queries and %d programs in the documents", got.Queries, got.Programs)
	}
	if got.Pictures < 2 || !got.Simulated { // memory has one where the run was long enough for a sample
		t.Errorf("%d pictures, said to be simulated: %t", got.Pictures, got.Simulated)
	}
	if !slices.Contains(got.Unlike, "load: closed 8 against closed 4") || !slices.ContainsFunc(got.Unlike, func(s string) bool { return strings.HasPrefix(s, "SIMULATED") }) {
		t.Errorf("unlike %q", got.Unlike)
	}
	for line := range strings.Lines(string(output(t, dir, matrix, "compare", "--json", "platform=quick", "platform=slow"))) {
		var r struct {
			Metric string
			CellA  string `json:"cell_a"`
			A      struct{ Median float64 }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if d := r.A.Median - got.Medians[r.CellA]; r.Metric == "output_throughput" && r.CellA != "" && (d > 1e-6 || d < -1e-6) {
			t.Errorf("%s: matrix says %v, SQL %v", r.CellA, r.A.Median, got.Medians[r.CellA])
		}
	}
}

// typed runs what README.md says is to be typed, where results/ and scripts/ lie.
func typed(t *testing.T, dir string) (string, error) {
	t.Helper()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, commands, told := strings.Cut(string(page), "```sh\n")
	commands, _, closed := strings.Cut(commands, "```")
	if !told || !closed {
		t.Fatal("README.md has no commands")
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-e", "-c", commands)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
