package ollama

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"matrix/backends/fake/answer"
	"matrix/backends/process"
	"matrix/backends/wire"
)

// TestMain makes this test binary a fake Ollama when it is started as one: "ollama serve", "ollama --version".
func TestMain(m *testing.M) {
	process.MainIfAsked()
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Print("Warning: could not connect to a running Ollama instance\nWarning: client version is 0.33.0\n")
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		fakeServe()
		return
	}
	cache, err := os.MkdirTemp("", "matrix-ollama-test-")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_CACHE_HOME", cache) // versions and digests of the test's files are nobody else's
	code := m.Run()
	os.RemoveAll(cache)
	os.Exit(code)
}

// fake is Ollama's API over a store of real form. mode is one way to go wrong.
type fake struct {
	mode, store, version string
	log                  io.Writer
	mu                   sync.Mutex
	loaded               map[string]any // options of the load; nil before
}

func fakeServe() {
	f := &fake{mode: os.Getenv("FAKE_MODE"), store: os.Getenv("OLLAMA_MODELS"), version: "0.33.0", log: os.Stderr}
	if f.mode == "old" {
		f.version = "0.11.4"
	}
	if f.mode == "exit" {
		fmt.Fprintln(f.log, "Error: listen tcp: bind: address already in use")
		os.Exit(1)
	}
	l, err := net.Listen("tcp", os.Getenv("OLLAMA_HOST"))
	if err != nil {
		fmt.Fprintln(f.log, err)
		os.Exit(1)
	}
	if f.mode != "foreign" {
		fmt.Fprintf(f.log, "time=1 level=INFO msg=\"Listening on %s (version %s)\"\n", l.Addr(), f.version)
	}
	library := "cpu"
	if strings.HasPrefix(f.mode, "gpu") {
		library = "cuda"
	}
	fmt.Fprintf(f.log, "time=1 level=INFO msg=\"inference compute\" id=0 library=%s total=\"1 GiB\"\n", library)
	fmt.Fprintln(f.log, http.Serve(l, f.handler()))
}

func (f *fake) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"version":%q}`, f.version) })
	mux.HandleFunc("GET /api/ps", f.ps)
	mux.HandleFunc("POST /api/show", f.show)
	mux.HandleFunc("/api/blobs/{digest}", f.blob)
	mux.HandleFunc("POST /api/create", f.create)
	mux.HandleFunc("POST /api/pull", f.pull)
	mux.HandleFunc("POST /api/generate", f.generate)
	mux.HandleFunc("POST /api/chat", f.generate)
	return mux
}

func (f *fake) show(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Model string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	if asked.Model == "absent" {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":"model 'absent' not found"}`)
		return
	}
	fmt.Fprint(w, `{"template":"{{ .Prompt }} x","capabilities":["completion","thinking"],"details":{"quantization_level":"F16"}}`)
}

func (f *fake) ps(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loaded == nil {
		fmt.Fprint(w, `{"models":[]}`)
		return
	}
	size, vram := 1000, 0
	if strings.HasPrefix(f.mode, "gpu") {
		vram = 1000
	}
	if f.mode == "gpu_partial_sizes" {
		vram = 500
	}
	fmt.Fprintf(w, `{"models":[{"name":%q,"digest":"d1","size":%d,"size_vram":%d,"context_length":%v}]}`,
		f.loaded["name"], size, vram, f.loaded["num_ctx"])
}

func (f *fake) blobPath(digest string) string {
	return filepath.Join(f.store, "blobs", strings.Replace(digest, ":", "-", 1))
}

func (f *fake) blob(w http.ResponseWriter, r *http.Request) {
	path := f.blobPath(r.PathValue("digest"))
	if r.Method == http.MethodHead {
		if _, err := os.Stat(path); err != nil {
			w.WriteHeader(http.StatusNotFound)
		}
		return
	}
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Model, Template string
		Files           map[string]string
	}
	_ = json.NewDecoder(r.Body).Decode(&asked)
	if f.mode == "bad_model" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid file magic"}`)
		return
	}
	fmt.Fprintln(f.log, "created", asked.Model, asked.Template)
	f.manifest(asked.Model, asked.Files["model.gguf"])
	fmt.Fprint(w, `{"status":"success"}`)
}

