package ollama

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/backendtest"
	"matrix/experiments/cell"
)

// cellOf is a cell of the fake in one of its modes.
func cellOf(t *testing.T, mode string) *cell.Cell {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	gguf := filepath.Join(dir, "a.gguf")
	if err := os.WriteFile(gguf, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &cell.Cell{
		Platform: &cell.Platform{
			ID: "ollama", Backend: Name, Binary: binary, Options: cell.Values{"num_ctx": int64(64)},
			Env: map[string]string{"OLLAMA_MODELS": filepath.Join(dir, "models"), "OLLAMA_NUM_PARALLEL": "2", "FAKE_MODE": mode},
		},
		Model:    &cell.Model{ID: "m", Parts: Model{GGUF: gguf}.Parts()},
		Generate: &cell.Generate{MaxTokens: 8, TopP: 1, RepeatPenalty: 1},
	}
}

func TestConformance(t *testing.T) {
	backendtest.Run(t, backendtest.Suite{
		Backend: New(), Cell: func(t *testing.T) *cell.Cell { return cellOf(t, "") },
		TooLong: strings.Repeat("far too long ", 100),
		Can:     backendtest.Can{Streams: true, Abort: true, Kill: true, Phases: true},
	})
}

func TestConformanceChat(t *testing.T) {
	backendtest.Run(t, backendtest.Suite{
		Backend: New(), Cell: func(t *testing.T) *cell.Cell { return cellOf(t, "old") }, Chat: true,
		TooLong: strings.Repeat("far too long ", 100), // cut without a word, and seen all the same
		Can:     backendtest.Can{Streams: true, Abort: true, Phases: true},
	})
}

// launchIn launches a cell in a scratch folder; the engine is closed with the test.
func launchIn(t *testing.T, c *cell.Cell) (backends.Engine, string, error) {
	t.Helper()
	dir := t.TempDir()
	spec := backends.Spec{Cell: c, Attempt: "ollama-" + filepath.Base(filepath.Dir(dir)), Dir: dir, LogPath: filepath.Join(dir, "server.log"),
		Observe: func(backends.Phase) {}, Timeout: 3 * time.Second}
	e, err := New().Launch(t.Context(), spec)
	if err == nil {
		t.Cleanup(func() { _ = e.Close(context.Background()) })
	}
	return e, spec.LogPath, err
}

func TestLaunchFailures(t *testing.T) {
	for _, c := range []struct {
		mode, class string
		environment bool
		words       string
	}{
		{"exit", "port_taken", true, "ended at its start"},
		{"foreign", "port_taken", true, "another server"},
		{"bad_model", "bad_model", false, "invalid file magic"},
		{"hang", "timeout", false, "limits.load"},
		{"oom", "oom", false, "more system memory"},
		{"dies", "unsupported", false, "ollama ended: exit code 0"},
		{"gpu_partial", "partial_offload", false, "only 13 of 35 layers"},
		{"gpu_partial_sizes", "partial_offload", false, "are on the GPU"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			_, _, err := launchIn(t, cellOf(t, c.mode))
			var failed *backends.LaunchError
			if !errors.As(err, &failed) {
				t.Fatalf("launched, or no launch error: %v", err)
			}
			if failed.Class != c.class || failed.Environment != c.environment || !strings.Contains(err.Error(), c.words) {
				t.Errorf("class %q, environment %v: %v", failed.Class, failed.Environment, err)
			}
			if failed.LogTail == "" {
				t.Error("no log tail")
			}
		})
	}
}

func TestMissing(t *testing.T) {
	for name, change := range map[string]func(*cell.Cell){
		"missing_binary": func(c *cell.Cell) { c.Platform.Binary = "/no/such/ollama" },
		"missing_model":  func(c *cell.Cell) { c.Model.Parts[Name]["gguf"] = "/no/such.gguf" },
		"missing_name":   func(c *cell.Cell) { c.Model.Parts = Model{Model: "gemma3:4b"}.Parts() },
	} {
		t.Run(name, func(t *testing.T) {
			c := cellOf(t, "")
			change(c)
			id, err := New().Resolve(t.Context(), c)
			if err == nil {
				err = id.Missing
			}
			if err == nil {
				t.Error("resolve finds nothing missing")
			}
			var failed *backends.LaunchError
			if _, _, err := launchIn(t, c); !errors.As(err, &failed) || !failed.Environment || !strings.HasPrefix(failed.Class, "missing_") {
				t.Errorf("launch: %v", err)
			}
		})
	}
}

