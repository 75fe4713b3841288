package llamacpp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/launched"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// TestLoadLog reads the log of a real start: the parts of a load, and what the API does not tell.
func TestLoadLog(t *testing.T) {
	text, err := os.ReadFile("testdata/cpu_xllamacpp_2026.10.11549.log")
	if err != nil {
		t.Fatal(err)
	}
	phases, entered := map[string]time.Duration{}, []string{}
	began := time.Now()
	l := newLoadLog(began, backends.Spec{Observe: func(p backends.Phase) { phases[p.Name] += p.Duration }, Entered: func(p string) { entered = append(entered, p) }})
	late := began.Add(time.Minute) // all of it is read at once, much later than it was written
	l.line(began.Add(500*time.Millisecond), "0.00.000.000 I first")
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		l.line(late, lines.Text())
	}
	l.ready(began.Add(23500 * time.Millisecond))
	for phase, want := range map[string]time.Duration{"import": 518867 * time.Microsecond, "workers": 8728230 * time.Microsecond} {
		if phases[phase] != want {
			t.Errorf("%s took %v, want %v", phase, phases[phase], want)
		}
	}
	var sum time.Duration
	for _, d := range phases {
		sum += d
	}
	if len(phases) != 5 || sum != 23500*time.Millisecond || phases["weights"] < 8*time.Second || phases["kv_init"] < 4*time.Second {
		t.Errorf("%v, together %v", phases, sum)
	}
	if !slices.Equal(entered, []string{"workers", "weights", "kv_init"}) {
		t.Errorf("entered %v", entered)
	}
	told := l.told()
	if told.layers == nil || *told.layers != 19 || told.layersGPU != nil || told.devices != nil || told.warnings != nil || told.weightBytes < 247e6 || told.weightBytes > 260e6 {
		t.Errorf("%+v", told)
	}
}

// TestLogWarnings: what a real llama-server of 2026 wrote when it could not do as it was told; what it always writes is
// nothing to tell.
func TestLogWarnings(t *testing.T) {
	var f facts
	for _, line := range []string{
		"warning: no usable GPU found, --gpu-layers option will be ignored",
		"warning: consult docs/build.md for compilation instructions",
		"0.00.005.211 W srv  llama_server: security: no API key is set and CORS allows all origins",
		"0.04.558.557 W load: control-looking token:    212 '</s>' was not control-type; this is probably a bug in the model.",
		"0.04.858.562 W llama_context: n_ctx_seq (45056) > n_ctx_train (32768) -- possible training context overflow",
		"0.05.858.562 W llama_context: n_ctx_seq (45056) > n_ctx_train (32768) -- possible training context overflow",
		"0.06.955.258 W srv    load_model: the slot context (45056) exceeds the training context of the model (32768) - capping",
		"0.07.817.146 I srv    load_model: use `--cache-ram 0` to disable the prompt cache",
	} {
		f.take(line)
	}
	if want := []string{"llama.cpp warns: no usable GPU found, --gpu-layers option will be ignored",
		"llama.cpp warns: n_ctx_seq (45056) > n_ctx_train (32768) -- possible training context overflow",
		"llama.cpp warns: the slot context (45056) exceeds the training context of the model (32768) - capping"}; !slices.Equal(f.warnings, want) {
		t.Errorf("%q", f.warnings)
	}
}

// TestPhasesOfAnOldBuild: without stamps and marks there is what the clock says, and nothing is made up.
func TestPhasesOfAnOldBuild(t *testing.T) {
	phases := map[string]time.Duration{}
	began := time.Now()
	l := newLoadLog(began, backends.Spec{Observe: func(p backends.Phase) { phases[p.Name] += p.Duration }})
	l.line(began.Add(time.Second), "main: loading model")
	l.line(began.Add(4*time.Second), "srv    load_model: initializing slots, n_slots = 4")
	l.ready(began.Add(5 * time.Second))
	if len(phases) != 3 || phases["import"] != time.Second || phases["kv_init"] != 3*time.Second || phases["ready"] != time.Second {
		t.Error(phases)
	}
}

