package store

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/oklog/ulid/v2"

	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/table"
)

// countsFile lies in an experiment's folder.
var countsFile = table.FileOf(record.TableCounts)

// WriteCounts replaces counts.parquet of an experiment, whole or not at all; one that says the same stays as it is.
// It stands for readers of a glob, who see no marks. It may be written by whoever finds it old, without the lock: it is
// made of what is committed.
func (s *Store) WriteCounts(experiment string, rows []record.CountRow) error {
	if err := checkName(experiment); err != nil {
		return fmt.Errorf("write %s: %w", countsFile, err)
	}
	doc, err := table.Counts(rows)
	if err != nil {
		return fmt.Errorf("write %s: %w", countsFile, err)
	}
	path := filepath.Join(s.root, experiment, countsFile)
	// An equal file keeps its date, and the tree can be read-only.
	if old, err := disk.ReadFile(path, int64(len(doc))); err == nil && bytes.Equal(old, doc) {
		return nil
	}
	if err := s.fs.MkdirAll(s.inner(workDir)); err != nil {
		return notWritable(s.root, err)
	}
	return s.fs.WriteFileVia(s.inner(workDir, trashPrefix+ulid.Make().String()), path, doc)
}
