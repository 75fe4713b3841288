package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"matrix/experiments"
)

// savedSchema is the version of the plan file.
const savedSchema = 1

// maxSaved bounds what ReadSaved takes in: a plan of 100,000 cells is about 50 MB.
const maxSaved = 1 << 30

// Saved is a plan as it lies in a file: what was asked, the source as it was, what was resolved, and each pending cell.
type Saved struct {
	Schema  int                     `json:"schema"`
	Made    time.Time               `json:"made"`
	Paths   []string                `json:"paths"`
	Files   map[string][]byte       `json:"files"` // source as read
	Vars    experiments.LoadOptions `json:"vars"`  // the environment left out
	Filter  Filter                  `json:"filter"`
	Pending []SavedCell             `json:"pending"`
}

// SavedCell is one pending cell.
type SavedCell struct {
	Experiment string               `json:"experiment"`
	Address    string               `json:"address"`
	Name       string               `json:"name"`
	Identity   experiments.Identity `json:"identity"`
	State      State                `json:"state"`
	Reasons    []Reason             `json:"reasons"`
	Launches   []int                `json:"launches"`
}

// NewSaved gathers what the file holds.
func NewSaved(paths []string, files map[string][]byte, vars experiments.LoadOptions, filter Filter, plans []*Plan) *Saved {
	// Of the environment only what sets variables counts, and the rest may hold secrets.
	vars.Environ = slices.DeleteFunc(slices.Clone(vars.Environ), func(s string) bool { return !strings.HasPrefix(s, "MATRIX_VAR_") })
	vars.Source = nil // Files has it
	s := &Saved{Schema: savedSchema, Made: time.Now().UTC(), Paths: paths, Files: files, Vars: vars, Filter: filter}
	for _, p := range plans {
		for _, item := range p.Items {
			if item.Pending() {
				s.Pending = append(s.Pending, SavedCell{Experiment: p.Experiment, Address: item.Cell.Address, Name: item.Cell.Name(),
					Identity: item.Identity, State: item.State, Reasons: item.Reasons, Launches: item.Launches})
			}
		}
	}
	return s
}

// Write writes the plan file.
func (s *Saved) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// ReadSaved reads a plan file.
func ReadSaved(r io.Reader) (*Saved, error) {
	var s Saved
	if err := json.NewDecoder(io.LimitReader(r, maxSaved)).Decode(&s); err != nil {
		return nil, fmt.Errorf("this is no plan of matrix: %w", err)
	}
	if s.Schema != savedSchema {
		return nil, fmt.Errorf("the plan has schema %d, this matrix reads %d", s.Schema, savedSchema)
	}
	if len(s.Paths) == 0 {
		return nil, errors.New("the plan names no files")
	}
	return &s, nil
}

// Drift holds freshly made plans against the saved one: one line for each cell that is no longer what was looked at.
// A cell that is done by now is no drift; there is only less to do.
func (s *Saved) Drift(plans []*Plan) []string {
	type key struct{ experiment, address string }
	now, narrowed := map[key]*Item{}, false
	for _, p := range plans {
		narrowed = narrowed || !slices.Equal(p.Filter.Only, s.Filter.Only) || !slices.Equal(p.Filter.Except, s.Filter.Except)
		for _, item := range p.Items {
			now[key{p.Experiment, item.Cell.Address}] = item
		}
	}
	saved := map[key]bool{}
	var lines []string
	for _, c := range s.Pending {
		saved[key{c.Experiment, c.Address}] = true
		item := now[key{c.Experiment, c.Address}]
		if item == nil && narrowed {
			continue // less of it was asked for on the command line
		}
		if line := drifted(c, item); line != "" {
			lines = append(lines, line)
		}
	}
	for _, p := range plans {
		for _, item := range p.Items {
			if item.Pending() && !saved[key{p.Experiment, item.Cell.Address}] {
				lines = append(lines, fmt.Sprintf("%s is pending now and was not when the plan was saved (%s)", item.Cell.Name(), words(item.Reasons)))
			}
		}
	}
	return lines
}

// drifted says what became of one cell; "" = it still stands, or less of it does.
func drifted(c SavedCell, item *Item) string {
	switch {
	case item == nil:
		return c.Name + " is no longer in the experiment"
	case item.Cell.Skip != nil:
		return fmt.Sprintf("%s is %s now: %s", c.Name, item.State, item.Cell.Skip.Reason)
	case c.Identity.Hash != item.Identity.Hash:
		var parts []string
		for _, d := range experiments.Diff(c.Identity, item.Identity, item.Cell) {
			if slices.Contains(staleKinds, d.Component) {
				parts = append(parts, fmt.Sprintf("%s %s %s → %s", d.Component, d.Path, d.Before, d.After))
			}
		}
		if len(parts) == 0 {
			parts = changedKinds(c.Identity, item.Identity)
		}
		return c.Name + ": " + strings.Join(parts, ", ")
	}
	for _, n := range item.Launches {
		if !slices.Contains(c.Launches, n) {
			return fmt.Sprintf("%s: launch %d is pending now and was not when the plan was saved", c.Name, n)
		}
	}
	return ""
}

func words(reasons []Reason) string {
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = string(r)
	}
	return strings.Join(texts, ", ")
}
