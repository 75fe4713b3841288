package ollama

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

// TestRecipe runs the script against the fake: it starts the server, loads the model, says so, and stops both.
func TestRecipe(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	c := &cell.Cell{
		Platform: &cell.Platform{ID: "o", Backend: Name, Binary: self, Options: cell.Values{"num_ctx": int64(512)},
			Env: map[string]string{"OLLAMA_MODELS": t.TempDir()}},
		Model:    &cell.Model{ID: "m", Parts: Model{Model: "tiny:latest"}.Parts()},
		Generate: &cell.Generate{MaxTokens: 4},
	}
	text, err := New().Recipe(t.Context(), c, port, backends.Request{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The model was not found where this was written", `"options":{"num_ctx":512}`, `"num_predict":4`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	cmd := exec.Command("sh", "-c", text)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	url := "http://127.0.0.1:" + strconv.Itoa(port)
	line, err := bufio.NewReader(out).ReadString('\n')
	if want := "ready: " + url + ", model tiny:latest\n"; err != nil || line != want {
		t.Errorf("said %q (%v), want %q", line, err, want)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 143 {
		t.Errorf("ended with %v, want exit status 143", err)
	}
	if resp, err := http.Get(url + "/api/version"); err == nil {
		resp.Body.Close()
		t.Error("the server outlived its script")
	}
}
