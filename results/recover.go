package results

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Unfinished returns the attempts that an interrupted apply left in work/, spools recovered up to the first
// bad frame, oldest first. It needs no lock and then only reads; when no apply holds the tree it first ends
// the commits that a crash cut short, so that these are in the history and not here.
func (s *Store) Unfinished(ctx context.Context) ([]*Attempt, error) {
	if err := s.tidyIfFree(ctx); err != nil {
		return nil, err
	}
	var out []*Attempt
	return out, s.eachWork(ctx, func(name string) error {
		a, err := s.readWork(name)
		if err != nil || a.isPublished() || a.state.Commit != nil {
			return nil // being begun, published or committed by the apply that holds the tree
		}
		if err := a.recount(); err != nil {
			return err
		}
		out = append(out, a)
		return nil
	})
}

func (s *Store) eachWork(ctx context.Context, each func(name string) error) error {
	names, err := folders(s.inner(workDir))
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

// tidyIfFree tidies when there is something to tidy and nobody holds the tree.
func (s *Store) tidyIfFree(ctx context.Context) error {
	untidy := false
	err := s.eachWork(ctx, func(name string) error {
		a, err := s.readWork(name)
		untidy = untidy || err != nil || a.isPublished() || a.state.Commit != nil
		return nil
	})
	if err != nil || !untidy {
		return err
	}
	unlock, err := s.Lock("tidying after a crash") // tidies
	if held := new(ErrLocked); errors.As(err, &held) {
		return nil
	}
	if err != nil {
		return err
	}
	unlock()
	return nil
}

// tidy ends what a crash cut short: commits that had begun, the cleaning up after one, and Begins. The
// caller holds the lock.
func (s *Store) tidy(ctx context.Context) error {
	trash, err := filepath.Glob(s.inner(workDir, trashPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range trash {
		if err := s.fs.RemoveAll(dir); err != nil {
			return fmt.Errorf("tidy the results: %w", err)
		}
	}
	return s.eachWork(ctx, func(name string) error {
		a, err := s.readWork(name)
		switch {
		case err != nil:
			return s.setAside(s.inner(workDir, name), name, err)
		case a.isPublished():
			return s.discard(a.dir)
		case a.state.Commit == nil:
			return nil
		}
		if err := a.recount(); err != nil {
			return err
		}
		_, err = a.publish()
		return err
	})
}

// trashPrefix hides a work folder that is being removed.
const trashPrefix = ".trash-"

// discard removes a work folder. Out of sight by one rename first: a removal that a crash cuts in half must
// not look like an attempt without its description.
func (s *Store) discard(dir string) error {
	trash := filepath.Join(filepath.Dir(dir), trashPrefix+filepath.Base(dir))
	if err := s.fs.Rename(dir, trash); err != nil {
		return err
	}
	return s.fs.RemoveAll(trash)
}

// readWork reads what an attempt in work/ says of itself.
func (s *Store) readWork(name string) (*Attempt, error) {
	a := &Attempt{store: s, dir: s.inner(workDir, name)}
	m, err := readSealed[Manifest](filepath.Join(a.dir, attemptFile))
	if err != nil {
		return nil, err
	}
	compactIdentity(&m.Identity)
	m.Self = "" // it is sealed again when it changes
	a.manifest = m
	if _, err := a.target(); err != nil {
		return nil, err
	}
	a.state, err = readSealed[state](filepath.Join(a.dir, stateFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.state = state{} // written whole by rename, so this is damage: the rows are worth more
		a.warn("the run's saved description was damaged and is lost")
	}
	a.state.Self = ""
	return a, nil
}

// isPublished reports that the attempt is in its place already.
func (a *Attempt) isPublished() bool {
	target, err := a.target()
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(target, manifestFile))
	return err == nil
}

// setAside deals with a work folder that tells of no attempt. Begin syncs the description before the first
// spool, so a folder without spools is a Begin that a crash cut short; anything else is kept for a person.
func (s *Store) setAside(dir, name string, why error) error {
	spools, err := filepath.Glob(filepath.Join(dir, "*.spool"))
	if err != nil {
		return err
	}
	if len(spools) == 0 {
		return s.discard(dir)
	}
	lost := s.inner("lost")
	if err := s.fs.MkdirAll(lost); err != nil {
		return notWritable(s.root, err)
	}
	note := fmt.Sprintf("set aside: %v\n", why)
	if err := s.fs.WriteFile(filepath.Join(dir, "why.txt"), []byte(note)); err != nil {
		return err
	}
	if err := s.fs.Rename(dir, filepath.Join(lost, name)); err != nil {
		return err
	}
	return errors.Join(s.fs.SyncDir(lost), s.fs.SyncDir(filepath.Dir(dir)))
}

func readSealed[T any](path string) (T, error) {
	var v T
	doc, err := os.ReadFile(path)
	if err == nil {
		err = unseal(doc, &v)
	}
	if err != nil {
		return *new(T), fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return v, nil
}
