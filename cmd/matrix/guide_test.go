package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// standIns are the platforms of the guide for a machine that has no engine: its text is otherwise run as it stands.
const standIns = `
platform "vllm_offline" {
  backend = "simulator"
  args    = { max_model_len = 4096, max_num_seqs = 256, max_num_batched_tokens = 8192 }
  options = { api = "vllm_offline", slots = 32, prefill_tokens_per_s = 1000000, decode_tokens_per_s = 4000, load_s = 0.01 }
}

platform "vllm_serve" {
  backend = "simulator"
  args    = platform.vllm_offline.args
  options = { api = "vllm_serve", slots = 32, prefill_tokens_per_s = 1000000, decode_tokens_per_s = 4000, load_s = 0.01 }
}

platform "ollama" {
  backend = "simulator"
  env     = { OLLAMA_NUM_PARALLEL = 8 }
  options = { api = "ollama", slots = 8, prefill_tokens_per_s = 1000000, decode_tokens_per_s = 4000, load_s = 0.01 }
}
`

var (
	modelBlock    = regexp.MustCompile(`(?ms)^model "gemma3_4b" \{.*?^\}\n`)
	platformBlock = regexp.MustCompile(`(?ms)^platform "\w+" \{.*?^\}\n`)
)

// fences are all fenced blocks of a page.
func fences(t *testing.T, page string) []example {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for i, part := range strings.Split("\n"+string(content), "\n```") {
		if i%2 == 1 {
			info, text, _ := strings.Cut(part, "\n")
			all = append(all, example{info: info, text: text + "\n"})
		}
	}
	return all
}

// TestGuide runs every command of docs/guide.md in order, on the files that it shows, with simulated engines.
func TestGuide(t *testing.T) {
	page := fences(t, "../../docs/guide.md")
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	t.Setenv("NO_COLOR", "1")
	if err := writePrompts(filepath.Join(dir, "prompts.jsonl"), 30); err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, e := range page {
		kind, name, _ := strings.Cut(e.info, " ")
		switch kind {
		case "hcl":
			if strings.Contains(e.text, "platform \"") {
				planned(t, map[string]string{"a.hcl": strings.Replace(e.text, "prompts.jsonl", "../prompts.jsonl", 1)}) // with the real engines
				e.text = modelBlock.ReplaceAllString(platformBlock.ReplaceAllString(e.text, ""), "model \"gemma3_4b\" {\n  openai = { model = \"m\" }\n}\n") + standIns
			}
			if err := os.WriteFile(name, []byte(e.text), 0o644); err != nil {
				t.Fatal(err)
			}
		case "sh":
			for _, line := range strings.Split(strings.TrimSpace(e.text), "\n") {
				commands++
				var stdout, stderr bytes.Buffer
				code := run(context.Background(), nil, strings.Fields(line)[1:], strings.NewReader(""), &stdout, &stderr)
				if code != 0 || !strings.HasPrefix(line, "matrix ") {
					t.Errorf("%s: exit code %d\n%s%s", line, code, stdout.String(), stderr.String())
				}
			}
		}
	}
	if commands < 12 {
		t.Errorf("%d commands in the guide", commands)
	}
}