// TestPartial: a model that lies beside the GPU is found, unless that was asked for or no GPU was given.
func TestPartial(t *testing.T) {
	of := func(on, all int64) facts { return facts{layersGPU: &on, layers: &all, devices: []string{"CUDA0"}} }
	for _, c := range []struct {
		name string
		told facts
		gpus []string
		args cell.Values
		want string
	}{
		{"all", of(19, 19), []string{"GPU-1"}, nil, ""},
		{"some", of(12, 19), nil, nil, "only 12 of 19 layers are on the GPU"},
		{"declared", of(12, 19), nil, cell.Values{"n_gpu_layers": int64(12)}, ""},
		{"a build for CPUs", facts{}, []string{"GPU-1"}, nil, "no layer is on the GPU: this build of llama.cpp found none"},
		{"no GPU", facts{}, nil, nil, ""},
	} {
		spec := backends.Spec{GPUs: c.gpus, Cell: &cell.Cell{Platform: &cell.Platform{Args: c.args}}}
		if got := partial(c.told, spec); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func testCell(args cell.Values) *cell.Cell {
	return &cell.Cell{
		Platform: &cell.Platform{Backend: Name, Args: args}, Generate: &cell.Generate{MaxTokens: 8, TopP: 1},
		Model:     &cell.Model{ID: "m", Parts: map[string]cell.Values{Name: {"gguf": "/m.gguf"}}},
		Isolation: &cell.Isolation{PrefixCache: "off"},
	}
}

// TestCommand: arguments pass through in snake_case, to a llama-server as flags and to the wheel as a file.
func TestCommand(t *testing.T) {
	spec := backends.Spec{Cell: testCell(cell.Values{"ctx_size": int64(4096), "mmap": false, "jinja": true, "flash_attn": "on",
		"tensor_split": []any{int64(3), int64(1)}, "rope_freq_scale": 0.5, "seed": nil}), Dir: "/d", GPUs: []string{"GPU-1", "GPU-2"}}
	c, err := command(spec, program{path: "/bin/llama-server"}, 8123, "n")
	if err != nil {
		t.Fatal(err)
	}
	want := "/bin/llama-server --alias n --ctx-size 4096 --flash-attn on --host 127.0.0.1 --jinja --log-verbosity 4 --metrics --no-mmap --model /m.gguf --port 8123 --rope-freq-scale 0.5 --tensor-split 3,1"
	if got := strings.Join(c.Argv, " "); got != want || c.Env["CUDA_VISIBLE_DEVICES"] != "GPU-1,GPU-2" {
		t.Errorf("%s\nwant %s, %v", got, want, c.Env)
	}
	c, err = command(spec, program{path: "/bin/python", wheel: true}, 8123, "n")
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal([]byte(c.Files[configFile]), &config); err != nil || config["ctx_size"] != 4096.0 || config["alias"] != "n" || config["mmap"] != false {
		t.Errorf("%v, %v", config, err)
	}
	if got := strings.Join(c.Argv, " "); got != "/bin/python -P -u /d/serve.py /d/config.json" || c.Files[serveFile] == "" {
		t.Errorf("%s, %v", got, c.Files)
	}
}

// TestBody: no parameter is left to the server, whose defaults are a chat's, and an entry's own fields win.
func TestBody(t *testing.T) {
	req := backends.Request{Prompt: "p", MaxTokens: 4, Generate: &cell.Generate{TopP: 1, TopK: 5, IgnoreEOS: true}, Extra: map[string]json.RawMessage{"min_p": json.RawMessage("0.2")}}
	text, _ := body(req, "m", false)
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"cache_prompt": false, "top_k": 5.0, "min_p": 0.2, "repeat_penalty": 1.0, "ignore_eos": true, "temperature": 0.0, "top_p": 1.0, "max_tokens": 4.0} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// TestFormat: a choice is sent as a grammar, a schema and JSON as OpenAI has them; an entry's own form goes before all.
func TestFormat(t *testing.T) {
	const grammar = `root ::= "yes" | "a \"b\"\n\\" | "ö"`
	choice, schema := cell.ResponseFormat{Choice: []string{"yes", "a \"b\"\n\\", "ö"}}, cell.ResponseFormat{Schema: `{"type":"object"}`}
	own := map[string]json.RawMessage{"response_format": json.RawMessage(`{"type":"json_object"}`)}
	for name, c := range map[string]struct {
		format cell.ResponseFormat
		extra  map[string]json.RawMessage
		has    string // the field that asks
	}{
		"choice": {choice, nil, "grammar"}, "schema": {schema, nil, "response_format"}, "own": {choice, own, "response_format"},
	} {
		req := backends.Request{Messages: []backends.Message{{Role: "user", Content: "q"}}, MaxTokens: 4, Generate: &cell.Generate{TopP: 1, Format: c.format}, Extra: c.extra}
		text, _ := body(req, "m", false)
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		for _, field := range append([]string{"grammar"}, cell.FormatFields...) {
			if (got[field] != nil) != (field == c.has) {
				t.Errorf("%s: %s is %v", name, field, got[field])
			}
		}
		if c.has == "grammar" && got["grammar"] != grammar {
			t.Errorf("%s, want %s", got["grammar"], grammar)
		}
		if !slices.Equal(req.Generate.Format.Choice, c.format.Choice) {
			t.Errorf("%s: the cell's own settings were changed", name)
		}
	}
	if refuses(nil, "structured_outputs", "") == "" || refuses(nil, "guided_regex", "") == "" || refuses(nil, "response_format", "json_schema") != "" || refuses(nil, "tools", "") != "" {
		t.Error("what is refused")
	}
}

// TestRefusedSchema: what llama-server has no grammar for fails with its words, at once and not asked again; another form does not.
func TestRefusedSchema(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if strings.Contains(string(text), "frob") {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":{"code":400,"message":"JSON schema conversion failed: Unrecognized schema: {\"type\":\"frob\"}","type":"invalid_request_error"}}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, `data: {"model":"m","choices":[{"index":0,"text":"{}","delta":{"content":"{}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`+"\n\ndata: [DONE]\n\n")
	}))
	defer server.Close()
	for schema, want := range map[string]backends.Reply{
		`{"type":"frob"}`:   {Status: backends.Failed, ErrorClass: "http_400", Error: "JSON schema conversion failed"},
		`{"type":"object"}`: {Status: backends.OK},
	} {
		req := backends.Request{Prompt: "q", MaxTokens: 4, Timeout: time.Minute, Generate: &cell.Generate{TopP: 1, Format: cell.ResponseFormat{Schema: schema}}}
		text, protocol := body(req, "m", false)
		r := wire.New(wire.Options{NoReuse: true}).Do(t.Context(), wire.Call{URL: server.URL + protocol.Path(), Body: text, Protocol: protocol, Model: "m", Request: req})
		if r.Status != want.Status || r.ErrorClass != want.ErrorClass || !strings.Contains(r.Error, want.Error) || r.Attempts != 1 {
			t.Errorf("%s: %s %q (%s) after %d", schema, r.Status, r.ErrorClass, r.Error, r.Attempts)
		}
	}
}

