package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"matrix/results/disk"
)

// ErrLocked says that another apply holds the tree.
// A pointer, for errors.As.
type ErrLocked struct{ Holder string }

func (e *ErrLocked) Error() string { return "the results are in use by " + e.Holder }

// holder is what stands in the lock file while it is held.
type holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	User    string    `json:"user"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

func (h holder) String() string {
	return fmt.Sprintf("%q of %s (pid %d on %s, since %s)", h.Command, h.User, h.PID, h.Host, h.Since.Format("2006-01-02 15:04:05"))
}

// Lock takes the tree for one apply, or returns *ErrLocked with the holder at once (300 ms). The kernel frees
// the lock when the process dies, however it dies. What a crash cut short is ended first: a commit that had
// begun is completed.
// what is the command, for whoever finds it taken. unlock is called once; without it the process's end frees the lock.
// Readers need none.
func (s *Store) Lock(what string) (unlock func(), err error) {
	if err := s.fs.MkdirAll(s.inner(workDir)); err != nil {
		return nil, notWritable(s.root, err)
	}
	path := s.inner("lock")
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		if _, err := (work{s}).lose(path, "lock", &disk.NotRegular{Path: path, Mode: info.Mode()}); err != nil {
			return nil, notWritable(s.root, err)
		}
	}
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|syscall.O_NONBLOCK))
	got, err := lock.TryLock()
	// A plan that tidies after a crash holds it for a moment: worth a short wait, no more.
	for range 5 {
		if got || err != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
		got, err = lock.TryLock()
	}
	if err != nil {
		return nil, notWritable(s.root, err)
	}
	if !got {
		return nil, &ErrLocked{Holder: readHolder(path)}
	}
	// In place, not by rename: the lock is on this very file.
	doc, err := json.Marshal(newHolder(what))
	if err == nil {
		err = os.WriteFile(path, append(doc, '\n'), 0o644)
	}
	if err != nil {
		return nil, errors.Join(notWritable(s.root, err), lock.Unlock())
	}
	unlock = func() {
		// Emptied first, so that nobody reads of a holder who is gone. Neither can go wrong in a way
		// that matters: the kernel drops the lock with the process.
		_ = os.Truncate(path, 0)
		_ = lock.Unlock()
	}
	if err := (work{s}).tidy(context.Background()); err != nil {
		unlock()
		return nil, err
	}
	if err := (ballast{s}).fill(); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// newHolder describes this process to who finds the tree taken.
func newHolder(what string) holder {
	h := holder{PID: os.Getpid(), Command: what, Since: time.Now(), Host: hostname(), User: "unknown user"}
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	return h
}

// readHolder tries a few times: the holder may just be writing its name.
// An empty or half-written file tells nothing, and is no fault.
func readHolder(path string) string {
	for range 5 {
		var h holder
		if doc, err := disk.ReadFile(path, 1<<16); err == nil && json.Unmarshal(doc, &h) == nil {
			return h.String()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return "another matrix process"
}
