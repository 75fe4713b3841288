package machine

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// forgetFiles asks the kernel to drop its cached pages of files, which needs no root. What another process has mapped
// stays.
func forgetFiles(paths []string) error {
	var errs []error
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
	}
	return errors.Join(errs...)
}
