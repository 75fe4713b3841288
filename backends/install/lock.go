package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
)

// Maker makes locks and what they pin.
type Maker struct {
	Cache    string                      // absolute; Cache() of this user, or a test's
	System   string                      // "linux/amd64"
	Programs map[string]backends.Program // what is built from sources, by name
}

// Lock finds out what an engine is made of today. Nothing is installed.
// The answer depends on the day and the machine: versions that are not pinned, files that fit here. It may take minutes and
// needs the network; a failure with advice is a *backends.Fault.
// Packages come sorted, so that the same set has the same hash.
func (m Maker) Lock(ctx context.Context, e *cell.Engine) (*cell.Lock, error) {
	lock := &cell.Lock{Script: e.ScriptHash()}
	if e.Program != "" {
		source, bytes, err := m.Programs[e.Program].Pin(ctx, e.Version, len(e.Packages) > 0)
		if err != nil {
			return nil, explained("find "+e.Program+" "+e.Version, err)
		}
		lock.Source, lock.Bytes = source, bytes
	}
	if len(e.Packages) == 0 {
		return lock, nil
	}
	python, err := interpreter(ctx, m.Cache, e.Python)
	if err != nil {
		return nil, err
	}
	if tool := uv(m.Cache); tool != "" {
		err = lockByUV(ctx, tool, python, e, lock)
	} else if len(e.Overrides) > 0 {
		return nil, &backends.Fault{Err: errors.New("overrides need uv, which is not here"), Hint: "pip install uv brings it."}
	} else {
		err = lockByPip(ctx, python, e, lock)
	}
	if err != nil {
		return nil, explained("lock "+strings.Join(e.Packages, ", "), err)
	}
	slices.Sort(lock.Packages)
	return lock, nil
}

var (
	// They know of TOML what uv writes, and no more.
	reName    = regexp.MustCompile(`(?m)^name = "([^"]+)"`)
	reVersion = regexp.MustCompile(`(?m)^version = "([^"]+)"`)
	reFile    = regexp.MustCompile(`url = "([^"]+)"[^}]*?size = (\d+)[^}]*?sha256 = "([0-9a-f]{64})"`)
)

// lockByUV reads what uv resolves as a pylock.toml (PEP 751), which has the size of each file beside its hash.
func lockByUV(ctx context.Context, tool, python string, e *cell.Engine, lock *cell.Lock) error {
	dir, err := os.MkdirTemp("", "matrix-lock-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "pylock.toml")
	args := []string{"pip", "compile", "-", "--python", python, "--format", "pylock.toml", "--no-header", "--no-annotate"}
	if len(e.Overrides) > 0 {
		overrides := filepath.Join(dir, "overrides.txt")
		if err := os.WriteFile(overrides, []byte(strings.Join(e.Overrides, "\n")+"\n"), 0o600); err != nil {
			return err
		}
		args = append(args, "--overrides", overrides)
	}
	_, err = run(ctx, question{path: tool, stdin: strings.Join(e.Packages, "\n") + "\n", limit: 15 * time.Minute, env: []string{"UV_PYTHON_DOWNLOADS=never", "NO_COLOR=1"},
		args: append(args, "--output-file", file)})
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return parsePylock(string(text), lock)
}

// parsePylock takes pinned packages with their hashes out of a pylock.toml (PEP 751), as uv writes it. Wheels win over
// source archives: a build would fetch what is not locked. Bytes is the sum of each package's largest file, since which of
// them fits is known on the machine only.
func parsePylock(text string, lock *cell.Lock) error {
	_, text, _ = strings.Cut(text, "[[packages]]")
	for _, block := range strings.Split(text, "[[packages]]") {
		name, version := reName.FindStringSubmatch(block), reVersion.FindStringSubmatch(block)
		files := reFile.FindAllStringSubmatch(block, -1)
		if name == nil || version == nil || len(files) == 0 {
			// A package from a folder or a repository has none: it could change under its lock.
			return fmt.Errorf("a package without a version or a hash: %.200s", strings.TrimSpace(block))
		}
		if slices.ContainsFunc(files, func(f []string) bool { return strings.HasSuffix(f[1], ".whl") }) {
			files = slices.DeleteFunc(files, func(f []string) bool { return !strings.HasSuffix(f[1], ".whl") })
		}
		line, bytes := name[1]+"=="+version[1], int64(0)
		for _, f := range files {
			line += " --hash=sha256:" + f[3]
			n, _ := strconv.ParseInt(f[2], 10, 64) // the pattern has digits
			bytes = max(bytes, n)
		}
		lock.Packages = append(lock.Packages, line)
		lock.Bytes += bytes
	}
	return nil
}

// lockByPip reads what pip would install.
// It asks within an empty environment of the same interpreter: what the user has installed must not count as there. The
// report has no sizes, so the lock's Bytes stay 0, which is "not told".
func lockByPip(ctx context.Context, python string, e *cell.Engine, lock *cell.Lock) error {
	dir, err := os.MkdirTemp("", "matrix-lock-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := run(ctx, question{path: python, args: []string{"-m", "venv", dir}}); err != nil {
		return err
	}
	args := append([]string{"-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-"}, e.Packages...)
	out, err := run(ctx, question{path: filepath.Join(dir, "bin", "python"), args: args, limit: time.Hour})
	if err != nil {
		return err
	}
	var report struct {
		Install []struct {
			Metadata     struct{ Name, Version string }
			DownloadInfo struct {
				ArchiveInfo struct{ Hashes map[string]string } `json:"archive_info"`
			} `json:"download_info"`
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		return fmt.Errorf("read pip's report: %w", err)
	}
	for _, p := range report.Install {
		hash := p.DownloadInfo.ArchiveInfo.Hashes["sha256"]
		if hash == "" {
			return fmt.Errorf("pip tells no hash of %s", p.Metadata.Name)
		}
		lock.Packages = append(lock.Packages, fmt.Sprintf("%s==%s --hash=sha256:%s", strings.ToLower(p.Metadata.Name), p.Metadata.Version, hash))
	}
	return nil
}
