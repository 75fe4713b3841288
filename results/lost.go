package results

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"matrix/results/disk"
)

// lostDir holds work that could not be recovered, each folder with its reason in why.txt: for a person to look at. Nothing
// reads it, so it stops nobody.
const lostDir = "lost"

// notice tells the user, once, what happened to their results beside what they asked for.
func (s *Store) notice(format string, values ...any) {
	text := fmt.Sprintf(format, values...)
	s.sayOnce.Lock()
	defer s.sayOnce.Unlock()
	if s.Notice == nil || s.said[text] {
		return
	}
	if s.said == nil {
		s.said = map[string]bool{}
	}
	s.said[text] = true
	s.Notice(text)
}

// wants are the errors that are no fault of the attempt at which they show: the same work may go well when there is
// room again.
var wants = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, context.Canceled, context.DeadlineExceeded}

// recoverable reports that an attempt may stay in work/ for another try.
func recoverable(err error) bool {
	for _, want := range wants {
		if errors.Is(err, want) {
			return true
		}
	}
	// A device that does not take our writes; one that does not give a spool back will not do so later.
	var failed *disk.Failed
	return errors.Is(err, errGuard) || errors.As(err, &failed) && errors.Is(err, syscall.EIO)
}

// Lacking reports that an error is a want of ours, such as too few descriptors, and tells nothing of the file.
func Lacking(err error) bool { return recoverable(err) }

// errGuard says that who may publish forbade it: another task does the work.
var errGuard = errors.New("it may not be published")

// setAside deals with a work folder that nothing can be made of. Begin syncs the description before the first spool, so
// an empty one is a Begin that a crash cut short; anything else is kept for a person.
func (s *Store) setAside(dir, name string, why error) error {
	entries, err := os.ReadDir(dir)
	if err == nil && begunOnly(entries) {
		return s.discard(dir)
	}
	to, err := s.lose(dir, name, why)
	if err != nil {
		return err
	}
	s.notice("attempt %s could not be finished and was set aside in %s: %v. Its launch is pending again; the folder may be deleted", name, to, why)
	return nil
}

// SetAside moves a folder below .matrix that nothing can be made of to lost/ and says so, once. An error that may pass
// (a full disk) is returned, and the folder stays.
func (s *Store) SetAside(dir, what string, why error) error {
	if recoverable(why) {
		return why
	}
	to, err := s.lose(dir, filepath.Base(dir), why)
	if err != nil {
		return errors.Join(why, err)
	}
	s.notice("%s was set aside in %s: %v", what, to, why)
	return nil
}

// begunOnly: no spool was begun yet.
func begunOnly(entries []os.DirEntry) bool {
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".spool" || e.Name() == commitDir {
			return false
		}
	}
	return true
}

// lose moves a folder to lost/ under its name, or the name with a number where that is taken.
func (s *Store) lose(dir, name string, why error) (to string, err error) {
	lost := filepath.Join(s.root, innerDir, lostDir)
	if err := s.fs.MkdirAll(lost); err != nil {
		return "", notWritable(s.root, err)
	}
	// The reason is for a person; a folder that does not take it is set aside without.
	var note error
	if info, err := os.Lstat(dir); err == nil && info.IsDir() {
		note = s.fs.WriteFile(filepath.Join(dir, "why.txt"), fmt.Appendf(nil, "set aside: %v\n", why))
	}
	if note != nil && recoverable(note) {
		return "", note
	}
	to = filepath.Join(lost, name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(to); errors.Is(err, os.ErrNotExist) {
			break
		}
		to = filepath.Join(lost, name+"-"+strconv.Itoa(n))
	}
	if err := s.fs.Rename(dir, to); err != nil {
		return "", err
	}
	return to, errors.Join(s.fs.SyncDir(lost), s.fs.SyncDir(filepath.Dir(dir)))
}
