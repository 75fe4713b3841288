package vllm

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

func TestMain(m *testing.M) {
	process.MainIfAsked()
	os.Exit(m.Run())
}

// fakeCell runs python3 with the fake vllm package of testdata; fake says what goes wrong in it.
func fakeCell(t *testing.T, backend, fake string) *cell.Cell {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	path, err := filepath.Abs("testdata/fake")
	if err != nil {
		t.Fatal(err)
	}
	return &cell.Cell{
		Platform: &cell.Platform{
			ID: "p", Backend: backend, Args: cell.Values{"max_model_len": int64(2048)},
			Env: map[string]string{"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "FAKE": fake},
		},
		Model:     &cell.Model{ID: "m", Parts: Model{Model: t.TempDir()}.Parts()},
		Generate:  &cell.Generate{MaxTokens: 4, TopP: 1, RepeatPenalty: 1},
		Isolation: &cell.Isolation{PrefixCache: "off"},
	}
}

// phased collects the phases of one launch beside its engine.
type phased struct {
	backends.Engine
	mu     sync.Mutex
	phases map[string]time.Duration
}

func fakeSpec(t *testing.T, c *cell.Cell, observe func(backends.Phase)) backends.Spec {
	dir := t.TempDir()
	return backends.Spec{
		Cell: c, Attempt: "test-" + filepath.Base(dir) + filepath.Base(filepath.Dir(dir)), Dir: dir,
		LogPath: filepath.Join(dir, "server.log"), Observe: observe, Timeout: time.Minute,
	}
}

func launchFake(t *testing.T, c *cell.Cell) *phased {
	t.Helper()
	l := &phased{phases: map[string]time.Duration{}}
	e, err := backendOf(c).Launch(t.Context(), fakeSpec(t, c, func(p backends.Phase) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.phases[p.Name] = p.Duration
	}))
	if err != nil {
		t.Fatal(err)
	}
	l.Engine = e
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func backendOf(c *cell.Cell) backends.Backend {
	if c.Platform.Backend == ServeName {
		return Serve()
	}
	return Offline()
}

func fakeRequest(seq int64, prompt string) backends.Request {
	return backends.Request{
		Seq: seq, Prompt: prompt, MaxTokens: 4, Timeout: time.Minute,
		Generate: &cell.Generate{MaxTokens: 4, TopP: 1, RepeatPenalty: 1},
	}
}
