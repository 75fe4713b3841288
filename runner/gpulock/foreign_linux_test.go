package gpulock

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/experiments/nobody"
)

// What another user left among the locks neither hangs nor passes for a lock that is held: it is a finding.
func TestForeignLocks(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	leavings := map[string]func(folder, path string) error{
		"a FIFO":               func(_, path string) error { return syscall.Mkfifo(path, 0o666) },
		"a folder":             func(_, path string) error { return os.Mkdir(path, 0o700) },
		"a link":               func(folder, path string) error { return os.Symlink(filepath.Join(folder, "elsewhere"), path) },
		"a file of their own":  func(_, path string) error { return os.WriteFile(path, nil, 0o600) },
		"a folder of locks":    func(folder, _ string) error { return os.Chmod(folder, 0o700) },
		"a file as the folder": func(folder, _ string) error { return errors.Join(os.Remove(folder), os.WriteFile(folder, nil, 0o644)) },
	}
	for name, leave := range leavings {
		root := t.TempDir()
		folder := filepath.Join(root, "locks")
		if err := errors.Join(os.Mkdir(folder, 0o755), os.Chmod(root, 0o755), os.Chmod(filepath.Dir(root), 0o755), leave(folder, filepath.Join(folder, "GPU-a"))); err != nil {
			t.Fatal(err)
		}
		nobody.Do(t, func() {
			began := time.Now()
			_, err := Take(folder, "GPU-a", "matrix apply mine")
			if unusable := new(UnusableError); !errors.As(err, &unusable) {
				t.Errorf("%s: take: %v", name, err)
			}
			if who := Holder(folder, "GPU-a"); who != "" {
				t.Errorf("%s: held by %q", name, who)
			}
			if err := Check(folder, "GPU-a"); err == nil {
				t.Errorf("%s: nothing is found", name)
			}
			if time.Since(began) > 5*time.Second {
				t.Errorf("%s: it took %s", name, time.Since(began))
			}
		})
		if _, err := os.Stat(filepath.Join(folder, "elsewhere")); err == nil {
			t.Errorf("%s: a file was made behind it", name)
		}
	}
	if err := Check(filepath.Join(t.TempDir(), "none"), "GPU-a"); err != nil {
		t.Errorf("no locks yet: %v", err)
	}
}

// What a lock says of its holder is a stranger's text: not read without an end, and not believed when it is none.
func TestStrangeHolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "locks")
	release, err := Take(folder, "GPU-a", "matrix apply mine")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := os.WriteFile(filepath.Join(folder, "GPU-a"), []byte(`{"command":"`+strings.Repeat("x", 1<<20)), 0o666); err != nil {
		t.Fatal(err)
	}
	if who := Holder(folder, "GPU-a"); who != "another program" {
		t.Errorf("held by %.80q", who)
	}
}
