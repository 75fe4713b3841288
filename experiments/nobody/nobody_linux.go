// Package nobody lets a test see what somebody sees who may not read everything, as root may.
package nobody

import (
	"os"
	"syscall"
	"testing"
)

// Do does something without root's rights. It takes them from the whole process, for what is done may start goroutines: no test
// that runs beside it may need them.
func Do(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	become := func(uid int) {
		if err := syscall.Setresuid(-1, uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	become(65534)
	defer become(0)
	do()
}
