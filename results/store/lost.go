package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// lostDir holds work that could not be recovered, each folder with its reason in why.txt: for a person to look at. Nothing
// reads it, so it stops nobody.
const lostDir = "lost"

// setAside deals with a work folder that nothing can be made of. Begin syncs the description before the first spool, so
// an empty one is a Begin that a crash cut short; anything else is kept for a person.
// The error is one that may pass, or one that keeps the folder from being moved.
func (w work) setAside(dir, name string, why error) error {
	s := w.s
	entries, err := os.ReadDir(dir)
	begun := func(e os.DirEntry) bool { return filepath.Ext(e.Name()) == ".spool" || e.Name() == commitDir }
	if err == nil && !slices.ContainsFunc(entries, begun) {
		return s.discard(dir)
	}
	to, err := w.lose(dir, name, why)
	if err != nil {
		return err
	}
	s.notice("attempt %s could not be finished and was set aside in %s: %v. Its launch is pending again; the folder may be deleted", name, to, why)
	return nil
}

// SetAside moves a folder below .matrix that nothing can be made of to lost/ and says so, once. An error that may pass
// (a full disk) is returned, and the folder stays.
// what names it in the notice.
func (s *Store) SetAside(dir, what string, why error) error {
	if passing(why) {
		return why
	}
	to, err := work{s}.lose(dir, filepath.Base(dir), why)
	if err != nil {
		return errors.Join(why, err)
	}
	s.notice("%s was set aside in %s: %v", what, to, why)
	return nil
}

// lose moves a folder to lost/ under its name, or the name with a number where that is taken.
func (w work) lose(dir, name string, why error) (to string, err error) {
	s := w.s
	lost := filepath.Join(s.root, innerDir, lostDir)
	if err := s.fs.MkdirAll(lost); err != nil {
		return "", notWritable(s.root, err)
	}
	// The reason is for a person; a folder that does not take it is set aside without.
	var note error
	if info, err := os.Lstat(dir); err == nil && info.IsDir() {
		note = s.fs.WriteFile(filepath.Join(dir, "why.txt"), fmt.Appendf(nil, "set aside: %v\n", why))
	}
	if note != nil && passing(note) {
		return "", note
	}
	// Nothing that is lost is ever replaced: it may be all that is left.
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
