package ollama

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*cell.Cell)
		path    string
		warning bool
	}{
		"ignore_eos":        {func(c *cell.Cell) { c.Generate.IgnoreEOS = true }, "generate.ignore_eos", false},
		"min_tokens":        {func(c *cell.Cell) { c.Generate.MinTokens = 3 }, "generate.min_tokens", false},
		"no room":           {func(c *cell.Cell) { c.Generate.MaxTokens = 64 }, "generate.max_tokens", false},
		"no model":          {func(c *cell.Cell) { c.Model.Parts = nil }, "model.ollama", false},
		"two models":        {func(c *cell.Cell) { c.Model.Parts[Name]["model"] = "m" }, "model.ollama", false},
		"one of several":    {func(c *cell.Cell) { c.Model.Parts[Name]["gguf"] = "/m-00001-of-00003.gguf" }, "model.ollama.gguf", false},
		"asked option":      {func(c *cell.Cell) { c.Platform.Options["temperature"] = 0.5 }, "platform.options.temperature", false},
		"odd option":        {func(c *cell.Cell) { c.Platform.Options["num_ctxt"] = int64(1) }, "platform.options.num_ctxt", true},
		"no context":        {func(c *cell.Cell) { delete(c.Platform.Options, "num_ctx") }, "platform.options.num_ctx", true},
		"odd context":       {func(c *cell.Cell) { c.Platform.Options["num_ctx"] = "big" }, "platform.options.num_ctx", false},
		"args":              {func(c *cell.Cell) { c.Platform.Args = cell.Values{"a": "b"} }, "platform.args", false},
		"host":              {func(c *cell.Cell) { c.Platform.Env["OLLAMA_HOST"] = "x" }, "platform.env.OLLAMA_HOST", false},
		"slots":             {func(c *cell.Cell) { c.Platform.Env["OLLAMA_NUM_PARALLEL"] = "many" }, "platform.env.OLLAMA_NUM_PARALLEL", false},
		"slow sampling":     {func(c *cell.Cell) { c.Generate.Temperature, c.Generate.TopK = 0.7, 0 }, "generate.top_k", true},
		"mistyped variable": {func(c *cell.Cell) { c.Platform.Env["OLLAMA_FLASH_ATENTION"] = "1" }, "platform.env.OLLAMA_FLASH_ATENTION", true},
		"one slot": {func(c *cell.Cell) {
			delete(c.Platform.Env, "OLLAMA_NUM_PARALLEL")
			c.Load = &cell.Load{Mode: "closed", Concurrency: 8}
		}, "platform.env", true},
		"attach": {func(c *cell.Cell) {
			c.Platform.Attach, c.Platform.Env = true, nil
			c.Model.Parts = Model{Model: "m"}.Parts()
		}, "platform.url", false},
		"attached file": {func(c *cell.Cell) { c.Platform.Attach, c.Platform.Env, c.Platform.URL = true, nil, "http://x" }, "model.ollama", false},
	} {
		cell := cellOf(t, "")
		if problems := Check(cell); len(problems) != 0 {
			t.Fatalf("a good cell: %+v", problems)
		}
		c.change(cell)
		problems := Check(cell)
		if len(problems) != 1 || problems[0].Path != c.path || problems[0].Warning != c.warning || problems[0].Summary == "" {
			t.Errorf("%s: %+v, want one at %s", name, problems, c.path)
		}
	}
}

