package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/table"
)

// Unfinished returns the attempts that an interrupted apply left in work/, spools recovered up to the first
// bad frame, oldest first. It needs no lock and then only reads; when no apply holds the tree it first ends
// the commits that a crash cut short, so that these are in the history and not here.
// They take no rows until Resume; Commit and Abandon end them as they are. The order is by age.
func (s *Store) Unfinished(ctx context.Context) ([]*Attempt, error) {
	out, untidy, err := work{s}.unfinished(ctx)
	// What keeps it from tidying (an apply at work, a disk that is full, a tree that is another user's) is no reason not to
	// read: who wants to write is told by Lock.
	if err != nil || !untidy || s.Tidy() != nil {
		return out, err
	}
	out, _, err = work{s}.unfinished(ctx)
	return out, err
}

// work is the folder of the attempts that no commit has ended.
// Its methods that change anything want the lock held.
type work struct{ s *Store }

// unfinished leaves out what is being begun, published or committed by the apply that holds the tree, or was by one
// that is gone: then it is untidy.
func (w work) unfinished(ctx context.Context) (out []*Attempt, untidy bool, err error) {
	return out, untidy, w.each(ctx, func(name string) error {
		a, err := w.read(name)
		if err != nil || w.published(a) || a.state.Commit != nil || a.recount() != nil {
			untidy = true
			return nil
		}
		out = append(out, a)
		return nil
	})
}

// each calls for every attempt's folder in work/, by age. Its error names the attempt.
func (w work) each(ctx context.Context, each func(name string) error) error {
	names, err := folders(w.s.inner(workDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !attemptName(name) {
			continue
		}
		if err := each(name); err != nil {
			return fmt.Errorf("recover attempt %s: %w", name, err)
		}
	}
	return nil
}

// tidy ends what a crash cut short: commits that had begun, the cleaning up after one, and Begins. What cannot be ended
// is set aside with its reason: no attempt may stop the others. The error is one that the next may not have. The caller
// holds the lock.
// It is called with every lock, so a tree heals by whoever uses it next.
func (w work) tidy(ctx context.Context) error {
	s := w.s
	trash, err := fs.Glob(os.DirFS(s.inner(workDir)), trashPrefix+"*") // the tree's own name is no pattern
	if err != nil {
		return err
	}
	for _, name := range trash {
		if err := s.fs.RemoveAll(s.inner(workDir, name)); passing(err) {
			return fmt.Errorf("tidy the results: %w", err)
		}
	}
	return w.each(ctx, func(name string) error {
		err := w.end(name)
		if err == nil || passing(err) {
			return err
		}
		if err = w.setAside(s.inner(workDir, name), name, err); err != nil && !passing(err) {
			s.notice("attempt %s in %s cannot be finished, and cannot be moved away: %v", name, s.inner(workDir), err)
			return nil
		}
		return err
	})
}

// end brings one attempt in work/ to where a crash cannot have cut it.
// Three ends: rubbish is removed, a built folder is moved, an intent is built once more; without an intent it stays for
// Resume.
func (w work) end(name string) error {
	a, err := w.read(name)
	if err != nil {
		return err
	}
	// An import that was killed: its file is still there, and no apply goes on with it.
	half := a.state.Commit == nil && a.state.Run != nil && a.state.Run.Imported
	if w.published(a) || half {
		return w.s.discard(a.dir)
	}
	if a.state.Commit != nil && (building{a, filepath.Join(a.dir, commitDir)}).stands() {
		return a.move(filepath.Join(a.dir, commitDir))
	}
	if err := a.recount(); err != nil || a.state.Commit == nil {
		return err
	}
	a.missSpools()
	_, err = a.publish()
	return err
}

// maxSegments bounds the launches of one attempt: each makes a file, and a number from a file is not believed.
const maxSegments = 1 << 16

// read reads what an attempt in work/ says of itself.
// Every number and name in it is checked: it comes out of a file.
func (w work) read(name string) (*Attempt, error) {
	a := &Attempt{store: w.s, dir: w.s.inner(workDir, name)}
	m, err := readSealed[record.Manifest](filepath.Join(a.dir, attemptFile))
	if err != nil {
		return nil, err
	}
	record.CompactIdentity(&m.Identity)
	m.Self = "" // it is sealed again when it changes
	a.manifest = m
	if _, err := a.target(); err != nil {
		return nil, err
	}
	if m.Attempt != name || m.Segments < 1 || m.Segments > maxSegments {
		return nil, fmt.Errorf("%s tells of attempt %q, segment %d", attemptFile, m.Attempt, m.Segments)
	}
	a.state, err = readSealed[state](filepath.Join(a.dir, stateFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.state = state{} // written whole by rename, so this is damage: the rows are worth more
		a.warn("the run's saved description was damaged and is lost")
	}
	a.state.Self = ""
	return a, nil
}

// published reports that the attempt is in its place already.
// A crash between the rename and the removal of the spools leaves both.
func (w work) published(a *Attempt) bool {
	target, err := a.target()
	if err != nil {
		return false
	}
	_, err = os.Lstat(filepath.Join(target, table.ManifestFile))
	return err == nil
}

// readSealed reads a document of ours whose checksum is in it.
func readSealed[T any](path string) (T, error) {
	var v T
	doc, err := disk.ReadFile(path, table.MaxDocument)
	if err == nil {
		err = record.Unseal(doc, &v)
	}
	if err != nil {
		return *new(T), fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return v, nil
}
