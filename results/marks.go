package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"matrix/experiments"
)

// Kinds of marks.
const (
	markTaint  = "taint"
	markAccept = "accept"
)

// Taint voids an attempt, or with attempt "" all attempts of the cell so far.
func (s *Store) Taint(experiment, slug, attempt, reason, who string) error {
	if attempt != "" && !attemptName(attempt) {
		return fmt.Errorf("taint attempt %q: not a ULID", attempt)
	}
	return s.mark(experiment, slug, Mark{Kind: markTaint, Attempt: attempt, Reason: reason, Who: who})
}

// Accept blesses an attempt, or with attempt "" all attempts of the cell so far: they count as current for an identity
// (its canonical JSON, as Mark.Identity) that they do not have.
func (s *Store) Accept(experiment, slug, attempt string, identity json.RawMessage, reason, who string) error {
	if attempt != "" && !attemptName(attempt) {
		return fmt.Errorf("accept attempt %q: not a ULID", attempt)
	}
	return s.mark(experiment, slug, Mark{Kind: markAccept, Attempt: attempt, Identity: identity, Reason: reason, Who: who})
}

// mark adds a file; marks are never changed or removed.
func (s *Store) mark(experiment, slug string, m Mark) error {
	cell, err := s.cellDir(experiment, slug)
	if err != nil {
		return err
	}
	if _, err := os.Stat(cell); err != nil {
		return fmt.Errorf("%s a cell: %w", m.Kind, err)
	}
	m.At = time.Now()
	doc, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("%s a cell: %w", m.Kind, err)
	}
	dir := filepath.Join(cell, marksDir)
	if err := s.fs.MkdirAll(dir); err != nil {
		return notWritable(s.root, err)
	}
	return s.fs.WriteFile(filepath.Join(dir, ulid.Make().String()+".json"), append(doc, '\n'))
}

// Accepts returns the accept marks of a cell, oldest first.
func (s *Store) Accepts(ctx context.Context, experiment, slug string) ([]Mark, error) {
	cell, err := s.cellDir(experiment, slug)
	if err != nil {
		return nil, err
	}
	marks, err := readMarks(ctx, cell)
	var out []Mark
	for _, m := range marks {
		if m.Kind == markAccept {
			out = append(out, m)
		}
	}
	return out, err
}

// Blesses reports that the mark makes an attempt count for an identity.
func (m *Mark) Blesses(a *Manifest, identity string) bool {
	return m.Kind == markAccept && identity != "" && m.IdentityHash() == identity && (m.Attempt == "" || m.Attempt == a.Attempt) && a.Ended.Before(m.At)
}

// IdentityHash is the hash of the identity that an accept mark blesses: it holds the hash as a string, or the whole
// identity. "" where there is none.
func (m *Mark) IdentityHash() string {
	var text string
	if json.Unmarshal(m.Identity, &text) == nil {
		return text
	}
	var id experiments.Identity
	if json.Unmarshal(m.Identity, &id) != nil {
		return ""
	}
	return id.Hash
}

func readMarks(ctx context.Context, cell string) ([]Mark, error) {
	entries, err := os.ReadDir(filepath.Join(cell, marksDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	var out []Mark
	for _, e := range entries { // sorted by name: by time, as ULIDs are
		name, isMark := strings.CutSuffix(e.Name(), ".json")
		if !isMark || !attemptName(name) {
			continue
		}
		var m Mark
		path := filepath.Join(cell, marksDir, e.Name())
		doc, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(doc, &m)
		}
		// A mark that cannot be read may be a taint: going on would count a result that was voided.
		if err != nil {
			return nil, fmt.Errorf("read mark %s: %w (bring the file back from a copy, or remove it and mark again)", path, err)
		}
		out = append(out, m)
	}
	return out, ctx.Err()
}

// taintOf is the reason by which an attempt is void, "" = it is not.
func taintOf(marks []Mark, m *Manifest) string {
	for _, mark := range marks {
		if mark.Kind != markTaint {
			continue
		}
		if mark.Attempt == m.Attempt || mark.Attempt == "" && !mark.At.Before(m.Ended) {
			if mark.Reason == "" {
				return "no reason given"
			}
			return mark.Reason
		}
	}
	return ""
}