// TestFit holds the caches against what a real start said of Gemma 3 270M with 4 slots of 1,024 tokens: 12 MiB in 3 full
// layers and 60 MiB in 15 with a window of 512.
func TestFit(t *testing.T) {
	c := testCell(cell.Values{"ctx_size": int64(4096), "parallel": int64(4)})
	c.Hardware = &cell.Hardware{VRAMGiB: 16, GPUs: 1}
	c.Model.Architecture = &cell.Architecture{Layers: 18, HiddenSize: 640, Heads: 4, KVHeads: 1, HeadDim: 256, VocabSize: 262144,
		IntermediateSize: 2048, SlidingWindow: 512, FullLayers: 3, WeightsGiB: 0.23}
	f := fit(c, 0)
	if f.KVGiBPerSequence == nil || *f.KVGiBPerSequence*4*1024 != 72 || f.BudgetGiB == nil || *f.BudgetGiB != 15 || f.MaxSequences == nil || *f.MaxSequences != 4 {
		t.Errorf("%+v", f)
	}
}

// TestFailures: the words in which builds end.
func TestFailures(t *testing.T) {
	for text, want := range map[string]string{
		"error: invalid argument: --no-such": "bad_argument", "couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 1": "port_taken",
		"ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9 MiB on device 0: cudaMalloc failed: out of memory": "oom",
		"ModuleNotFoundError: No module named 'xllamacpp'":                                                           "missing_binary", "xllamacpp 1 has no argument nope": "bad_argument",
		"gguf_init_from_file_ptr: invalid magic characters: 'abcd', expected 'GGUF'": "bad_model", "?": "exited",
	} {
		if got, _ := launched.Classify(failures, text); got.Class != want {
			t.Errorf("%s: %s, want %s", text, got.Class, want)
		}
	}
}

// TestFind: a program that is not there says what to set.
func TestFind(t *testing.T) {
	if _, err := find(&cell.Platform{Binary: filepath.Join(t.TempDir(), "none")}); err == nil || !strings.Contains(err.Error(), "set platform.binary") {
		t.Error(err)
	}
	if m := reVersion.FindStringSubmatch("version: 1.2 (build 11434, commit abc123)"); m == nil || m[2] != "11434" || m[3] != "abc123" {
		t.Errorf("%q", m)
	}
	if m := reVersion.FindStringSubmatch("version: 6789 (abc123)"); m == nil || m[1] != "6789" || m[3] != "abc123" {
		t.Errorf("%q", m)
	}
}

// TestVersion: a build that does not know its commit goes by its version, since "b0-unknown" would be every such build.
func TestVersion(t *testing.T) {
	for said, want := range map[string]string{
		"version: 6789 (abc123)": "b6789-abc123", "version: 0.6.0 (build 11434, commit abc123)": "b11434-abc123",
		"version: 0.6.0-dev (build 0, commit unknown)": "0.6.0-dev",
	} {
		path := filepath.Join(t.TempDir(), "llama-server")
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+said+"' >&2\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if got, err := (program{path: path}).version(t.Context()); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", said, got, err, want)
		}
	}
}
