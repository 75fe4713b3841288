package process

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, c := range []struct {
		text   string
		offset int64
		n      int
		want   string
	}{
		{"a\nb\nc\n", 0, 2, "b\nc"},
		{"a\nb", 0, 5, "a\nb"},
		{"", 0, 5, ""},
		{"  0%\r 50%\r100%\r\ndone\n", 0, 5, "100%\ndone"},
		{"earlier\nnow\n", 8, 5, "now"},
		{strings.Repeat("x\n", 300_000) + "end\n", 0, 1, "end"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := TailFrom(path, c.offset, c.n); got != c.want {
			t.Errorf("tail of %.20q: %q, want %q", c.text, got, c.want)
		}
	}
	if got := Tail(filepath.Join(t.TempDir(), "absent"), 3); got != "" {
		t.Errorf("absent: %q", got)
	}
}

func TestWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan string, 10)
	var wg sync.WaitGroup
	wg.Go(func() { Watch(ctx, path, 4, func(line string) { seen <- line }) })
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteString("old\nfirst\nsec")
	got := []string{<-seen}
	f.WriteString("ond\n")
	got = append(got, <-seen)
	f.WriteString("unfinished")
	cancel()
	wg.Wait()
	got = append(got, <-seen)
	if want := []string{"first", "second", "unfinished"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestEnv(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://proxy")
	t.Setenv("HF_TOKEN", "secret")
	t.Setenv("VLLM_USE_V1", "0")
	t.Setenv("LC_ALL", "C")
	t.Setenv("CUDA_VISIBLE_DEVICES", "3")
	env := Env(map[string]string{"CUDA_VISIBLE_DEVICES": "GPU-1", "OWN": "x"})
	for _, want := range []string{"LC_ALL=C", "CUDA_VISIBLE_DEVICES=GPU-1", "OWN=x", "PATH=" + os.Getenv("PATH")} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains([]string{"HTTPS_PROXY", "HF_TOKEN", "VLLM_USE_V1"}, name) {
			t.Errorf("passed: %s", name)
		}
	}
}

func TestPortsAndLimits(t *testing.T) {
	port, err := FreePort()
	if err != nil || port == 0 || !PortFree(port) {
		t.Errorf("free port %d: %v", port, err)
	}
	soft, hard := RaiseFileLimit()
	if soft == 0 || soft > hard {
		t.Errorf("limits %d, %d", soft, hard)
	}
	if again, _ := RaiseFileLimit(); again != soft {
		t.Errorf("raised twice: %d, then %d", soft, again)
	}
}

func TestTailFromIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(strings.Repeat("y", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := len(Tail(path, 1)); n > 256<<10 {
		t.Errorf("%d bytes", n)
	}
}

// What an engine said last, for a screen: progress bars, colours, bells and broken bytes included.
func TestLastLine(t *testing.T) {
	for name, tt := range map[string][2]string{
		"vLLM":           {"(EngineCore pid=1048) INFO 11-23 19:54:52 [kv_cache_utils.py:1733] GPU KV cache size: 452,931 tokens\n", "GPU KV cache size: 452,931 tokens"},
		"progress bar":   {"(EngineCore pid=1048) Capturing CUDA graphs:   0%|   | 0/51\r(EngineCore pid=1048) Capturing CUDA graphs:  6%|▌  | 3/51", "Capturing CUDA graphs:  6%|▌  | 3/51"},
		"Ollama":         {`time=2026-11-23T20:51:04.874Z level=INFO source=ggml.go:379 msg="model weights" buffer=CUDA0 size="7.2 GiB"` + "\n", `model weights buffer=CUDA0 size="7.2 GiB"`},
		"uvicorn":        {"(APIServer pid=7) INFO:     Application startup complete.\n\n\n", "Application startup complete."},
		"colours, bells": {"\x1b[31mno\x1b[0m \x07room\x1b]0;title\x07 left\x1b[2J\n", "no  room left"},
		"broken bytes":   {"a\xffb\n", "a\uFFFDb"},
		"nothing":        {"\n\n", ""},
	} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte("earlier launch\n"+tt[0]), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := LastLine(path, int64(len("earlier launch\n"))); got != tt[1] {
			t.Errorf("%s: %q, want %q", name, got, tt[1])
		}
	}
	if got := LastLine(filepath.Join(t.TempDir(), "none"), 0); got != "" {
		t.Errorf("without a log: %q", got)
	}
}

// TestWatchLongLine: what has no line feed comes in pieces, and nothing of it is lost.
func TestWatchLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	text := strings.Repeat("x", 3*watchBytes+7)
	if err := os.WriteFile(path, []byte(text+"\nlast\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var got []string
	Watch(ctx, path, 0, func(line string) { got = append(got, line) })
	if len(got) != 5 || strings.Join(got[:4], "") != text || got[4] != "last" || len(got[0]) != watchBytes {
		t.Errorf("%d lines", len(got))
	}
}
