package install

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"matrix/backends"
	"matrix/backends/process"
)

// uv is the installer, "" where it is not: on PATH, or where scripts/engines.sh puts it.
func uv(cache string) string {
	if path, err := exec.LookPath("uv"); err == nil {
		return path
	}
	path := filepath.Join(cache, ".uv", "bin", "uv")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return ""
}

// interpreter finds a Python of a version: on PATH, among pyenv's, or uv's own. A shim that leads nowhere is none.
// Its own word on its version counts, not its file's name, and venv and ensurepip must be there: Debian ships them apart.
func interpreter(ctx context.Context, cache, version string) (string, error) {
	candidates := []string{"python" + version, "python3"}
	if home, err := os.UserHomeDir(); err == nil {
		// the home's own name is no pattern
		mine, _ := fs.Glob(os.DirFS(home), ".pyenv/versions/"+version+".*/bin/python")
		managed, _ := fs.Glob(os.DirFS(home), ".local/share/uv/python/cpython-"+version+".*/bin/python"+version)
		for _, path := range slices.Concat(mine, managed) {
			candidates = append(candidates, filepath.Join(home, path))
		}
	}
	for _, name := range candidates {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := run(ctx, question{path: path, args: []string{"-c", `import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])`}, limit: 20 * time.Second})
		if err == nil && strings.TrimSpace(out) == version {
			return path, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
	}
	advice := "Install it (with venv and ensurepip), or give the engine a python that is here."
	if uv(cache) != "" {
		advice = fmt.Sprintf("uv python install %s brings it; or give the engine a python that is here.", version)
	}
	return "", &backends.Fault{Err: fmt.Errorf("there is no Python %s on this machine", version), Hint: advice}
}

// question is a run of a tool.
// What is asked runs in the user's own environment: proxies, indexes and credentials of pip and uv are his.
type question struct {
	path  string // absolute
	args  []string
	env   []string      // more than ours
	stdin string        // "" = nothing
	limit time.Duration // 0 = as long as the context lasts
}

// run is a tool's standard output; an error ends with the last lines that it said.
func run(ctx context.Context, q question) (string, error) {
	out, bad, err := process.Ask(ctx, process.Question{Path: q.path, Args: q.args, Env: append(os.Environ(), q.env...), Stdin: q.stdin, Limit: q.limit})
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return string(out), &toolError{tool: filepath.Base(q.path), err: err, said: string(bad)}
	}
	return string(out), refuseYanked(string(bad))
}

// toolError is a tool that failed.
type toolError struct {
	tool string // name, without its folder
	err  error  // how it ended
	said string // on stderr, whole
}

// mostLines is how much of pip's or uv's own words an error repeats: the reason stands last.
const mostLines = 6

// Error is the tool's last lines, without its notices.
func (e *toolError) Error() string {
	lines := strings.FieldsFunc(strings.TrimSpace(e.said), func(r rune) bool { return r == '\n' || r == '\r' })
	lines = slices.DeleteFunc(lines, func(line string) bool {
		return strings.TrimSpace(line) == "" || strings.HasPrefix(line, "[notice]") || strings.HasPrefix(line, "Using CPython")
	})
	if len(lines) == 0 {
		return fmt.Sprintf("%s: %v", e.tool, e.err)
	}
	return e.tool + ": " + strings.Join(lines[max(0, len(lines)-mostLines):], "\n  ")
}

// Unwrap leads to the exit status, or to what kept the tool from running.
func (e *toolError) Unwrap() error { return e.err }

// offline are words of a tool that did not reach its index.
var offline = []string{"Could not resolve host", "dns error", "Name or service not known", "Temporary failure in name resolution", "Network is unreachable", "Failed to establish a new connection",
	"Connection refused", "error sending request", "tcp connect error", "no such host", "Could not connect", "connection timed out", "i/o timeout"}

// fullDisk is true of Install, which removes what a failure left.
const fullDisk = "The disk is full: free some, or move the cache (MATRIX_ENGINES, UV_CACHE_DIR). Nothing half made was left."

// explained puts into a fault what a tool's failure comes from.
// It goes by words, since neither tool has codes for its reasons; what is known by none stays as it is.
func explained(what string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	said := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	err = fmt.Errorf("%s: %w", what, err)
	switch {
	case said("No space left on device", "ENOSPC", "Disk quota exceeded"):
		return &backends.Fault{Err: err, Hint: fullDisk}
	case said(offline...):
		return &backends.Fault{Err: err, Hint: "The package index was not reached. matrix fetch needs the network; launches do not."}
	case said("was yanked"):
		return &backends.Fault{Err: err, Hint: "Its publishers took it back: give another version."}
	case said("No solution found", "No matching distribution", "not found in the package registry", "unknown revision", "This module version is not available", "no matching versions"):
		return &backends.Fault{Err: err, Hint: "There is no such version for this machine, or its requirements contradict each other; overrides = [\"name==version\"] replaces one of them."}
	case said("THESE PACKAGES DO NOT MATCH THE HASHES", "hash mismatch", "Hash mismatch", "checksum mismatch"):
		return &backends.Fault{Err: err, Hint: "The index has other bytes under this name than were locked. Find out why before you remove the entry from the lock file."}
	}
	return err
}

// refuseYanked says no to a version that its publishers took back: pip and uv take it where it is pinned.
func refuseYanked(said string) error {
	for line := range strings.Lines(said) {
		if strings.Contains(line, "yanked") {
			return fmt.Errorf("%s: it was yanked", strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "warning:")))
		}
	}
	return nil
}
