package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

// TestRecipe runs the script, asks the server that it started, and stops it by ^C.
func TestRecipe(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	c := &cell.Cell{Platform: &cell.Platform{ID: "sim", Backend: cell.Simulator, Options: cell.Values{"load_s": 0.0}}, Model: &cell.Model{ID: "m"}}
	script, err := New().Recipe(t.Context(), c, port, backends.Request{})
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM) })
	url := fmt.Sprintf("http://127.0.0.1:%d/v1/models", port)
	if text := await(t, url, ended); !strings.Contains(text, `"m"`) {
		t.Errorf("the server says %s", text)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the script did not end")
	}
	if _, err := http.Get(url); err == nil {
		t.Error("the server outlived its script")
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func await(t *testing.T, url string, ended <-chan error) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		if resp, err := http.Get(url); err == nil {
			defer resp.Body.Close()
			var doc json.RawMessage
			if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
				t.Fatal(err)
			}
			return string(doc)
		}
		select {
		case err := <-ended:
			t.Fatalf("the script ended: %v", err)
		case <-deadline:
			t.Fatal("no answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
