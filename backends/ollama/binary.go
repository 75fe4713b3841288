package ollama

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

// find is the path of a platform's executable, absolute: a server is started in a folder of its own.
func find(p *cell.Platform) (string, error) {
	name := cmp.Or(p.Binary, "ollama")
	path, err := exec.LookPath(modelfile.ExpandHome(name))
	if err != nil {
		return "", fmt.Errorf("%s %w; install Ollama, or set platform.binary", name, process.Absence(err))
	}
	return filepath.Abs(path)
}

// version asks the executable, which takes some tens of milliseconds, and remembers the answer: a plan asks for each
// cell, and each time.
func version(ctx context.Context, path string) (string, error) {
	return modelfile.Told("versions", path, func() (string, error) { return ask(ctx, path) })
}

// reVersion finds "ollama version is 0.33.0", and "client version is …" where no server answers.
var reVersion = regexp.MustCompile(`version is v?(\S+)`)

// ask runs `ollama --version` with a server address where none can be: the answer of a running server, another one
// perhaps, must not stand for the executable's own.
func ask(ctx context.Context, path string) (string, error) {
	out, bad, err := process.Ask(ctx, process.Question{Path: path, Args: []string{"--version"}, Limit: 20 * time.Second,
		Env: process.Env(map[string]string{"OLLAMA_HOST": "127.0.0.1:1"})})
	out = append(out, bad...)
	if m := reVersion.FindSubmatch(out); m != nil {
		return string(m[1]), nil
	}
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", path, err)
	}
	return "", fmt.Errorf("ask %s for its version: it is no Ollama: %.80q", path, out)
}

// footprint is the executable with the libraries and runners that its release puts beside it. A link's target counts, since the
// libraries lie beside that.
func footprint(binary string) *backends.Footprint {
	if path, err := filepath.EvalSymlinks(binary); err == nil {
		binary = path
	}
	return backends.ProgramFootprint(binary, filepath.Join(filepath.Dir(binary), "..", "lib", "ollama"))
}
