package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"matrix/experiments/textfile"
	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/table"
)

// Taint voids an attempt, or with attempt "" all attempts of the cell so far.
// reason and who are kept as they are. A later attempt of the cell is not touched: the mark lists those that were
// there.
func (s *Store) Taint(experiment, slug, attempt, reason, who string) error {
	if attempt != "" && !attemptName(attempt) {
		return fmt.Errorf("taint attempt %q: not a ULID", attempt)
	}
	return s.mark(experiment, slug, record.Mark{Kind: record.MarkTaint, Attempt: attempt, Reason: reason, Who: who})
}

// Accept blesses an attempt, or with attempt "" all attempts of the cell so far: they count as current for an identity
// (its canonical JSON, as Mark.Identity) that they do not have.
// It does not change them: their manifests say what ran, the mark what it may stand for.
func (s *Store) Accept(experiment, slug, attempt string, identity json.RawMessage, reason, who string) error {
	if attempt != "" && !attemptName(attempt) {
		return fmt.Errorf("accept attempt %q: not a ULID", attempt)
	}
	return s.mark(experiment, slug, record.Mark{Kind: record.MarkAccept, Attempt: attempt, Identity: identity, Reason: reason, Who: who})
}

// mark adds a file; marks are never changed or removed.
// A ULID each, so that two machines that mark at once write two files.
func (s *Store) mark(experiment, slug string, m record.Mark) error {
	cell, err := s.cellDir(experiment, slug)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(cell); err != nil {
		return fmt.Errorf("%s a cell: %w", m.Kind, err)
	}
	there, err := s.AttemptNames(experiment, slug)
	if err != nil {
		return fmt.Errorf("%s a cell: %w", m.Kind, err)
	}
	if m.Attempt == "" {
		m.Attempts = there
	}
	m.At = time.Now()
	if n := len(there); n > 0 { // behind what it is about, also where the clock was set back
		if last, err := s.ReadManifest(experiment, slug, there[n-1]); err == nil && !m.At.After(last.Ended) {
			m.At = last.Ended.Add(1)
		}
	}
	doc, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("%s a cell: %w", m.Kind, err)
	}
	dir := filepath.Join(cell, marksDir)
	if err := s.fs.MkdirAll(dir); err != nil {
		return notWritable(s.root, err)
	}
	var earlier []string
	if entries, err := os.ReadDir(dir); err == nil {
		for _, e := range entries {
			earlier = append(earlier, e.Name())
		}
	}
	return s.fs.WriteFile(filepath.Join(dir, idAfter(earlier)+".json"), append(doc, '\n'))
}

// Accepts returns the accept marks of a cell, oldest first.
// Illegible marks are taints, and not among them.
func (s *Store) Accepts(ctx context.Context, experiment, slug string) ([]record.Mark, error) {
	cell, err := s.cellDir(experiment, slug)
	if err != nil {
		return nil, err
	}
	marks, err := readMarks(cell)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(marks, func(m record.Mark) bool { return m.Kind != record.MarkAccept }), ctx.Err()
}

// readMarks reads the marks of a cell. One that cannot be read may be a taint, so it is taken for one of the whole cell,
// whose results count again when it is readable or gone: an error would stop what has nothing to do with the cell. Only a
// want of ours is one.
func readMarks(cell string) ([]record.Mark, error) {
	dir := filepath.Join(cell, marksDir)
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case passing(err):
		return nil, fmt.Errorf("read the marks in %s: %w", dir, err)
	case err != nil:
		return []record.Mark{illegible(err)}, nil
	}
	var out []record.Mark
	for _, e := range entries { // sorted by name: by time, as ULIDs are
		name, isMark := strings.CutSuffix(e.Name(), ".json")
		if !isMark || !attemptName(name) {
			continue
		}
		m, err := readMark(filepath.Join(dir, e.Name()))
		if passing(err) {
			return nil, err
		}
		if err != nil {
			m = illegible(err)
		}
		out = append(out, m)
	}
	return out, nil
}

// readMark reads one mark. The error names the file, for a person to mend.
func readMark(path string) (m record.Mark, err error) {
	doc, err := disk.ReadFile(path, table.MaxDocument)
	if err == nil {
		err = textfile.PlainJSON(json.Unmarshal(doc, &m))
	}
	if err == nil && m.Kind != record.MarkTaint && m.Kind != record.MarkAccept {
		err = fmt.Errorf("it is no mark, but %q", m.Kind)
	}
	if err != nil {
		err = fmt.Errorf("the mark %s cannot be read: %w", path, err)
	}
	return m, err
}

// illegible stands for a mark that cannot be read: a taint of all that the cell has.
// The far date makes it name every attempt that was ever begun.
func illegible(err error) record.Mark {
	return record.Mark{Kind: record.MarkTaint, At: time.Unix(1<<40, 0), Reason: fmt.Sprintf("%v (bring it back from a copy, or remove it and mark again)", err)}
}

// taintOf is the reason by which an attempt is void, "" = it is not.
// The first mark's reason: one is enough, and the oldest is what a person remembers.
func taintOf(marks []record.Mark, m *record.Manifest) string {
	for _, mark := range marks {
		if mark.Kind == record.MarkTaint && mark.Names(m) {
			return cmp.Or(mark.Reason, "no reason given")
		}
	}
	return ""
}
