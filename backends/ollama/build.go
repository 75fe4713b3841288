package ollama

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"matrix/backends"
	"matrix/backends/process"
)

// module is where Ollama's sources are had from, with a digest that the checksum database of Go vouches for.
const module = "github.com/ollama/ollama"

// era is how Ollama of a version comes to its inference.
type era int

const (
	builtIn     era = iota // compiled in
	unbuildable            // compiled in, and its module lacks what that takes
	servers                // runs a llama-server
)

// eraOf is how a version is built: from 0.11.5 on its Go module lacks headers, and from 0.30 on inference is a
// llama-server's.
func eraOf(version string) (era, error) {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return 0, fmt.Errorf("read the version %q: %w", version, err)
	}
	switch {
	case major == 0 && (minor < 11 || minor == 11 && patch < 5):
		return builtIn, nil
	case major == 0 && minor < 30:
		return unbuildable, nil
	}
	return servers, nil
}

// pin asks the module proxy for the digest of the sources of a version.
func pin(ctx context.Context, version string, with bool) (source string, bytes int64, err error) {
	era, err := eraOf(version)
	switch {
	case err != nil:
		return "", 0, err
	case era == unbuildable:
		return "", 0, &backends.Fault{Err: fmt.Errorf("Ollama %s does not build from its Go module: headers are left out of it", version),
			Hint: `From 0.11.5 to 0.24 take Ollama's own archive, and name the program: platform { binary = "/path/to/ollama" }.`}
	case era == servers && !with:
		return "", 0, &backends.Fault{Err: fmt.Errorf("Ollama %s as a Go module has no llama-server in it", version),
			Hint: `Add the package that brings one: package = "xllamacpp==2026.10.11549". Or name an Ollama that is installed: platform { binary = "/path/to/ollama" }.`}
	}
	var told struct{ Dir, Sum, Zip, Error string }
	out, err := runGo(ctx, []string{"GOFLAGS=-mod=mod"}, "mod", "download", "-json", module+"@v"+version)
	if bad := json.Unmarshal(out, &told); bad == nil && told.Error != "" {
		err = errors.New(told.Error)
	} else if err == nil {
		err = bad
	}
	if err != nil {
		return "", 0, err
	}
	if info, err := os.Stat(told.Zip); err == nil {
		bytes = info.Size()
	}
	return module + "@v" + version + " " + told.Sum, bytes, nil
}

// build compiles Ollama's command, after a look whether its sources are those that were pinned.
func build(ctx context.Context, version, source, folder string) error {
	now, _, err := pin(ctx, version, true)
	if err != nil {
		return err
	}
	if now != source {
		return fmt.Errorf("checksum mismatch: %s was locked, and there is %s", source, now)
	}
	env := []string{"GOBIN=" + filepath.Join(folder, "bin"), "GOFLAGS=", "CGO_ENABLED=1"}
	era, err := eraOf(version)
	if err != nil {
		return err
	}
	if era == builtIn { // inference is compiled here; without the processor's own instructions it is several times slower
		flags := "-O3 -march=native"
		if runtime.GOARCH == "amd64" { // it does not link with ggml's kernels for AMX
			flags += " -mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
		}
		env = append(env, "CGO_CFLAGS="+flags, "CGO_CXXFLAGS="+flags)
	}
	if _, err := runGo(ctx, env, "install", "-trimpath", "-ldflags", "-X "+module+"/version.Version="+version, module+"@v"+version); err != nil {
		return err
	}
	if era == servers {
		return putServer(folder)
	}
	return nil
}

// runGo runs the go command of the machine and returns its output; of a failure the last words are in the error.
func runGo(ctx context.Context, env []string, args ...string) ([]byte, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, &backends.Fault{Err: errors.New("Ollama is built from its Go module, and there is no go command"),
			Hint: `Install Go, or name an Ollama that is installed: platform { binary = "/path/to/ollama" }.`}
	}
	out, bad, err := process.Ask(ctx, process.Question{Path: tool, Args: args, Env: append(os.Environ(), env...)})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		text := strings.TrimSpace(string(bad))
		return out, fmt.Errorf("go %s: %w: %s", args[0], err, text[max(0, len(text)-600):])
	}
	return out, nil
}

//go:embed llama-server.py
var serverScript string

// starter finds the interpreter from its own place: the folder is renamed once it is whole.
const starter = `#!/bin/sh
here=$(dirname "$0")
exec "$here/../../bin/python" -P -u "$here/llama-server.py" "$@"
`

// copier stands for llama-quantize, which the wheel does not have: a model made from a GGUF file is taken through it as it is.
const copier = `#!/bin/sh
if [ "$#" = 4 ] && [ "$4" = COPY ]; then exec cp "$2" "$3"; fi
echo "llama-quantize is not here: quantise the GGUF file yourself" >&2
exit 1
`

// putServer puts a llama-server where Ollama looks for one: that of the wheel beside it, under llama-server's flags.
func putServer(folder string) error {
	dir := filepath.Join(folder, "lib", "ollama")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "llama-server.py"), []byte(serverScript), 0o644),
		os.WriteFile(filepath.Join(dir, "llama-quantize"), []byte(copier), 0o755),
		os.WriteFile(filepath.Join(dir, "llama-server"), []byte(starter), 0o755))
}
