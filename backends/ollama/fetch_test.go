package ollama

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
)

func TestFetch(t *testing.T) {
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/library/gemma3/manifests/4b" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"config":{"digest":"sha256:%s","size":3},"layers":[{"digest":"sha256:%s","size":7}]}`, sum("config"), sum("weights"))
	}))
	defer remote.Close()
	c := cellOf(t, "")
	c.Model.Parts = Model{Model: "gemma3:4b"}.Parts()
	b := hub{registry: remote.URL}
	lacking, err := b.lacking(t.Context(), c)
	if err != nil || len(lacking) != 1 || *lacking[0].Bytes != 10 || lacking[0].Into != c.Platform.Env["OLLAMA_MODELS"] {
		t.Fatalf("%+v, %v", lacking, err)
	}
	var done, total int64
	if err := b.fetch(t.Context(), c, lacking[0], func(d, t int64) { done, total = d, t }); err != nil || done != 7 || total != 7 {
		t.Errorf("%d of %d: %v", done, total, err)
	}
	if lacking, err := b.lacking(t.Context(), c); err != nil || len(lacking) != 0 {
		t.Errorf("after the fetch: %+v, %v", lacking, err)
	}
	if id, err := New().Resolve(t.Context(), c); err != nil || id.Missing != nil || id.Model["digest"] == "" || id.Version != "0.33.0" {
		t.Errorf("%+v, %v", id, err)
	}
	c.Model.Parts[Name]["model"] = "gone:1"
	if _, err := b.lacking(t.Context(), c); err == nil || !strings.Contains(err.Error(), "registry.ollama.ai has no model gone:1") {
		t.Errorf("no such model: %v", err)
	}
	if err := b.fetch(t.Context(), c, backends.Download{Name: "gone:1", Into: lacking[0].Into}, func(int64, int64) {}); err == nil {
		t.Error("a pull that failed is a success")
	}
}

func TestReference(t *testing.T) {
	for name, want := range map[string]string{
		"gemma3":                           "https://registry.ollama.ai/v2/library/gemma3/manifests/latest gemma3:latest",
		"gemma3:4b-it-fp16":                "https://registry.ollama.ai/v2/library/gemma3/manifests/4b-it-fp16 gemma3:4b-it-fp16",
		"me/mine":                          "https://registry.ollama.ai/v2/me/mine/manifests/latest me/mine:latest",
		"hf.co/org/repo:Q4_K_M":            "https://hf.co/v2/org/repo/manifests/Q4_K_M hf.co/org/repo:Q4_K_M",
		"http://127.0.0.1:5000/lab/tiny:1": "http://127.0.0.1:5000/v2/lab/tiny/manifests/1 127.0.0.1:5000/lab/tiny:1",
		"https://lab:5000/a/b":             "https://lab:5000/v2/a/b/manifests/latest lab:5000/a/b:latest",
	} {
		r, err := parseReference(name)
		if got := (hub{registry: registry}).remote(r).manifest + " " + r.name(); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"", "a/b/c/d", "http://x", "a:", "/m"} {
		if r, err := parseReference(name); err == nil {
			t.Errorf("%q is %+v", name, r)
		}
	}
}

// TestRegistryTrouble: what a user reads when a registry does not give a model.
func TestRegistryTrouble(t *testing.T) {
	status := http.StatusOK
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
	defer remote.Close()
	c := cellOf(t, "")
	name := remote.URL + "/lab/tiny:1"
	c.Model.Parts = Model{Model: name}.Parts()
	for code, want := range map[int]string{404: "has no model", 500: "answered 500", 200: "pull "} {
		status = code
		if _, err := New().Lacking(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v, want %q", code, err, want)
		}
	}
	status = http.StatusUnauthorized // Ollama signs its requests, we do not
	lacking, err := New().Lacking(t.Context(), c)
	if err != nil || len(lacking) != 1 || lacking[0].Bytes != nil {
		t.Errorf("a private model: %+v, %v", lacking, err)
	}
	remote.Close()
	if _, err := New().Lacking(t.Context(), c); err == nil || !strings.Contains(err.Error(), "cannot reach 127.0.0.1") {
		t.Errorf("no network: %v", err)
	}
	c.Model.Parts[Name]["model"] = "http://registry.lab:5000/a/b"
	if err := New().Fetch(t.Context(), c, backends.Download{Name: modelOf(c.Model).Model, Into: t.TempDir()}, nil); err == nil || !strings.Contains(err.Error(), "without TLS") {
		t.Errorf("a far registry without TLS: %v", err)
	}
}

// TestPullErrors are the words of Ollama 0.33's pull, and ours for them.
func TestPullErrors(t *testing.T) {
	r, err := parseReference("gemma3:4b")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"pull model manifest: file does not exist":                                                     "registry.ollama.ai has no model gemma3:4b",
		`pull model manifest: Get "https://r/v2/m": dial tcp: lookup registry.ollama.ai: no such host`: "cannot reach registry.ollama.ai",
		"pull model manifest: unauthorized: access denied":                                             "id_ed25519.pub",
		"write /m/blobs/sha256-1-partial: no space left on device":                                     "the disk is full",
		"max retries exceeded: EOF":                                                                    "pull gemma3:4b: ",
	} {
		if got := r.explain(&apiError{200, text}); !strings.Contains(got.Error(), want) {
			t.Errorf("%s: %v, want %q", text, got, want)
		}
	}
}

func TestFetchAttached(t *testing.T) {
	pulled := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/pull":
			pulled = "tiny:1"
			fmt.Fprintln(w, `{"status":"success"}`)
		case r.URL.Path == "/api/show" && pulled == "":
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"model 'tiny:1' not found"}`)
		default:
			fmt.Fprintf(w, `{"layers":[{"digest":"sha256:%s","size":7}]}`, sum("weights"))
		}
	}))
	defer server.Close()
	c := cellOf(t, "")
	c.Platform = &cell.Platform{ID: "o", Backend: Name, Attach: true, URL: server.URL}
	c.Model.Parts = Model{Model: "tiny:1"}.Parts()
	b := hub{registry: server.URL}
	lacking, err := b.lacking(t.Context(), c)
	if err != nil || len(lacking) != 1 || *lacking[0].Bytes != 7 || lacking[0].Into != server.URL {
		t.Fatalf("%+v, %v", lacking, err)
	}
	if err := b.fetch(t.Context(), c, lacking[0], func(int64, int64) {}); err != nil || pulled != "tiny:1" {
		t.Errorf("pulled %q: %v", pulled, err)
	}
	if lacking, err = b.lacking(t.Context(), c); err != nil || len(lacking) != 0 {
		t.Errorf("after the fetch: %+v, %v", lacking, err)
	}
}

func TestPullCanceled(t *testing.T) {
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see the client go
		fmt.Fprintln(w, `{"status":"pulling manifest"}`)
		w.(http.Flusher).Flush()
		close(asked)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	go func() {
		<-asked
		cancel(enough)
	}()
	r, _ := parseReference("tiny:1")
	if err := newAPI(server.URL).pull(ctx, r, func(int64, int64) {}); !errors.Is(err, enough) {
		t.Errorf("a pull that was canceled: %v", err)
	}
}
