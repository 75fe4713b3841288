package real

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/ollama"
	"matrix/backends/process"
	"matrix/backends/recipe"
	"matrix/backends/vllm"
	"matrix/experiments/cell"
)

// script is a recipe that runs in a process group of its own.
type script struct {
	*exec.Cmd
	ended  chan error
	stdout bytes.Buffer
}

// runRecipe starts a recipe as a user would, with a stray variable that must not reach the engine.
func runRecipe(t *testing.T, b backends.Backend, c *cell.Cell, port int, args ...string) *script {
	t.Helper()
	text, err := b.Recipe(t.Context(), c, port, backends.Request{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "recipe.sh")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &script{Cmd: exec.Command("sh", append([]string{file}, args...)...), ended: make(chan error, 1)}
	s.Env = append(os.Environ(), "VLLM_STRAY=1", "OLLAMA_NUM_PARALLEL=7")
	s.Stdout, s.Stderr = &s.stdout, os.Stderr
	s.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		s.ended <- s.Wait()
		close(over)
	}()
	t.Cleanup(func() {
		syscall.Kill(-s.Process.Pid, syscall.SIGKILL) // what a failed test leaves; nothing after stop
		<-over
	})
	return s
}

// stop ends the script as ^C or a service manager would, and sees that nothing outlives it.
func (s *script) stop(t *testing.T) {
	t.Helper()
	s.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		t.Fatal("the script did not end in a minute")
	}
	end := time.Now().Add(10 * time.Second)
	for syscall.Kill(-s.Process.Pid, 0) == nil && time.Now().Before(end) {
		time.Sleep(50 * time.Millisecond)
	}
	if syscall.Kill(-s.Process.Pid, 0) == nil {
		t.Error("a process of the engine outlived the script")
	}
}

// engine is the /proc folder of the process that the script started.
func (s *script) engine(t *testing.T) string {
	t.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.Process.Pid, s.Process.Pid))
	if err != nil || len(strings.Fields(string(list))) == 0 {
		t.Fatalf("the script has no child: %v", err)
	}
	return "/proc/" + strings.Fields(string(list))[0]
}

// settings compares what runs with what a launch would run.
func (s *script) settings(t *testing.T, want backends.Command) {
	t.Helper()
	dir := s.engine(t)
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00"); !slices.Equal(got, want.Argv) {
		t.Errorf("runs  %q\nwants %q", got, want.Argv)
	}
	environ, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		t.Fatal(err)
	}
	env := strings.Split(string(environ), "\x00")
	for name, value := range want.Env {
		if !slices.Contains(env, name+"="+value) {
			t.Errorf("the environment lacks %s=%s", name, value)
		}
	}
	if strings.Contains(string(environ), "VLLM_STRAY") || strings.Contains(string(environ), "OLLAMA_NUM_PARALLEL=7") {
		t.Error("the caller's environment passed")
	}
}

