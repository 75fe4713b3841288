package ollama

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"matrix/backends"
)

// goTool puts a go command on PATH that knows one version of Ollama's module, and installs a program that is none.
func goTool(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	script := `#!/bin/sh
case "$*" in
*@v0.33.0) ;;
*) echo '{"Error":"unknown revision"}'; exit 1 ;;
esac
case "$1" in
mod) echo '{"Dir":"/x","Sum":"h1:abc=","Zip":"'"$0"'"}' ;;
install) mkdir -p "$GOBIN" && echo "built with $CGO_ENABLED: $*" >"$GOBIN/ollama" ;;
esac
`
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
}

func TestPin(t *testing.T) {
	goTool(t)
	source, bytes, err := pin(t.Context(), "0.33.0", true)
	if err != nil || source != "github.com/ollama/ollama@v0.33.0 h1:abc=" || bytes == 0 {
		t.Errorf("pinned %q, %d bytes, %v", source, bytes, err)
	}
	for version, want := range map[string]string{"0.17.4": "headers are left out", "0.24.0": "headers are left out", "0.31.0": "no llama-server in it"} {
		var fault *backends.Fault
		if _, _, err := pin(t.Context(), version, false); !errors.As(err, &fault) || !strings.Contains(err.Error(), want) || !strings.Contains(fault.Hint, "binary") {
			t.Errorf("%s: %v, want %q with an advice", version, err, want)
		}
	}
	for _, version := range []string{"0.11.4", "0.33.99"} { // that it builds is not the question: the proxy has none
		if _, _, err := pin(t.Context(), version, true); err == nil || !strings.Contains(err.Error(), "unknown revision") {
			t.Errorf("%s: %v", version, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, _, err := pin(t.Context(), "0.33.0", true); err == nil || !strings.Contains(err.Error(), "no go command") {
		t.Errorf("without go: %v", err)
	}
}

func TestBuild(t *testing.T) {
	goTool(t)
	folder := t.TempDir()
	if err := build(t.Context(), "0.33.0", "github.com/ollama/ollama@v0.33.0 h1:other=", folder); err == nil || !strings.Contains(err.Error(), "checksum mismatch") {
		t.Errorf("other sources than were locked: %v", err)
	}
	if err := build(t.Context(), "0.33.0", "github.com/ollama/ollama@v0.33.0 h1:abc=", folder); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "bin", "ollama"))
	if err != nil || !strings.Contains(string(text), "built with 1: install") || !strings.Contains(string(text), "version.Version=0.33.0") {
		t.Errorf("built is %q, %v", text, err)
	}
	from, to := filepath.Join(folder, "from"), filepath.Join(folder, "to")
	if err := os.WriteFile(from, []byte("a model"), 0o644); err != nil {
		t.Fatal(err)
	}
	quantize := filepath.Join(folder, "lib", "ollama", "llama-quantize")
	if out, err := exec.Command(quantize, "--allow-requantize", from, to, "COPY").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if text, _ := os.ReadFile(to); string(text) != "a model" {
		t.Errorf("copied is %q", text)
	}
	if out, err := exec.Command(quantize, "--allow-requantize", from, to, "Q4_K_M").CombinedOutput(); err == nil || !strings.Contains(string(out), "not here") {
		t.Errorf("it quantises: %s", out)
	}
}

// wheel is a module that takes what Ollama's flags become, and says it.
const wheel = `
class Kind:
    def __init__(self, **members): self.__members__ = members
llama_flash_attn_type = Kind(LLAMA_FLASH_ATTN_TYPE_AUTO="auto!", LLAMA_FLASH_ATTN_TYPE_ENABLED="on!")
ggml_type = Kind(GGML_TYPE_F16="f16!", GGML_TYPE_Q8_0="q8!")
__version__ = "1"
class Model: path = ""
class CommonParams:
    def __init__(self):
        self.model, self.hostnames, self.port, self.n_ctx, self.n_parallel, self.use_jinja = Model(), [], 0, 0, 1, True
        self.flash_attn_type = self.cache_type_k = self.cache_type_v = None
        self.n_gpu_layers, self.n_batch, self.n_ubatch, self.verbosity, self.chat_template = -1, 0, 0, 0, ""
def Server(p):
    print(p.model.path, p.hostnames, p.port, p.n_ctx, p.n_parallel, p.use_jinja, p.flash_attn_type, p.cache_type_k, p.n_gpu_layers, p.n_batch, p.chat_template)
    raise SystemExit
`

// TestServerScript: Ollama's flags, as 0.33.0 gives them, become the wheel's parameters; one that is not known ends the start.
func TestServerScript(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"xllamacpp.py": wheel, "llama-server.py": serverScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		cmd := exec.Command(python, append([]string{filepath.Join(dir, "llama-server.py")}, args...)...)
		out, _ := cmd.CombinedOutput() // how it ends, it says
		return strings.TrimSpace(string(out))
	}
	got := run(strings.Fields("--model /m.gguf --port 5000 --host 127.0.0.1 --no-webui --offline -c 1024 -np 2 --log-verbosity 4 --no-log-prefix " +
		"--no-log-timestamps --no-jinja --chat-template chatml --cache-type-k q8_0 --cache-type-v q8_0 --flash-attn on -b 512 -ub 512 -ngl 0")...)
	if want := "/m.gguf ['127.0.0.1'] 5000 1024 2 False on! q8! 0 512 chatml"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	if got := run("--new-flag"); !strings.Contains(got, "llama-server's --new-flag is not known here") {
		t.Errorf("a flag that is not known: %q", got)
	}
	if got := run("--version"); got != "version: xllamacpp-1" {
		t.Errorf("its version: %q", got)
	}
}