// TestModelIsMadeOnce: the second launch finds the model in the store, and the load of neither includes the making.
func TestModelIsMadeOnce(t *testing.T) {
	c := cellOf(t, "gpu")
	c.Model.Parts[Name]["template"] = "{{ .Prompt }} y"
	for i, made := range []int{1, 0} {
		e, log, err := launchIn(t, c)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(log)
		if err != nil || strings.Count(string(text), "created matrix-") != made {
			t.Errorf("launch %d: made %d times, want %d: %v\n%s", i, strings.Count(string(text), "created"), made, err, text)
		}
		info := e.Info()
		if info.Version != "0.33.0" || *info.MaxModelLen != 64 || *info.KVTokens != 128 || *info.LayersGPU != 35 || *info.Layers != 35 ||
			info.Quantization != "F16" || *info.SizeBytes != 1000 || *info.SizeVRAMBytes != 1000 || *info.WeightBytes != 7 || info.Template == "" ||
			info.Footprint == nil || len(info.Warnings) != 0 || info.Env["OLLAMA_NUM_PARALLEL"] != "2" {
			t.Errorf("%+v", info)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e.Info().Cause == nil {
			t.Error("a stopped engine has no cause")
		}
	}
}

// TestDeclaredSplit: who declares num_gpu wants the split.
func TestDeclaredSplit(t *testing.T) {
	c := cellOf(t, "gpu_declared")
	c.Platform.Options["num_gpu"] = int64(13)
	e, _, err := launchIn(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if info := e.Info(); *info.LayersGPU != 13 || *info.Layers != 35 {
		t.Errorf("%d of %d layers", *info.LayersGPU, *info.Layers)
	}
}

func TestAttach(t *testing.T) {
	server := httptest.NewServer((&fake{mode: "gpu", version: "0.33.0", log: t.Output()}).handler())
	defer server.Close()
	c := cellOf(t, "")
	c.Platform.Attach, c.Platform.URL, c.Platform.Binary = true, server.URL+"/", ""
	c.Model.Parts = Model{Model: "gemma3:4b"}.Parts()
	backendtest.Run(t, backendtest.Suite{
		Backend: New(), Cell: func(*testing.T) *cell.Cell { return c }, TooLong: strings.Repeat("far too long ", 100),
		Can: backendtest.Can{Streams: true, Abort: true, Attached: true},
	})
	c.Model.Parts = Model{Model: "absent"}.Parts()
	var failed *backends.LaunchError
	if _, _, err := launchIn(t, c); !errors.As(err, &failed) || failed.Class != "missing_model" || !failed.Environment {
		t.Errorf("absent model: %v", err)
	}
	server.Close()
	if _, _, err := launchIn(t, c); !errors.As(err, &failed) || failed.Class != "unreachable" {
		t.Errorf("no server: %v", err)
	}
}

// TestAttachedKeyStaysPrivate: a key in the address is sent, and no error has it.
func TestAttachedKeyStaysPrivate(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		if !strings.HasSuffix(r.URL.Path, "/api/pull") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, `{"error":"GET %s?%s: no such key"}`, r.URL.Path, asked)
	}))
	defer server.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	c := cellOf(t, "")
	c.Platform.Attach, c.Platform.Binary = true, ""
	c.Model.Parts = Model{Model: "gemma3:4b"}.Parts()
	for _, address := range []string{server.URL, closed.URL, "http://h:port"} {
		c.Platform.URL = address + "/?key=hunter22"
		_, _, attaching := launchIn(t, c)
		_, asking := hub{}.lacking(t.Context(), c)
		fetching := hub{}.fetch(t.Context(), c, backends.Download{Name: "gemma3:4b"}, func(int64, int64) {})
		for _, err := range []error{attaching, asking, fetching} {
			if err == nil || strings.Contains(err.Error(), "hunter22") {
				t.Errorf("%s: %v", address, err)
			}
		}
	}
	if asked != "key=hunter22" {
		t.Errorf("asked %q", asked)
	}
}

// TestAttachedAnew: what becomes of the model while an attached server is measured is seen when it is asked again.
func TestAttachedAnew(t *testing.T) {
	for change, want := range map[string]string{
		`{"models":[]}`: "had unloaded the model",
		`{"models":[{"name":"m:1","digest":"d","size":2147483648,"size_vram":1073741824,"context_length":64}]}`: "2.0 GiB of it were on the GPU at the attach, 1.0 later",
		`{"models":[{"name":"m:1","digest":"d","size":2147483648,"size_vram":2147483648,"context_length":32}]}`: "a context of 32 tokens instead of 64",
		`{"models":[{"name":"m:1","digest":"e","size":2147483648,"size_vram":2147483648,"context_length":64}]}`: "another model under this name",
		`{"models":[{"name":"m:1","digest":"d","size":2147483648,"size_vram":2147483648,"context_length":64}]}`: "",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, change) }))
		size := int64(2 << 30)
		e := &engine{url: server.URL, model: "m:1", window: 64, info: backends.Info{Revision: "d", SizeBytes: &size, SizeVRAMBytes: &size}}
		for range 2 { // said once
			if got := strings.Join(e.Info().Warnings, "; "); !strings.Contains(got, want) || (got == "") != (want == "") {
				t.Errorf("%s: %q, want %q", change, got, want)
			}
		}
		server.Close()
	}
}
