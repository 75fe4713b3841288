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
