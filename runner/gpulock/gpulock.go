// Package gpulock keeps two programs off one GPU: one flock per GPU UUID, the same file for every user and every results
// tree of a machine. It knows no NVML and no plan.
package gpulock

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Folder holds the locks. Not TMPDIR, which differs between users; not /run/lock, which not every system lets every user
// write to. A container with a /tmp of its own locks for itself only.
const Folder = "/tmp/matrix-gpu-locks"

// HeldError says that another program has a GPU.
type HeldError struct {
	UUID   string
	Holder string // "\"matrix apply gemma3\" of ada (pid 12, since 2026-11-24 01:00:00)"
}

// Error names the UUID alone; callers that know the machine put its number and name before it.
func (e *HeldError) Error() string { return fmt.Sprintf("%s is in use by %s", e.UUID, e.Holder) }

// UnusableError says that the lock of a GPU cannot be used by this user: what lies there is somebody else's, or no file. A
// GPU is no less free for it, but nothing keeps another matrix off it.
type UnusableError struct {
	UUID string
	Err  error
}

// Error says what is in the way, with the cause.
func (e *UnusableError) Error() string {
	return fmt.Sprintf("the lock of %s cannot be used: %v", e.UUID, e.Err)
}

// Unwrap gives the cause.
func (e *UnusableError) Unwrap() error { return e.Err }

// holder is what stands in a lock file while it is held.
type holder struct {
	PID     int       `json:"pid"`
	User    string    `json:"user"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// String is what Holder and HeldError tell.
func (h holder) String() string {
	return fmt.Sprintf("%q of %s (pid %d, since %s)", h.Command, h.User, h.PID, h.Since.Format("2006-01-02 15:04:05"))
}

// Take locks one GPU for what ("matrix apply gemma3"), or returns *HeldError at once (100 ms), *UnusableError where another
// user's files are in the way. The kernel frees the lock when the process dies, however it dies.
func Take(folder, uuid, what string) (release func(), err error) {
	path := filepath.Join(folder, filepath.Base(uuid))
	for range 3 {
		lock, err := open(path)
		if err != nil {
			return nil, &UnusableError{uuid, err}
		}
		got, err := lock.TryLock()
		if err != nil {
			return nil, &UnusableError{uuid, errors.Join(err, lock.Close())}
		}
		if !got {
			_ = lock.Close() // nothing was locked
			return nil, &HeldError{UUID: uuid, Holder: readHolder(path)}
		}
		if !removed(path, lock) {
			writeHolder(path, what)
			return func() { writeHolder(path, ""); _ = lock.Unlock() }, nil
		}
		_ = lock.Close() // somebody tidied /tmp in between: this file is nobody's any more
	}
	return nil, &UnusableError{uuid, fmt.Errorf("%s is removed again and again", path)}
}

// open opens first and creates second: where the kernel protects sticky folders (fs.protected_regular), opening another
// user's file with O_CREATE is refused even though everybody may write to it.
func open(path string) (*flock.Flock, error) {
	err := regular(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = create(path)
	}
	if err != nil {
		return nil, err
	}
	return flock.New(path, flock.SetFlag(os.O_RDWR|unwaiting)), nil
}

// unwaiting opens neither a link nor the end of a FIFO that nobody reads.
const unwaiting = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// regular is nil when a lock's file is there and a file.
func regular(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file (%s): whoever made it should remove it", path, info.Mode().Type())
	}
	return err
}

// create makes the file, and the folder, for every user: the umask must not narrow that.
func create(path string) error {
	folder := filepath.Dir(path)
	if err := os.Mkdir(folder, 0o777); err == nil {
		err = os.Chmod(folder, 0o777|os.ModeSticky)
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil // another program was faster
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o666), f.Close())
}

// removed reports whether the path no longer names the file that is locked.
func removed(path string, lock *flock.Flock) bool {
	there, err := os.Stat(path)
	if err != nil {
		return true
	}
	held, err := lock.Stat()
	return err != nil || !os.SameFile(there, held)
}

// writeHolder tells others who we are; the lock holds without it.
func writeHolder(path, what string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC|unwaiting, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if what == "" {
		return
	}
	h := holder{PID: os.Getpid(), User: "unknown user", Command: what, Since: time.Now()}
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	_ = json.NewEncoder(f).Encode(h)
}

// readHolder tries a few times: the holder may just be writing its name.
func readHolder(path string) string {
	for range 5 {
		var h holder
		if read(path, &h) == nil {
			return h.String()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return "another program"
}

// maxHolder bounds what is read of a file that anybody may write to.
const maxHolder = 1 << 16

// read reads who holds a lock. The file is any user's to write, so it is bounded, and a FIFO in its place is not waited
// for.
func read(path string, h *holder) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unwaiting, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewDecoder(io.LimitReader(f, maxHolder)).Decode(h)
}

// Check says what keeps this user from the lock of a GPU, or from seeing who holds it; nil when nothing does. It makes
// nothing.
func Check(folder, uuid string) error {
	path := filepath.Join(folder, filepath.Base(uuid))
	err := regular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_RDWR|unwaiting, 0); err == nil {
			return f.Close()
		}
	}
	return &UnusableError{uuid, err}
}

// Holder says who has a GPU now, "" when nobody does.
func Holder(folder, uuid string) string {
	path := filepath.Join(folder, filepath.Base(uuid))
	if regular(path) != nil {
		return ""
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY|unwaiting))
	if got, err := lock.TryRLock(); err == nil && !got {
		_ = lock.Close()
		return readHolder(path)
	}
	_ = lock.Close()
	return ""
}

// Others counts the programs but this one that hold any of these GPUs. A lock is tried only where its file names a process
// that lives: trying one that is free would hold it for a moment, in the way of who takes it just then.
func Others(folder string, uuids []string) int64 {
	pids := map[int]bool{}
	for _, uuid := range uuids {
		var h holder
		if read(filepath.Join(folder, filepath.Base(uuid)), &h) != nil || h.PID <= 0 || h.PID == os.Getpid() {
			continue
		}
		if !errors.Is(syscall.Kill(h.PID, 0), syscall.ESRCH) && Holder(folder, uuid) != "" {
			pids[h.PID] = true
		}
	}
	return int64(len(pids))
}
