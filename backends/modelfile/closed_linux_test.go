package modelfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"matrix/experiments/nobody"
)

// TestClosedFolder: weights that may not be listed are not missing, and no fetch brings them.
func TestClosedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "closed")
	if err := errors.Join(os.Mkdir(dir, 0o311), os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755)); err != nil {
		t.Fatal(err)
	}
	nobody.Do(t, func() {
		if _, err := ReadSafetensors(dir); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v, want that the folder may not be read", err)
		}
	})
}
