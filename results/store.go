package results

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/oklog/ulid/v2"

	"matrix/experiments"
	"matrix/results/disk"
)

// Store is a tree of committed attempts.
type Store struct {
	Version string // of matrix, noted in manifests

	root string
	fs   *disk.FS
}

// ErrLocked says that another apply holds the tree.
type ErrLocked struct{ Holder string }

func (e *ErrLocked) Error() string { return "the results are in use by " + e.Holder }

// Open returns the store at root; nothing is created before it is needed.
func Open(root string) (*Store, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open results: %s is a file, not a folder", root)
	}
	return &Store{root: abs, fs: &disk.FS{}, Version: buildVersion()}, nil
}

func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// Root is the folder of the tree, absolute.
func (s *Store) Root() string { return s.root }

// Begin opens a new attempt in work/ with its spools. The caller holds the lock.
func (s *Store) Begin(cell *experiments.Cell, id experiments.Identity, launch int, source []byte) (*Attempt, error) {
	if _, err := s.cellDir(cell.Experiment, cell.Slug); err != nil {
		return nil, err
	}
	m := newManifest(cell, id, launch)
	m.Matrix = s.Version
	if err := s.fs.MkdirAll(s.inner(workDir)); err != nil {
		return nil, notWritable(s.root, err)
	}
	var err error
	if m.Source, err = s.keepSource(cell.Experiment, source); err != nil {
		return nil, fmt.Errorf("begin attempt: %w", err)
	}
	a := &Attempt{store: s, dir: s.inner(workDir, m.Attempt), manifest: m}
	if err := s.fs.MkdirAll(a.dir); err != nil {
		return nil, notWritable(s.root, err)
	}
	if err := errors.Join(a.saveManifest(), a.open()); err != nil {
		return nil, fmt.Errorf("begin attempt: %w", err)
	}
	return a, nil
}

func newManifest(cell *experiments.Cell, id experiments.Identity, launch int) Manifest {
	m := Manifest{
		Schema: manifestSchema, Experiment: cell.Experiment, Address: cell.Address, Slug: cell.Slug,
		Name: cell.Name(), Launch: launch, Attempt: ulid.Make().String(), Status: Interrupted,
		BatchSize: cell.BatchSize, Planned: int64(cell.BatchSize), Axes: map[string]string{},
		Identity: id, Began: time.Now(), Host: hostname(), Segments: 1,
	}
	for _, a := range cell.Axes {
		m.Axes[a.Name] = a.Label
	}
	if cell.Platform != nil {
		m.Platform = cell.Platform.ID
	}
	if cell.Model != nil {
		m.Model = cell.Model.ID
	}
	return m
}

// keepSource stores the HCL as it was, once per content, and returns its SHA-256.
func (s *Store) keepSource(experiment string, source []byte) (string, error) {
	if len(source) == 0 {
		return "", nil
	}
	sum := sha256.Sum256(source)
	name := hex.EncodeToString(sum[:])
	dir := filepath.Join(s.root, experiment, sourcesDir)
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return name, nil
	}
	if err := s.fs.MkdirAll(dir); err != nil {
		return "", notWritable(s.root, err)
	}
	return name, s.fs.WriteFile(path, source)
}

// Unfinished returns the attempts that an interrupted apply left in work/, spools recovered up to the first
// bad frame, oldest first. An attempt whose commit had begun is committed here and not returned. The
// caller holds the lock.
func (s *Store) Unfinished(ctx context.Context) ([]*Attempt, error) {
	names, err := folders(s.inner(workDir))
	if err != nil {
		return nil, err
	}
	var out []*Attempt
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !attemptName(name) {
			continue
		}
		a, err := s.recover(name)
		if err != nil {
			return nil, fmt.Errorf("recover attempt %s: %w", name, err)
		}
		if a != nil {
			out = append(out, a)
		}
	}
	return out, nil
}

// recover reads one attempt of work/; nil when there is nothing to go on with.
func (s *Store) recover(name string) (*Attempt, error) {
	a := &Attempt{store: s, dir: s.inner(workDir, name)}
	m, err := readSealed[Manifest](filepath.Join(a.dir, attemptFile))
	if err != nil {
		return nil, s.setAside(a.dir, name, err)
	}
	compactIdentity(m.Identity)
	m.Self = "" // it is sealed again when it changes
	a.manifest = m
	target, err := a.target()
	if err != nil {
		return nil, s.setAside(a.dir, name, err)
	}
	if _, err := os.Stat(filepath.Join(target, manifestFile)); err == nil {
		return nil, s.fs.RemoveAll(a.dir) // published; the crash came before the cleaning up
	}
	if a.state, err = readSealed[state](filepath.Join(a.dir, stateFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		a.state = state{} // written whole by rename, so this is damage: the rows are worth more
		a.warn("the run's saved description was damaged and is lost")
	}
	if err := a.recount(); err != nil {
		return nil, err
	}
	if a.state.Commit == nil {
		return a, nil
	}
	_, err = a.publish()
	return nil, err
}

// setAside deals with a work folder that tells of no attempt. Begin syncs the description before the first
// spool, so a folder without spools is a Begin that a crash cut short; anything else is kept for a person.
func (s *Store) setAside(dir, name string, why error) error {
	spools, err := filepath.Glob(filepath.Join(dir, "*.spool"))
	if err != nil {
		return err
	}
	if len(spools) == 0 {
		return s.fs.RemoveAll(dir)
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
