package plan

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"matrix/experiments/nobody"
)

// TestUnreadableFolder: files that nobody can list are not none.
func TestUnreadableFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "closed")
	if err := errors.Join(os.Mkdir(dir, 0), os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755)); err != nil {
		t.Fatal(err)
	}
	nobody.Do(t, func() {
		if _, err := hclFiles([]string{dir}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v, want that the folder may not be read", err)
		}
	})
}
