package app

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// `--out /dev/null` of root put a file in the place of the device: from then on the whole machine wrote to a disk.
func TestWhatIsNoFileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.Symlink("real", link), os.WriteFile(filepath.Join(dir, "real"), []byte("old"), 0o600)); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(fifo, os.O_RDWR, 0) // a reader and a writer: no open waits
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	rows, err := WriteWhole(fifo, func(w io.Writer) (int64, error) { _, err := io.WriteString(w, "a,b\n"); return 1, err })
	if err != nil || rows != 1 {
		t.Fatalf("%d rows, %v", rows, err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(reader, got); err != nil || string(got) != "a,b\n" {
		t.Errorf("through the pipe came %q, %v", got, err)
	}
	if info, err := os.Lstat(fifo); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe is now %v, %v", info.Mode(), err)
	}
	text := func(path, text string) error {
		return WriteNamed(path, 0o644, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
	}
	if err := text(link, "new"); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != "real" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "real")); err != nil || string(text) != "new" {
		t.Errorf("the file behind the link says %q, %v", text, err)
	}
	if err := text(dir, "x"); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a folder: %v", err)
	}
	if err := ReplaceText(link, "ours"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "real")); err != nil || string(text) != "new" {
		t.Errorf("what matrix itself writes went through a link: %q, %v", text, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