func TestBody(t *testing.T) {
	p := &cell.Platform{Options: cell.Values{"num_ctx": int64(512), "num_batch": int64(64), "presence_penalty": 0.1, "num_gpu": nil}}
	req := backends.Request{Prompt: "<a> & b", MaxTokens: 9, Generate: &cell.Generate{Temperature: 0, TopP: 0.9, TopK: 5, Seed: 3, RepeatPenalty: 1.2, Stop: []string{"x"}}}
	for name, c := range map[string]struct {
		change func(*backends.Request)
		thinks bool
		p      wire.Protocol
		want   string
	}{
		"greedy": {func(*backends.Request) {}, false, wire.NDJSONGenerate,
			`{"model":"m","prompt":"<a> & b","raw":true,"stream":true,"truncate":false,"shift":false,"keep_alive":-1,"options":{"frequency_penalty":0,"min_p":0,"num_batch":64,"num_ctx":512,"num_predict":9,"presence_penalty":0.1,"repeat_penalty":1.2,"stop":["x"],"temperature":0,"top_k":1,"top_p":0.9}}`},
		"sampled chat": {func(r *backends.Request) {
			r.Generate.Temperature, r.Generate.Stop = 0.5, nil
			r.Messages = []backends.Message{{Role: "user", Content: "hi"}}
		}, true, wire.NDJSONChat,
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"think":false,"truncate":false,"shift":false,"keep_alive":-1,"options":{"frequency_penalty":0,"min_p":0,"num_batch":64,"num_ctx":512,"num_predict":9,"presence_penalty":0.1,"repeat_penalty":1.2,"seed":3,"temperature":0.5,"top_k":5,"top_p":0.9}}`},
	} {
		r, g := req, *req.Generate
		r.Generate = &g
		c.change(&r)
		body, protocol := bodyOf(p, r, "m", c.thinks)
		if string(body) != c.want || protocol != c.p {
			t.Errorf("%s: %s\n%s\nwant\n%s", name, protocol, body, c.want)
		}
	}
	if got := string(loadBody(p, "m")); got != `{"model":"m","stream":false,"truncate":false,"shift":false,"keep_alive":-1,"options":{"num_batch":64,"num_ctx":512,"presence_penalty":0.1}}` {
		t.Errorf("load: %s", got)
	}
}

// TestRealLogs reads what servers really logged.
func TestRealLogs(t *testing.T) {
	for _, c := range []struct {
		file, listening  string
		gpu              bool
		onGPU, of, slots int64
		loads            int
		started          time.Duration // the runner, as stated
		partial          string
	}{
		{"gpu_partial_0.11.4.log", "127.0.0.1:11711", true, 13, 35, 16, 1, 3520 * time.Millisecond, "only 13 of 35 layers are on the GPU"},
		{"gpu_full_0.11.4.log", "127.0.0.1:11711", true, 35, 35, 16, 2, 5790 * time.Millisecond, ""},
		{"cpu_0.33.0.log", "127.0.0.1:11811", false, -1, -1, 2, 1, 1260 * time.Millisecond, ""},
	} {
		r := logReader{path: "testdata/" + c.file}
		r.read()
		number := func(n *int64) int64 {
			if n == nil {
				return -1
			}
			return *n
		}
		if r.listening != c.listening || r.gpu != c.gpu || !r.computes || number(r.layersGPU) != c.onGPU || number(r.layers) != c.of ||
			number(r.slots) != c.slots || r.loads != c.loads || r.started != c.started || len(r.warnings) != 0 {
			t.Errorf("%s: %+v, %d of %d layers, %d slots", c.file, r.facts, number(r.layersGPU), number(r.layers), number(r.slots))
		}
		if got := partial(r.facts, running{}); got != c.partial {
			t.Errorf("%s: %q", c.file, got)
		}
	}
}

func TestLogIsReadOnce(t *testing.T) {
	path := t.TempDir() + "/log"
	write := func(text string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	r := logReader{path: path}
	r.read() // not there yet
	write(`level=WARN msg="truncating input prompt" limit=1` + "\n" + `level=WARN msg="requested context size too large for model" num_ctx=5 n_c`)
	r.read()
	if r.cut != 1 || len(r.warnings) != 0 {
		t.Errorf("%+v", r.facts)
	}
	write("tx_train=2\n")
	r.read()
	r.read()
	if r.cut != 1 || len(r.warnings) != 1 || r.warnings[0] != "ollama: requested context size too large for model" {
		t.Errorf("%+v", r.facts)
	}
}

func TestCutsSilently(t *testing.T) {
	for version, want := range map[string]bool{
		"0.11.4": true, "0.12.5": true, "0.12.6": false, "0.33.0": false, "0.33.0-rc2": false, "1.0.0": false, "0.0.0": true, "dev": true, "": true,
	} {
		if got := cutsSilently(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

func TestCommand(t *testing.T) {
	c := cellOf(t, "")
	c.Platform.Env = map[string]string{"OLLAMA_KEEP_ALIVE": "1h", "MY_API_KEY": "secret"}
	cmd := Command(backends.Spec{Cell: c, GPUs: []string{"GPU-1", "GPU-2"}}, "/opt/ollama", "/models", 1234)
	open, err := json.Marshal(backends.OpenEnv(cmd.Env))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"CUDA_VISIBLE_DEVICES":"GPU-1,GPU-2","GIN_MODE":"release","OLLAMA_HOST":"127.0.0.1:1234","OLLAMA_KEEP_ALIVE":"1h","OLLAMA_MAX_LOADED_MODELS":"1","OLLAMA_MODELS":"/models","OLLAMA_NOPRUNE":"1","OLLAMA_NO_CLOUD":"1","OLLAMA_NUM_PARALLEL":"1"}`
	if string(open) != want || cmd.Env["MY_API_KEY"] != "secret" || strings.Join(cmd.Argv, " ") != "/opt/ollama serve" {
		t.Errorf("%s\n%v", open, cmd.Argv)
	}
}

func TestServedName(t *testing.T) {
	s := source{gguf: "a", digest: strings.Repeat("ab", 32)}
	if got := s.servedName("0.33.0+x"); got != "matrix-abababababababab:0.33.0_x" {
		t.Error(got)
	}
	s.template = "t"
	if got := s.servedName("1"); got != "matrix-abababababababab-"+sum("t")[:8]+":1" {
		t.Error(got)
	}
	if got := (source{name: "gemma3:4b"}).servedName("1"); got != "gemma3:4b" {
		t.Error(got)
	}
}

func TestVersionIsRemembered(t *testing.T) {
	script := t.TempDir() + "/ollama"
	write := func(text string) {
		if err := os.WriteFile(script, []byte("#!/bin/sh\necho x >>"+script+".asked\necho "+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("ollama version is 0.5.1")
	for range 3 {
		if v, err := version(t.Context(), script); err != nil || v != "0.5.1" {
			t.Fatalf("%q, %v", v, err)
		}
	}
	if asked, err := os.ReadFile(script + ".asked"); err != nil || string(asked) != "x\n" {
		t.Errorf("asked %q, %v", asked, err)
	}
	write("Warning: client version is 0.5.20")
	if v, err := version(t.Context(), script); err != nil || v != "0.5.20" {
		t.Errorf("after an upgrade: %q, %v", v, err)
	}
	write("I am something else altogether")
	if v, err := version(t.Context(), script); err == nil || v != "" {
		t.Errorf("no Ollama: %q, %v", v, err)
	}
}

// TestRelativeStore: the server runs in a folder of its own, so OLLAMA_MODELS must not be relative to it.
func TestRelativeStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(file, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Model{{GGUF: file}, {Model: "absent"}} {
		c := &cell.Cell{Platform: &cell.Platform{Env: map[string]string{"OLLAMA_MODELS": "models"}},
			Model: &cell.Model{Parts: m.Parts()}}
		from, _ := resolveModel(c) // the second is not there, its store is known all the same
		cmd := Command(backends.Spec{Cell: c}, "/opt/ollama", from.store, 1234)
		if want := filepath.Join(here, "models"); from.store != want || cmd.Env["OLLAMA_MODELS"] != want {
			t.Errorf("%+v: store %s, OLLAMA_MODELS=%s, want %s", m, from.store, cmd.Env["OLLAMA_MODELS"], want)
		}
	}
}
