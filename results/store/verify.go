package store

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"matrix/results/record"
	"matrix/results/table"
)

// Verify reads every file of the store against its manifest and returns the attempts with a problem.
// It reads the whole tree: a gigabyte takes seconds. Files that were left behind on purpose are problems here, for it
// is asked what is not as it was written.
func (s *Store) Verify(ctx context.Context) ([]Past, error) {
	all, err := s.History(ctx, "")
	if err != nil {
		return nil, err
	}
	var bad []Past
	for _, p := range all {
		if p.Problem == "" && len(p.Absent) > 0 {
			p.Problem, p.Detail = ResultMissing, gone(p.Absent)
		}
		if p.Problem == "" {
			if p.Problem, p.Detail, err = checkSums(ctx, p.Dir, p.Files); err != nil {
				return nil, err
			}
		}
		if p.Problem != "" {
			bad = append(bad, p)
		}
	}
	return bad, nil
}

// checkSums reads every file of an attempt. The error is ours (too few descriptors, nobody waits any more), never the file's.
func checkSums(ctx context.Context, dir string, files map[string]record.FileSum) (problem, detail string, err error) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := ctx.Err(); err != nil {
			return "", "", err
		}
		sum, err := table.SumFile(filepath.Join(dir, name))
		if passing(err) {
			return "", "", fmt.Errorf("check the attempt in %s: %w", dir, err)
		}
		if err != nil {
			return ResultCorrupt, fmt.Sprintf("%s cannot be read: %v", name, err), nil
		}
		if sum != files[name] {
			return ResultCorrupt, name + " is not what was written: its SHA-256 differs", nil
		}
	}
	return "", "", nil
}
