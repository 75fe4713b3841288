package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"matrix/results/record"
)

// ballastBytes is the size of .matrix/ballast: room that an apply sets aside while there is some, for the record of
// its own failure when the disk is full.
const ballastBytes = 1 << 20

// ballast is that file.
type ballast struct{ s *Store }

// fill sets the room aside. A disk that does not have it is too full to begin anything.
// Each lock fills it again, so a ballast that an earlier failure took comes back.
func (b ballast) fill() error {
	s := b.s
	if s.ballast == 0 {
		return nil
	}
	path := filepath.Join(s.root, innerDir, "ballast")
	info, err := os.Lstat(path)
	if err == nil && info.Mode().IsRegular() && info.Size() == s.ballast {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		if err := s.fs.RemoveAll(path); err != nil { // nothing of ours, and a rename does not replace it
			return notWritable(s.root, err)
		}
	}
	room := make([]byte, s.ballast)
	_, _ = rand.Read(room) // it never fails; zeros would be compressed away by some file systems
	if err := s.fs.WriteFile(path, room); err != nil {
		return errors.Join(notWritable(s.root, err), s.fs.RemoveAll(path+".tmp"))
	}
	return nil
}

// drop gives the room up, whoever set it aside, when err says that the disk is full, and reports whether that made any.
// Quotas count: to the writer they are a full disk.
func (b ballast) drop(err error) bool {
	s := b.s
	path := filepath.Join(s.root, innerDir, "ballast")
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return false
	}
	if _, err := os.Stat(path); err != nil {
		return false
	}
	return s.fs.RemoveAll(path) == nil
}

// Abort commits an attempt that a failure of the store ended, with what is on disk of it. On a full disk it gives up
// the ballast; what does not fit even then stays in work/ and is committed by the next apply.
// The error is that of the second try, where there was one. The cause stands in the manifest's reason.
func (a *Attempt) Abort(cause error, logTail string, run record.Run) error {
	reason := fmt.Sprintf("the results could not be written: %v", cause)
	ballast{a.store}.drop(cause)
	_, err := a.Commit(record.EnvironmentFailed, reason, logTail, run)
	if (ballast{a.store}).drop(err) {
		_, err = a.Commit(record.EnvironmentFailed, reason, logTail, run)
	}
	return err
}
