package install_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"matrix/backends"
	"matrix/backends/install"
	"matrix/experiments/cell"
)

// TestFullDisk: pip tells nothing of a disk that is full while it makes an environment; we say it.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("needs to mount a disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	fills := `[ "$1" = -c ] && echo 3.99 || { head -c 9000000 /dev/zero >"$3/fill" 2>/dev/null; echo 'ensurepip returned non-zero exit status 1.' >&2; exit 1; }
`
	tools(t, map[string]string{"python3.99": fills})
	e := engine()
	e.Lock = &cell.Lock{Packages: []string{"server==1.0 --hash=sha256:aa"}}
	e.Folder = disk + "/" + strings.Repeat("ab", 32)
	err := install.Maker{Cache: disk, System: "linux/amd64"}.Install(t.Context(), e)
	var fault *backends.Fault
	if !errors.As(err, &fault) || !strings.Contains(fault.Hint, "The disk is full") || !strings.Contains(err.Error(), "ensurepip") {
		t.Errorf("said %v (%+v)", err, fault)
	}
	if left, err := os.ReadDir(disk); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
