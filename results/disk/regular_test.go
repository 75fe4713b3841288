package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"matrix/results/disk"
)

// Only a file of bytes is opened, and nothing waits: neither for the writer of a FIFO nor behind a link.
func TestOpenRegularOnly(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.WriteFile(path("file"), []byte("12345"), 0o600), os.Symlink(path("file"), path("link")),
		os.Symlink(path("nowhere"), path("dangling")), syscall.Mkfifo(path("fifo"), 0o600), os.Mkdir(path("folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"link": "a link", "dangling": "a link", "fifo": "a FIFO", "folder": "a folder"} {
		_, err := disk.ReadFile(path(name), 100)
		var other *disk.NotRegular
		if !errors.As(err, &other) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if doc, err := disk.ReadFile(path("file"), 5); err != nil || string(doc) != "12345" {
		t.Errorf("file: %q, %v", doc, err)
	}
	if _, err := disk.ReadFile(path("file"), 4); err == nil {
		t.Error("a file longer than the limit was read")
	}
	if _, err := disk.Open(path("none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}
