//go:build unix

package machine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// deviceOf names the file system that a path is on.
// A path that cannot be looked at is a disk by itself: room is then counted for it alone.
func deviceOf(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return path
	}
	return fmt.Sprint(st.Dev)
}
