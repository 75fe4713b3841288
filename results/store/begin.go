package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/table"
)

// Begin opens a new attempt in work/ with its spools. The caller holds the lock.
// The attempt holds three files and a goroutine until it is ended. id may still change: Commit takes the run's.
// *ForeignError where the folder holds something else.
func (s *Store) Begin(cell *cell.Cell, id cell.Identity, launch int, source []byte) (*Attempt, error) {
	if _, err := s.cellDir(cell.Experiment, cell.Slug); err != nil {
		return nil, err
	}
	if err := s.Foreign(cell.Experiment); err != nil {
		return nil, err
	}
	if err := s.fs.MkdirAll(s.inner(workDir)); err != nil {
		return nil, notWritable(s.root, err)
	}
	before, err := s.AttemptNames(cell.Experiment, cell.Slug)
	if err != nil {
		return nil, fmt.Errorf("begin attempt: %w", err)
	}
	m := newManifest(cell, id, launch)
	m.Attempt, m.Matrix = idAfter(before), s.Version
	if m.Source, err = s.keepSource(cell.Experiment, source); err != nil {
		return nil, fmt.Errorf("begin attempt: %w", err)
	}
	// The description is durable before there is anything to describe.
	a := &Attempt{store: s, dir: s.inner(workDir, m.Attempt), manifest: m}
	if err := s.fs.MkdirAll(a.dir); err != nil {
		return nil, notWritable(s.root, err)
	}
	if err := errors.Join(a.saveManifest(), a.open()); err != nil {
		return nil, fmt.Errorf("begin attempt: %w", err)
	}
	return a, nil
}

// newManifest is an attempt of which nothing came yet: interrupted, until a commit says otherwise.
func newManifest(cell *cell.Cell, id cell.Identity, launch int) record.Manifest {
	m := record.Manifest{
		Schema: record.ManifestSchema, Experiment: cell.Experiment, Address: cell.Address, Slug: cell.Slug,
		Name: cell.Name(), Launch: launch, Status: record.Interrupted,
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
	// Two attempts that begin at once would else write one path.
	s.sources.Lock()
	defer s.sources.Unlock()
	name := table.Sum(source).SHA256
	dir := filepath.Join(s.root, experiment, sourcesDir)
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return name, nil
	}
	if err := s.fs.MkdirAll(dir); err != nil {
		return "", notWritable(s.root, err)
	}
	// By way of work/: other machines may keep the same source at this moment.
	return name, s.fs.WriteFileVia(s.inner(workDir, trashPrefix+name), path, source)
}
