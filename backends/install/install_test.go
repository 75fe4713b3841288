package install_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/backends/install"
	"matrix/experiments/cell"
)

// tools puts programs on a PATH of their own, beside the system's: no uv, pip or pyenv of this machine is found.
func tools(t *testing.T, scripts map[string]string) (cache string) {
	t.Helper()
	bin := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	t.Setenv("HOME", bin)
	return filepath.Join(t.TempDir(), "cache")
}

// python is an interpreter of 3.99, which makes environments of itself.
const python = `case "$*" in
-c*) echo 3.99 ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*--dry-run*) echo '{"install":[{"metadata":{"name":"Server","version":"1.0"},"download_info":{"archive_info":{"hashes":{"sha256":"aa"}}}}]}' ;;
"-I -") cat >"$(dirname "$0")/../made" && ! grep -q raise "$(dirname "$0")/../made" ;;
*--require-hashes*) dir=$(dirname "$0"); printf '#!%s/python\nhello\n' "$dir" >"$dir/server" ;;
esac
`

// uv is one that resolves and installs.
const uv = `case "$*" in
"pip compile"*) for last; do :; done; cat >"$last" <<'END'
lock-version = "1.0"

[[packages]]
name = "server"
version = "1.0"
sdist = { url = "https://x/server-1.0.tar.gz", size = 900, hashes = { sha256 = "0000000000000000000000000000000000000000000000000000000000000000" } }
wheels = [
    { url = "https://x/server-1.0-cp399.whl", upload-time = 2026-01-01T00:00:00Z, size = 500, hashes = { sha256 = "1111111111111111111111111111111111111111111111111111111111111111" } },
    { url = "https://x/server-1.0-any.whl", size = 300, hashes = { sha256 = "2222222222222222222222222222222222222222222222222222222222222222" } },
]

[[packages]]
name = "lib"
version = "3"
sdist = { url = "https://x/lib-3.tar.gz", size = 70, hashes = { sha256 = "3333333333333333333333333333333333333333333333333333333333333333" } }
END
;;
venv*) for last; do :; done; mkdir -p "$last/bin" ;;
esac
`

func engine() *cell.Engine {
	return &cell.Engine{ID: "x", Packages: []string{"server==1.0"}, Python: "3.99"}
}

func TestLockByUV(t *testing.T) {
	cache := tools(t, map[string]string{"uv": uv, "python3.99": python})
	m := install.Maker{Cache: cache, System: "linux/amd64"}
	lock, err := m.Lock(t.Context(), engine())
	if err != nil {
		t.Fatal(err)
	}
	want := "lib==3 --hash=sha256:" + strings.Repeat("3", 64) + "\nserver==1.0 --hash=sha256:" + strings.Repeat("1", 64) + " --hash=sha256:" + strings.Repeat("2", 64)
	if got := strings.Join(lock.Packages, "\n"); got != want || lock.Bytes != 570 {
		t.Errorf("locked %d bytes:\n%s\nwant 570:\n%s", lock.Bytes, got, want)
	}
}

// TestInstallByPip: without uv; the scripts that pip makes name the interpreter where it is in the end.
func TestInstallByPip(t *testing.T) {
	cache := tools(t, map[string]string{"python3.99": python})
	m := install.Maker{Cache: cache, System: "linux/amd64"}
	e := installed(t, m)
	text, err := os.ReadFile(filepath.Join(e.Folder, "bin", "server"))
	if want := "#!" + e.Folder + "/bin/python\nhello\n"; err != nil || string(text) != want {
		t.Errorf("the script is %q (%v), want %q", text, err, want)
	}
	all, err := install.List(cache)
	if err != nil || len(all) != 1 || all[0].Asked != "server==1.0, python 3.99, linux/amd64" || all[0].Lock.Packages[0] != e.Lock.Packages[0] || all[0].Bytes == 0 {
		t.Fatalf("installed are %+v, %v", all, err)
	}
	if err := install.Remove(all[0]); err != nil {
		t.Fatal(err)
	}
	if left := entries(t, cache); left != "" {
		t.Errorf("after its removal there is %s", left)
	}
}