func (f *fake) manifest(name, digest string) {
	name, tag, _ := strings.Cut(name, ":")
	path := filepath.Join(f.store, "manifests", "registry.ollama.ai", "library", name, tag)
	info, err := os.Stat(f.blobPath(digest))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, fmt.Appendf(nil, `{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":%q,"size":%d}]}`, digest, info.Size()), 0o644)
	}
	if err != nil {
		fmt.Fprintln(f.log, err)
	}
}

func (f *fake) pull(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Model string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	if strings.HasPrefix(asked.Model, "gone") {
		fmt.Fprintln(w, `{"status":"pulling manifest"}`)
		fmt.Fprintln(w, `{"error":"pull model manifest: file does not exist"}`)
		return
	}
	digest := "sha256:" + sum("weights")
	_ = os.MkdirAll(filepath.Join(f.store, "blobs"), 0o755)
	_ = os.WriteFile(f.blobPath(digest), []byte("weights"), 0o644)
	f.manifest(asked.Model, digest)
	for _, n := range []int{2, 7} {
		fmt.Fprintf(w, `{"status":"pulling","digest":%q,"total":7,"completed":%d}`+"\n", digest, n)
	}
	fmt.Fprintln(w, `{"status":"success"}`)
}

// generate loads, or answers with words, 2 ms each.
func (f *fake) generate(w http.ResponseWriter, r *http.Request) {
	var asked request
	_ = json.NewDecoder(r.Body).Decode(&asked)
	prompt := asked.Prompt
	for _, m := range asked.Messages {
		prompt += m.Content
	}
	if prompt == "" {
		f.load(w, r, asked)
		return
	}
	window := int(asked.Options["num_ctx"].(float64))
	in := len(strings.Fields(prompt)) + 1
	if in > window && f.mode != "old" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":"{\"error\":{\"code\":400,\"message\":\"request (%d tokens) exceeds the available context size (%d tokens)\"}}"}`, in, window)
		return
	}
	out := int(asked.Options["num_predict"].(float64))
	protocol := wire.NDJSONGenerate
	if r.URL.Path == wire.NDJSONChat.Path() {
		protocol = wire.NDJSONChat
	}
	form := answer.New(protocol, "", asked.Model, 0)
	say := func(line string) {
		fmt.Fprint(w, line)
		w.(http.Flusher).Flush()
	}
	for range out {
		say(form.Text(`" word"`))
		select {
		case <-r.Context().Done():
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
	decode := time.Duration(out) * 2 * time.Millisecond
	say(form.End("length", answer.Counts{
		Input: int64(min(in, window)), Output: int64(out), Total: 4*time.Millisecond + decode, Load: time.Millisecond, Prefill: 2 * time.Millisecond, Decode: decode,
	}))
}

func (f *fake) load(w http.ResponseWriter, r *http.Request, asked request) {
	switch f.mode {
	case "hang":
		<-r.Context().Done()
		return
	case "oom":
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"error":"model requires more system memory (9 GiB) than is available (1 GiB)"}`)
		return
	case "dies":
		fmt.Fprintln(f.log, "llama_model_load: error loading model: unknown model architecture: 'new'")
		os.Exit(0)
	}
	fmt.Fprintf(f.log, "time=1 level=INFO msg=\"starting llama-server\" cmd=\"llama-server -c 1 -np %s\"\n", os.Getenv("OLLAMA_NUM_PARALLEL"))
	switch f.mode {
	case "gpu_partial", "gpu_declared":
		fmt.Fprintln(f.log, "load_tensors: offloaded 13/35 layers to GPU")
	case "gpu":
		fmt.Fprintln(f.log, "load_tensors: offloaded 35/35 layers to GPU")
	}
	f.mu.Lock()
	f.loaded = map[string]any{"name": asked.Model, "num_ctx": asked.Options["num_ctx"]}
	f.mu.Unlock()
	fmt.Fprintf(w, `{"model":%q,"response":"","done":true,"done_reason":"load"}`, asked.Model)
}
