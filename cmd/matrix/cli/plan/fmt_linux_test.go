package plan

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TestUnreadableFolder: files that nobody can list are not none.
func TestUnreadableFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "closed")
	if err := errors.Join(os.Mkdir(dir, 0), os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: root's right to read everything goes with the thread
		if os.Getuid() == 0 {
			_ = syscall.Setfsuid(65534)
		}
		_, err := hclFiles([]string{dir})
		done <- err
	}()
	if err := <-done; !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v, want that the folder may not be read", err)
	}
}
