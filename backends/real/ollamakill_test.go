package real

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/ollama"
	"matrix/backends/process"
)

// ollamaParent is the parent that TestOllamaKilledParent kills.
func ollamaParent() {
	ready := os.Getenv("REAL_READY")
	dir := filepath.Dir(ready)
	spec := backends.Spec{
		Cell: ollamaCell(os.Getenv("REAL_ENGINES"), os.Getenv("REAL_OLLAMA"), filepath.Join(dir, "models")), Attempt: os.Getenv("REAL_ATTEMPT"),
		Dir: dir, LogPath: filepath.Join(dir, "server.log"), Observe: func(backends.Phase) {},
	}
	if _, err := ollama.New().Launch(context.Background(), spec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := os.WriteFile(ready, nil, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	time.Sleep(5 * time.Minute)
}

// TestOllamaKilledParent: a SIGKILL of the program that launched Ollama leaves neither the server nor its runner.
func TestOllamaKilledParent(t *testing.T) {
	for version, binary := range ollamaEras {
		t.Run(version, func(t *testing.T) {
			dir := engines(t, binary, ollamaModel)
			ready, attempt := filepath.Join(t.TempDir(), "ready"), "killed-parent-"+version
			parent := exec.CommandContext(within(t, 2*time.Minute), "/proc/self/exe")
			parent.Env = append(os.Environ(), "REAL_ENGINES="+dir, "REAL_OLLAMA="+binary, "REAL_READY="+ready, "REAL_ATTEMPT="+attempt)
			parent.Stderr = t.Output()
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			await(t, 2*time.Minute, "loaded", func() bool { _, err := os.Stat(ready); return err == nil })
			if pids := process.OfAttempt(attempt); len(pids) < 2 {
				t.Errorf("%v: want the server and its runner", pids)
			}
			_ = parent.Process.Kill()
			_ = parent.Wait()
			await(t, 5*time.Second, "gone", func() bool { return len(process.OfAttempt(attempt)) == 0 })
		})
	}
}

// await waits for something to become true.
func await(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("not %s after %s", what, d)
			return
		}
	}
}
