package install

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/disk"

	"matrix/backends"
	"matrix/experiments/cell"
)

// unpacked is how many bytes a byte of a download takes on the disk, wheels being archives: seen are 3.2 and 3.0. What uv keeps of it in its cache is the same files, linked.
const unpacked = 4

// Needs is how many bytes of disk an installation may take; nil = its downloads' size is not told.
func Needs(l *cell.Lock) *int64 {
	if l.Bytes == 0 {
		return nil
	}
	n := unpacked * l.Bytes
	return &n
}

// Install makes what the engine's lock pins, unless it is there. Until it is whole it has another name; what a failure left
// is removed, and what was downloaded stays in the cache of uv, pip or Go.
// The cache must be held. Of two that make the same, the second finds it there. A *backends.Fault has advice with it.
func (m Maker) Install(ctx context.Context, e *cell.Engine) (err error) {
	if e.Absent() == nil {
		return nil
	}
	stage := e.Folder + part
	if err := os.RemoveAll(stage); err != nil {
		return fmt.Errorf("remove what an interrupted fetch left: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(full(stage, err), os.RemoveAll(stage))
		}
	}()
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return fmt.Errorf("make the folder for an engine: %w", err)
	}
	if len(e.Lock.Packages) > 0 {
		if err := m.packages(ctx, e, stage); err != nil {
			return explained("install "+strings.Join(e.Packages, ", "), err)
		}
	}
	if e.Script != "" { // sys.prefix tells it the folder
		_, err := run(ctx, question{path: filepath.Join(stage, "bin", "python"), args: []string{"-I", "-"}, stdin: e.Script})
		if err != nil {
			return explained("run the script of "+e.Kind+" "+e.ID, err)
		}
	}
	if e.Lock.Source != "" {
		if err := m.Programs[e.Program].Build(ctx, e.Version, e.Lock.Source, stage); err != nil {
			return explained("build "+e.Program+" "+e.Version, err)
		}
	}
	note, err := json.MarshalIndent(Installed{Asked: e.Asks(m.System), Lock: e.Lock, Made: time.Now()}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(stage, noteFile), append(note, '\n'), 0o644); err != nil {
		return fmt.Errorf("write what is installed: %w", err)
	}
	// Last of all: a folder under its own name is whole, and nobody looks into it to see.
	if err := os.Rename(stage, e.Folder); err != nil {
		return fmt.Errorf("put an engine in its place: %w", err)
	}
	return nil
}

// almostNothing is what is left of a disk that an installer has filled, in bytes.
const almostNothing = 1 << 20

// full says that the disk is the cause where an installer's own words do not: pip keeps ensurepip's to itself.
func full(folder string, err error) error {
	var known *backends.Fault
	if usage, bad := disk.Usage(folder); bad != nil || usage.Free > almostNothing || errors.As(err, &known) {
		return err
	}
	return &backends.Fault{Err: err, Hint: fullDisk}
}

// packages makes a virtual environment of just the locked packages.
// No dependency is looked for (--no-deps), as the lock has them all, and a file with another hash ends it.
func (m Maker) packages(ctx context.Context, e *cell.Engine, stage string) error {
	python, err := interpreter(ctx, m.Cache, e.Python)
	if err != nil {
		return err
	}
	list := filepath.Join(stage, "requirements.txt")
	if err := os.WriteFile(list, []byte(strings.Join(e.Lock.Packages, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	inside := filepath.Join(stage, "bin", "python")
	if tool := uv(m.Cache); tool != "" {
		env := []string{"UV_PYTHON_DOWNLOADS=never", "UV_NO_PROGRESS=1", "NO_COLOR=1"}
		if _, err := run(ctx, question{path: tool, env: env, args: []string{"venv", "--quiet", "--allow-existing", "--relocatable", "--python", python, stage}}); err != nil {
			return err
		}
		_, err := run(ctx, question{path: tool, env: env, args: []string{"pip", "install", "--python", inside, "--no-deps", "--require-hashes", "-r", list}})
		return err
	}
	if _, err := run(ctx, question{path: python, args: []string{"-m", "venv", stage}}); err != nil {
		return err
	}
	if _, err := run(ctx, question{path: inside, args: []string{"-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", list}}); err != nil {
		return err
	}
	return moved(filepath.Join(stage, "bin"), stage, e.Folder)
}

// moved lets the scripts of an environment that pip made find their interpreter under the folder's final name.
// Scripts name their interpreter by its absolute path, and pip writes the one at hand. uv's --relocatable has no such paths.
func moved(bin, from, to string) error {
	entries, err := os.ReadDir(bin)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(bin, entry.Name())
		if !entry.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if first, rest, _ := bytes.Cut(text, []byte("\n")); bytes.HasPrefix(first, []byte("#!"+from+"/")) {
			first = bytes.Replace(first, []byte(from), []byte(to), 1)
			if err := os.WriteFile(path, append(append(first, '\n'), rest...), 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}
