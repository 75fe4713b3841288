package vllm

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
)

// recipeCell has an interpreter that writes down how it was started instead of running anything.
func recipeCell(t *testing.T, backend string) (c *cell.Cell, record string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	dir := t.TempDir()
	record = filepath.Join(dir, "record")
	python := filepath.Join(dir, "python")
	text := "#!/bin/sh\n{ printf '%s\\0' \"$0\" \"$@\"; printf 'ENV\\0'; env -0; } > '" + record + "'\n[ \"$1\" != -u ] || cp \"$2\" '" + record + ".py'\n"
	if err := os.WriteFile(python, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return &cell.Cell{
		Platform: &cell.Platform{ID: "p", Backend: backend, Python: python, Env: map[string]string{"A": "it's"},
			Args: cell.Values{"max_num_seqs": int64(8), "enforce_eager": true, "x": cell.Values{"deep": []any{"it's \"q\"", nil}}}},
		Model:     &cell.Model{ID: "m", Parts: Model{Model: "/models/with space", DType: "bfloat16"}.Parts()},
		Generate:  &cell.Generate{MaxTokens: 4, Temperature: 0.5, TopP: 1, Seed: 7, RepeatPenalty: 1, Stop: []string{"\n"}},
		Isolation: &cell.Isolation{Server: "cell", Caches: "warm", PrefixCache: "off"}, BatchSize: 3,
	}, record
}

// started runs the recipe and returns argv and environment of what it starts.
func started(t *testing.T, c *cell.Cell, record string) (argv, env []string) {
	t.Helper()
	script, err := writeRecipe(t.Context(), c, 8123, backends.Request{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "VLLM_STRAY=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, script)
	}
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
	i := slices.Index(words, "ENV")
	return words[:i], words[i+1:]
}

// TestRecipeServe: what the script starts is what a launch starts, word for word.
func TestRecipeServe(t *testing.T) {
	c, record := recipeCell(t, ServeName)
	argv, env := started(t, c, record)
	want, err := Command(backends.Spec{Cell: c}, c.Platform.Python, 8123, "m")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(argv, want.Argv) {
		t.Errorf("starts %q\nwant   %q", argv, want.Argv)
	}
	for name, value := range want.Env {
		if !slices.Contains(env, name+"="+value) {
			t.Errorf("the environment lacks %s=%s", name, value)
		}
	}
	if slices.Contains(env, "VLLM_STRAY=1") {
		t.Error("the caller's environment passed")
	}
}

// TestRecipeOffline: the program's arguments are those that a launch gives to LLM().
func TestRecipeOffline(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	c, record := recipeCell(t, OfflineName)
	argv, _ := started(t, c, record)
	if len(argv) != 3 || filepath.Base(argv[2]) != "offline.py" {
		t.Fatalf("starts %q", argv)
	}
	show := "import json, runpy; m = runpy.run_path('" + record + ".py'); print(json.dumps({'args': m['ARGS'], 'sampling': m['SAMPLING'], 'batch': m['BATCH']}))"
	out, err := exec.Command(python, "-c", show).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Args, Sampling json.RawMessage
		Batch          int
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	cmd, err := Command(backends.Spec{Cell: c, Dir: "/d"}, "python", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ Args any }
	if err := json.Unmarshal([]byte(cmd.Files[configFile]), &want); err != nil {
		t.Fatal(err)
	}
	if a, b := normal(t, got.Args), mustJSON(t, want.Args); a != b {
		t.Errorf("arguments %s\nwant      %s", a, b)
	}
	params := `{"ignore_eos":false,"max_tokens":4,"min_tokens":0,"repetition_penalty":1,"seed":7,"stop":["\n"],"temperature":0.5,"top_k":0,"top_p":1}`
	if a := normal(t, got.Sampling); a != params || got.Batch != 3 {
		t.Errorf("batch %d, sampling %s\nwant %s", got.Batch, a, params)
	}
}

func normal(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return mustJSON(t, v)
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
