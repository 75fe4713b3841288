package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/gofrs/flock"
)

// Holder says who runs an apply on this tree now, "" when nobody does. The lock file alone does not tell: after a
// SIGKILL it still names a holder who is gone, so the lock itself is tried for a moment (an apply that starts just
// then tries again, see Lock).
// It is for a person to read. A shared lock is tried, so that two who ask at once do not hold each other up.
func (s *Store) Holder() (string, error) {
	path := s.inner("lock")
	if info, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return "", nil // nobody's; Lock moves away what is no lock
	}
	// Without O_NONBLOCK a pipe by that name would be waited for.
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY|syscall.O_NONBLOCK))
	got, err := lock.TryRLock()
	if err != nil {
		return "", err
	}
	if !got {
		return readHolder(path), nil
	}
	return "", lock.Unlock()
}