func installed(t *testing.T, m install.Maker) *cell.Engine {
	t.Helper()
	e := engine()
	lock, err := m.Lock(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	e.Lock, e.Folder = lock, filepath.Join(m.Cache, lock.Hash(e.Python, m.System))
	if err := m.Install(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return e
}

func entries(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestFaults: each says what it is and what to do, and leaves nothing behind.
func TestFaults(t *testing.T) {
	fails := func(text string) string {
		return "case \"$*\" in venv*) ;; *) echo 'Using CPython 3.99' >&2; echo '" + text + "' >&2; exit 1 ;; esac\n"
	}
	pinned := &cell.Lock{Packages: []string{"server==1.0 --hash=sha256:aa"}}
	for name, x := range map[string]struct {
		uv, python string
		lock       *cell.Lock // given: it is the installation that fails
		err, hint  string
	}{
		"no such version": {uv: fails("  × No solution found when resolving dependencies:"), python: python, err: "lock server==1.0: uv:   × No solution found", hint: "no such version"},
		"yanked":          {uv: uv + "echo 'warning: `server==1.0` is yanked (reason: \"broken\")' >&2\n", python: python, err: `is yanked (reason: "broken")`, hint: "another version"},
		"no network":      {uv: fails("error: tcp connect error: dns error"), python: python, err: "dns error", hint: "needs the network"},
		"no interpreter":  {uv: uv, python: "exit 1\n", err: "there is no Python 3.99 on this machine", hint: "uv python install 3.99"},
		"full disk":       {uv: fails("error: No space left on device (os error 28)"), python: python, lock: pinned, err: "install server==1.0: uv: error: No space left", hint: "Nothing half made was left"},
		"other bytes":     {uv: fails("error: Hash mismatch for `server==1.0`"), python: python, lock: pinned, err: "Hash mismatch", hint: "other bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := tools(t, map[string]string{"uv": x.uv, "python3.99": x.python})
			m := install.Maker{Cache: cache, System: "linux/amd64"}
			e := engine()
			lock, err := m.Lock(t.Context(), e)
			if x.lock != nil {
				e.Lock, e.Folder = x.lock, filepath.Join(cache, x.lock.Hash(e.Python, m.System))
				err = m.Install(t.Context(), e)
			} else if lock != nil {
				t.Error("it is locked all the same")
			}
			var fault *backends.Fault
			if err == nil || !strings.Contains(err.Error(), x.err) || !errors.As(err, &fault) || !strings.Contains(fault.Hint, x.hint) {
				t.Errorf("said %v (%+v), want %q with the advice %q", err, fault, x.err, x.hint)
			}
			if left := entries(t, cache); left != "" {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

// TestInterrupted: what a stopped installation left is no engine, and the next one begins anew.
func TestInterrupted(t *testing.T) {
	cache := tools(t, map[string]string{"uv": uv, "python3.99": python})
	m := install.Maker{Cache: cache, System: "linux/amd64"}
	e := engine()
	e.Lock = &cell.Lock{Packages: []string{"server==1.0 --hash=sha256:aa"}}
	e.Folder = filepath.Join(cache, e.Lock.Hash(e.Python, m.System))
	half := filepath.Join(e.Folder+".part", "half")
	if err := os.MkdirAll(half, 0o755); err != nil {
		t.Fatal(err)
	}
	if all, err := install.List(cache); err != nil || len(all) != 0 || e.Absent() == nil {
		t.Fatalf("half of an engine is taken for one: %v, %v", all, err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := m.Install(stopped, e); !errors.Is(err, context.Canceled) || entries(t, cache) != "" {
		t.Fatalf("stopped, it says %v and leaves %q", err, entries(t, cache))
	}
	if err := m.Install(t.Context(), e); err != nil || e.Absent() != nil {
		t.Fatal(err)
	}
}

// TestScript: it runs once, by the interpreter of what was installed; where it fails, nothing is installed.
func TestScript(t *testing.T) {
	cache := tools(t, map[string]string{"python3.99": python})
	m := install.Maker{Cache: cache, System: "linux/amd64"}
	e := engine()
	e.Script = "make()"
	lock, err := m.Lock(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	e.Lock, e.Folder = lock, filepath.Join(cache, lock.Hash(e.Python, m.System))
	if err := m.Install(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if made, err := os.ReadFile(filepath.Join(e.Folder, "made")); err != nil || string(made) != "make()" {
		t.Errorf("the script was given %q, %v", made, err)
	}
	if err := os.RemoveAll(e.Folder); err != nil {
		t.Fatal(err)
	}
	e.Script = "raise"
	if err := m.Install(t.Context(), e); err == nil || !strings.Contains(err.Error(), "run the script") || entries(t, cache) != "" {
		t.Errorf("a script that fails: %v, left is %q", err, entries(t, cache))
	}
}

// TestSweep: what was half made goes, what is whole and what is somebody else's stays.
func TestSweep(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "[v1") // no pattern
	hash := strings.Repeat("ab", 32)
	for _, name := range []string{hash, hash + ".part/half", "mine.part"} {
		if err := os.MkdirAll(filepath.Join(cache, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := install.Sweep(cache); err != nil || entries(t, cache) != hash+" mine.part" {
		t.Errorf("left are %s, %v", entries(t, cache), err)
	}
}

func TestKeep(t *testing.T) {
	cache := t.TempDir()
	here := filepath.Join(t.TempDir(), "here.hcl")
	if err := os.WriteFile(here, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(install.Keep(cache, []string{here, "/gone.hcl"}), install.Keep(cache, []string{here})); err != nil {
		t.Fatal(err)
	}
	if got, err := install.Kept(cache); err != nil || len(got) != 1 || got[0] != here {
		t.Errorf("kept are %v, %v; want %s alone", got, err, here)
	}
}
