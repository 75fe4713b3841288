package real

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/ollama"
	"matrix/backends/process"
)

// TestOllamaParent is the parent that TestOllamaKilledParent kills; alone it does nothing.
func TestOllamaParent(t *testing.T) {
	ready := os.Getenv("REAL_OLLAMA_READY")
	if ready == "" {
		t.Skip("part of TestOllamaKilledParent")
	}
	dir := engines(t)
	spec := backends.Spec{
		Cell: ollamaCell(t, dir, os.Getenv("REAL_OLLAMA")), Attempt: os.Getenv("REAL_ATTEMPT"), Dir: filepath.Dir(ready),
		LogPath: filepath.Join(filepath.Dir(ready), "server.log"), Observe: func(backends.Phase) {},
	}
	spec.Cell.Platform.Env["OLLAMA_MODELS"] = filepath.Join(filepath.Dir(ready), "models") // removed by the other side
	if _, err := ollama.New().Launch(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ready, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Minute)
}

// TestOllamaKilledParent: a SIGKILL of the program that launched Ollama leaves neither the server nor its runner.
func TestOllamaKilledParent(t *testing.T) {
	for version, binary := range ollamaEras {
		t.Run(version, func(t *testing.T) {
			engines(t, binary, ollamaModel)
			ready, attempt := filepath.Join(t.TempDir(), "ready"), "killed-parent-"+version
			parent := exec.Command("/proc/self/exe", "-test.run=^TestOllamaParent$", "-test.timeout=5m")
			parent.Env = append(os.Environ(), "REAL_OLLAMA_READY="+ready, "REAL_OLLAMA="+binary, "REAL_ATTEMPT="+attempt)
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			within(t, 2*time.Minute, "loaded", func() bool { _, err := os.Stat(ready); return err == nil })
			if pids := process.OfAttempt(attempt); len(pids) < 2 {
				t.Errorf("%v: want the server and its runner", pids)
			}
			_ = parent.Process.Kill()
			_ = parent.Wait()
			within(t, 5*time.Second, "gone", func() bool { return len(process.OfAttempt(attempt)) == 0 })
		})
	}
}

// within waits for something to become true.
func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("not %s after %s", what, d)
			return
		}
	}
}
