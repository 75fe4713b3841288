package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"matrix/results/record"
	"matrix/results/table"
)

// Peek returns the attempts in work/ as they lie there and changes nothing, not even what a crash cut short: for a
// view of work that another machine does.
// They cannot be resumed or committed: the other machine does that.
func (s *Store) Peek(ctx context.Context) ([]*Attempt, error) {
	var out []*Attempt
	return out, work{s}.each(ctx, func(name string) error {
		a, err := work{s}.read(name)
		if err != nil || (work{s}).published(a) {
			return nil // being begun, or done
		}
		if a.recount() == nil {
			out = append(out, a)
		}
		return nil
	})
}

// Working is where the engine's log and the telemetry of an attempt under way are, for who looks on from outside: the last spool, "" =
// there is none. Nothing need be there.
// For a view only; the path may be gone the next moment.
func Working(s *Store, attempt string) (log, samples string) {
	if !attemptName(attempt) {
		return "", ""
	}
	dir := s.inner(workDir, attempt)
	entries, _ := os.ReadDir(dir) // sorted; none where it is not there
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), record.TableSamples+"-") && strings.HasSuffix(e.Name(), ".spool") {
			samples = filepath.Join(dir, e.Name())
		}
	}
	return filepath.Join(dir, logFile), samples
}

// Adopt moves the unfinished attempts of a tree apart into this one's work, so that the next apply goes on with them.
// The caller holds the lock of s, and nobody works in other.
// The lock of other is taken, so that none of its attempts is being ended meanwhile. Both trees must lie on one file
// system, as parts of one tree do.
func (s *Store) Adopt(ctx context.Context, other *Store) (adopted int, err error) {
	unlock, err := other.Lock("adopting unfinished attempts") // ends commits that had begun
	if err != nil {
		return 0, err
	}
	defer unlock()
	err = work{other}.each(ctx, func(name string) error {
		from, to := other.inner(workDir, name), s.inner(workDir, name)
		if err := errors.Join(s.fs.MkdirAll(filepath.Dir(to)), s.fs.Rename(from, to)); err != nil {
			return s.SetAside(from, "attempt "+name, err)
		}
		adopted++
		return errors.Join(s.fs.SyncDir(s.inner(workDir)), s.fs.SyncDir(other.inner(workDir)))
	})
	return adopted, err
}

// Tidy ends what a crash cut short: a commit that had begun is completed. *ErrLocked where somebody holds the tree.
// Each lock tidies first, so to take it once is all there is to do.
func (s *Store) Tidy() error {
	unlock, err := s.Lock("tidying after a crash") // tidies
	if err != nil {
		return err
	}
	unlock()
	return nil
}

// AttemptNames lists the committed attempts of a cell, oldest first; none when the cell has none.
// By ULID, which is by when they began.
func (s *Store) AttemptNames(experiment, slug string) ([]string, error) {
	cell, err := s.cellDir(experiment, slug)
	if err != nil {
		return nil, err
	}
	names, err := folders(cell)
	return slices.DeleteFunc(names, func(name string) bool { return !attemptName(name) }), err
}

// ReadManifest reads what a committed attempt says of itself. os.ErrNotExist when there is none.
// Of its files it looks at none: History does.
func (s *Store) ReadManifest(experiment, slug, attempt string) (record.Manifest, error) {
	cell, err := s.cellDir(experiment, slug)
	if err != nil {
		return record.Manifest{}, err
	}
	m, err := table.ReadManifest(filepath.Join(cell, attempt))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("read attempt %s: %w", attempt, err)
	}
	return m, err
}
