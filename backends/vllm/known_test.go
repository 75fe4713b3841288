package vllm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

// installed makes a virtual environment whose vLLM has some arguments and variables; it is read, never run.
func installed(t *testing.T) (python string) {
	t.Helper()
	root := t.TempDir()
	var fields, variables strings.Builder
	for i := range fewest {
		fmt.Fprintf(&fields, "    field_%d: int = 0\n", i)
		fmt.Fprintf(&variables, "    \"VLLM_X%d\": 1,\n", i)
	}
	for name, text := range map[string]string{
		"bin/python": "#!/bin/false\n", "pyvenv.cfg": "home = /usr\n",
		"lib/python3.12/site-packages/vllm/__init__.py":                    "",
		"lib/python3.12/site-packages/vllm/_version.py":                    "__version__ = '0.99.0'\n",
		"lib/python3.12/site-packages/vllm/envs.py":                        "x = {\n    \"VLLM_LOGGING_LEVEL\": 1,\n" + variables.String() + "}\n",
		"lib/python3.12/site-packages/vllm/engine/arg_utils.py":            "class EngineArgs:\n    max_num_seqs: int | None = None\n    max_num_batched_tokens: int = 1\n    dtype: str = \"auto\"\n" + fields.String(),
		"lib/python3.12/site-packages/vllm/entrypoints/llm.py":             "    def __init__(\n        self,\n        seed: int = 0,\n",
		"lib/python3.12/site-packages/vllm/entrypoints/openai/cli_args.py": "class FrontendArgs:\n    chat_template: str = \"\"\nx.add_argument(\n    \"--headless\",\n)\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "bin", "python")
}

// TestNamesOfTheInstalledVersion: what it does not know is said before it is started, with what was probably meant.
func TestNamesOfTheInstalledVersion(t *testing.T) {
	python := installed(t)
	for _, c := range []struct {
		backend, arg, env string
		want              string // of the one warning; "" = none
	}{
		{ServeName, "dtype", "VLLM_LOGGING_LEVEL", ""},
		{ServeName, "max_num_seq", "", `no argument max_num_seq: it will refuse to start; Did you mean "max_num_seqs"?`},
		{ServeName, "chat_template", "CUDA_X", ""},
		{OfflineName, "chat_template", "", "no argument chat_template"},
		{OfflineName, "seed", "", ""},
		{ServeName, "headless", "", ""},
		{ServeName, "dtype", "VLLM_LOGING_LEVEL", `no variable VLLM_LOGING_LEVEL: it has no effect; Did you mean "VLLM_LOGGING_LEVEL"?`},
		{ServeName, "swap_space", "", "vLLM has no swap_space any more"}, // said otherwise, once
	} {
		cell := &cell.Cell{Platform: &cell.Platform{Backend: c.backend, Python: python, Env: map[string]string{},
			Args: cell.Values{"max_num_seqs": int64(1), "max_num_batched_tokens": int64(1), c.arg: "x"}}, Model: &cell.Model{Parts: Model{Model: "a/b"}.Parts()}}
		if c.env != "" {
			cell.Platform.Env[c.env] = "1"
		}
		var said []string
		for _, p := range Check(cell) {
			said = append(said, p.Summary+"; "+p.Detail)
		}
		head, tail, _ := strings.Cut(c.want, "; ")
		switch all := strings.Join(said, "\n"); {
		case c.want == "" && all != "", c.want != "" && (len(said) != 1 || !strings.Contains(all, head) || !strings.Contains(all, tail)):
			t.Errorf("%s %s %s: %q, want %q", c.backend, c.arg, c.env, all, c.want)
		}
	}
}

// TestNamesWithoutAnInstallation: where a plan is made and no vLLM is, the names of the newest version that is kept tell.
func TestNamesWithoutAnInstallation(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "bin", "python")
	for arg, want := range map[string]string{"max_num_seqs": "", "max_num_seq": `Did you mean "max_num_seqs"?`, "tensor_parallel_size": "", "kv_cache_dtype": "", "enforce_eager": ""} {
		for _, backend := range []string{ServeName, OfflineName} {
			problems := checkNames(&cell.Cell{Platform: &cell.Platform{Backend: backend, Python: absent, Args: cell.Values{arg: "x"}}})
			switch {
			case want == "" && len(problems) > 0:
				t.Errorf("%s %s: %+v", backend, arg, problems)
			case want != "" && (len(problems) != 1 || !problems[0].Warning || !strings.HasPrefix(problems[0].Summary, "vLLM 0.") || !strings.Contains(problems[0].Detail, want)):
				t.Errorf("%s %s: %+v, want %s", backend, arg, problems, want)
			}
		}
	}
}

// TestUnreadableVersionsSayNothing: a file of another form tells nothing about names.
func TestUnreadableVersionsSayNothing(t *testing.T) {
	python := installed(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(filepath.Dir(python)), "lib/python3.12/site-packages/vllm/engine/arg_utils.py"), []byte("from .new import EngineArgs\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cell := &cell.Cell{Platform: &cell.Platform{Backend: ServeName, Python: python, Args: cell.Values{"max_num_seq": "x"}}}
	if problems := checkNames(cell); len(problems) > 0 {
		t.Errorf("%+v", problems)
	}
}

// TestChatTemplate: a base model is known by its files before it is loaded.
func TestChatTemplate(t *testing.T) {
	for name, c := range map[string]struct {
		files        map[string]string
		args         cell.Values
		none, thinks bool
	}{
		"base":            {map[string]string{"tokenizer_config.json": `{"bos_token":"<bos>"}`, "config.json": `{"model_type":"gemma3_text"}`}, nil, true, false},
		"told of one":     {map[string]string{"tokenizer_config.json": `{}`, "config.json": `{"model_type":"gemma3_text"}`}, cell.Values{"chat_template": "x.jinja"}, false, false},
		"in the config":   {map[string]string{"tokenizer_config.json": `{"chat_template":"{% if enable_thinking %}"}`}, nil, false, true},
		"a file":          {map[string]string{"tokenizer_config.json": `{}`, "chat_template.jinja": "{{ messages }}"}, nil, false, false},
		"a list":          {map[string]string{"tokenizer_config.json": `{"chat_template":[{"name":"default","template":"x"}]}`}, nil, false, false},
		"Mistral's own":   {map[string]string{"tekken.json": "{}", "tokenizer_config.json": `{}`, "config.json": `{}`}, nil, false, false},
		"vLLM brings one": {map[string]string{"tokenizer_config.json": `{}`, "config.json": `{"model_type":"deepseek_v32"}`}, nil, false, false},
		"nothing known":   {map[string]string{"config.json": `{"model_type":"gemma3_text"}`}, nil, false, false},
	} {
		dir := t.TempDir()
		for file, text := range c.files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cell := &cell.Cell{Platform: &cell.Platform{Backend: ServeName, Args: c.args}, Model: &cell.Model{Parts: Model{Model: dir}.Parts()}}
		id, err := resolve(t.Context(), cell)
		if err != nil || (id.NoTemplate != "") != c.none || id.Thinks != c.thinks {
			t.Errorf("%s: none %q, thinks %t, %v", name, id.NoTemplate, id.Thinks, err)
		}
	}
}
