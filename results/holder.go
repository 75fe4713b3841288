package results

import (
	"errors"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// Holder says who runs an apply on this tree now, "" when nobody does. The lock file alone does not tell: after a
// SIGKILL it still names a holder who is gone, so the lock itself is tried for a moment (an apply that starts just
// then tries again, see Lock).
func (s *Store) Holder() (string, error) {
	path := s.inner("lock")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	got, err := lock.TryRLock()
	if err != nil {
		return "", err
	}
	if !got {
		return readHolder(path), nil
	}
	return "", lock.Unlock()
}
