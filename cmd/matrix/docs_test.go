package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/cmd/matrix/cli"
	"matrix/cmd/matrix/cli/app"
)

// example is one fenced block of a page.
type example struct {
	info string // "hcl", "hcl in experiment", "json"
	text string
	line int
}

// examples are the HCL and JSON blocks of a Markdown page.
func examples(t *testing.T, page string) []example {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	var open *example
	for i, line := range strings.Split(string(content), "\n") {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open != nil:
			if strings.HasPrefix(open.info, "hcl") || open.info == "json" {
				all = append(all, *open)
			}
			open = nil
		case fence:
			open = &example{info: info, line: i + 2}
		case open != nil:
			open.text += line + "\n"
		}
	}
	return all
}

// here is the line of the page's first example that others are put in place of.
const here = "  # here\n"

// planned plans files as a user would, and fails on any mistake or warning.
func planned(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("HF_HOME", filepath.Join(dir, "hf"))
	t.Setenv("OLLAMA_MODELS", filepath.Join(dir, "ollama"))
	if err := writePrompts(filepath.Join(dir, "prompts.jsonl"), 40); err != nil {
		t.Fatal(err)
	}
	args := []string{"plan", "--results", filepath.Join(dir, "results")}
	for name, text := range files {
		path := filepath.Join(dir, "files", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(name, ".hcl") {
			args = append(args, path)
		}
	}
	for _, prompts := range []string{"files/prompts.jsonl", "files/prompts/candidates.jsonl"} {
		path := filepath.Join(dir, prompts)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := writePrompts(path, 40); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), nil, args, strings.NewReader(""), &stdout, &stderr)
	if code != 0 || stderr.Len() > 0 || !strings.Contains(stdout.String(), "Plan: ") {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
}

// TestLanguagePage plans every example of docs/language.md.
func TestLanguagePage(t *testing.T) {
	all := examples(t, "../../docs/language.md")
	prelude := all[0].text
	blocks, _, _ := strings.Cut(prelude, "experiment ")
	for _, e := range all {
		t.Run(fmt.Sprintf("line %d", e.line), func(t *testing.T) {
			files := map[string]string{}
			switch {
			case e.text == prelude:
				files["a.hcl"] = prelude
			case e.info == "json":
				files["a.hcl"], files["b.hcl.json"] = blocks, e.text
			case e.info == "hcl in experiment":
				files["a.hcl"] = strings.Replace(prelude, here, e.text, 1)
			case strings.Contains(e.text, "experiment "):
				files["a.hcl"], files["b.hcl"] = blocks, e.text
			default:
				files["a.hcl"], files["b.hcl"] = prelude, e.text
			}
			if strings.Contains(e.text, `"models.hcl"`) {
				files["models.hcl"] = "model \"qwen\" {\n  vllm = { model = \"Qwen/Qwen3-4B\" }\n}\n"
			}
			if strings.Contains(e.text, `file("gemma3_270m.py")`) {
				files["gemma3_270m.py"] = "print('converts')\n"
			}
			planned(t, files)
		})
	}
	if len(all) < 18 || !strings.Contains(prelude, here) {
		t.Errorf("%d examples, of which the first is\n%s", len(all), prelude)
	}
}

// TestReadmeExample plans the README's example as it stands.
func TestReadmeExample(t *testing.T) {
	n := 0
	for _, e := range examples(t, "../../README.md") {
		if e.info == "hcl" {
			n++
			planned(t, map[string]string{"a.hcl": e.text})
		}
	}
	if n == 0 {
		t.Error("the README has no example")
	}
}

// TestCommandsPage: docs/commands.md has every command.
func TestCommandsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cli.Root(app.New(nil, nil, nil, io.Discard, io.Discard)).Commands() {
		if !strings.Contains(string(page), "`matrix "+c.Name()) {
			t.Errorf("docs/commands.md has no matrix %s", c.Name())
		}
	}
}