// post asks until there is an answer, or the script has ended.
func (s *script) post(t *testing.T, url, body string) string {
	t.Helper()
	deadline := time.After(6 * time.Minute)
	for {
		resp, err := http.Post(url, "application/json", strings.NewReader(body))
		if err == nil {
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s %s %v", url, resp.Status, text, err)
			}
			return string(text)
		}
		select {
		case err := <-s.ended:
			t.Fatalf("the script ended: %v", err)
		case <-deadline:
			t.Fatal("no answer in 6 minutes")
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestRecipeVLLMServe(t *testing.T) {
	dir := engines(t, vllmPython, vllmModel)
	c, port := vllmCell(dir, vllm.ServeName), freePort(t)
	c.Platform.Args["chat_template"] = writeTemplate(t)
	s := runRecipe(t, vllm.Serve(), c, port)
	answer := s.post(t, fmt.Sprintf("http://127.0.0.1:%d/v1/completions", port), `{"model": "gemma3_270m", "prompt": "The capital of France is", "max_tokens": 8, "temperature": 0}`)
	if !strings.Contains(answer, "capital") && !strings.Contains(answer, "Paris") {
		t.Errorf("answered %s", answer)
	}
	want, err := vllm.Command(backends.Spec{Cell: c}, filepath.Join(dir, vllmPython), port, "gemma3_270m")
	if err != nil {
		t.Fatal(err)
	}
	s.settings(t, want)
	p := newProgram(t)
	p.judged(fmt.Sprintf("http://127.0.0.1:%d/v1", port))
	p.burst(fmt.Sprintf("http://127.0.0.1:%d", port))
	s.stop(t)
}

// writeTemplate is a chat template: the model here is a base model and has none.
func writeTemplate(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chat.jinja")
	if err := os.WriteFile(path, []byte("{% for m in messages %}{{ m.content }}\n{% endfor %}"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRecipeVLLMOffline(t *testing.T) {
	dir := engines(t, vllmPython, vllmModel)
	prompts := filepath.Join(t.TempDir(), "prompts.jsonl")
	lines := `{"prompt": "The capital of France is"}` + "\n" + `{"body": {"prompt": "The capital of Italy is"}}` + "\n"
	if err := os.WriteFile(prompts, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	c := vllmCell(dir, vllm.OfflineName)
	c.BatchSize = 2
	s := runRecipe(t, vllm.Offline(), c, 0, prompts)
	select {
	case err := <-s.ended:
		if err != nil {
			t.Fatalf("the script ended: %v", err)
		}
	case <-time.After(6 * time.Minute):
		t.Fatal("not done in 6 minutes")
	}
	answers := 0
	for line := range strings.Lines(s.stdout.String()) {
		var a struct {
			Text   string
			Tokens int
		}
		if json.Unmarshal([]byte(line), &a) == nil && a.Tokens > 0 {
			answers++
			if a.Tokens != c.Generate.MaxTokens || !strings.Contains(a.Text, "the") && !strings.Contains(a.Text, "Paris") {
				t.Errorf("%d tokens, %q", a.Tokens, a.Text)
			}
		}
	}
	if answers != 2 {
		t.Errorf("%d answers, want 2:\n%s", answers, s.stdout.String())
	}
}

func TestRecipeOllama(t *testing.T) {
	for version, binary := range ollamaEras {
		t.Run(version, func(t *testing.T) {
			dir := engines(t, binary, ollamaModel)
			c, port := ollamaCell(dir, binary, t.TempDir()), freePort(t)
			s := runRecipe(t, ollama.New(), c, port)
			url := fmt.Sprintf("http://127.0.0.1:%d", port)
			model := s.loaded(t, url)
			answer := s.post(t, url+"/api/generate", fmt.Sprintf(`{"model": %q, "prompt": "The capital of France is", "raw": true, "stream": false, "options": {"num_ctx": 1024, "num_predict": 8, "temperature": 0}}`, model))
			if !strings.Contains(answer, "capital") {
				t.Errorf("answered %s", answer)
			}
			s.settings(t, ollama.Command(backends.Spec{Cell: c, Dir: recipe.Scratch}, filepath.Join(dir, binary), c.Platform.Env["OLLAMA_MODELS"], port))
			s.stop(t)
		})
	}
}

// loaded waits until the script has loaded its model, with the context that the platform declares.
func (s *script) loaded(t *testing.T, url string) string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		resp, err := http.Get(url + "/api/ps")
		if err != nil {
			continue
		}
		var ps struct {
			Models []struct {
				Name          string
				ContextLength int `json:"context_length"`
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&ps)
		resp.Body.Close()
		if err == nil && len(ps.Models) == 1 {
			if ps.Models[0].ContextLength != 1024 {
				t.Errorf("loaded with a context of %d tokens, want 1024", ps.Models[0].ContextLength)
			}
			return ps.Models[0].Name
		}
	}
	t.Fatal("no model was loaded in 2 minutes")
	return ""
}
