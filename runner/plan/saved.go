package plan

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"matrix/experiments/cell"
	"matrix/experiments/lang"
	"matrix/experiments/textfile"
)

// savedSchema is the version of the plan file.
const savedSchema = 3

// unsummed is the version whose files had no checksum.
const unsummed = 2

// maxSaved bounds what ReadSaved takes in: a plan of 100,000 cells is about 30 MB.
const maxSaved = 1 << 30

// Saved is a plan as it lies in a file: what was asked, the source as it was, what was resolved, and each pending cell.
//
// The file is JSON Lines: this struct, then the components of identities, each once, before the first cell that has it,
// the cells, and at last the SHA-256 of all that: a plan that was cut short or changed is no plan. One JSON document with whole identities took eight times the space, and all of it in memory twice.
type Saved struct {
	Schema int               `json:"schema"`
	Made   time.Time         `json:"made"`
	Paths  []string          `json:"paths"`
	Files  map[string][]byte `json:"files"` // source as read
	Vars   lang.Options      `json:"vars"`  // the environment left out
	Filter Filter            `json:"filter"`

	plans      []*Plan          // of one that is to be written
	pending    []savedCell      // of one that was read
	components []savedComponent // likewise; cells refer to them by number
}

// savedCell is one pending cell.
type savedCell struct {
	Experiment string   `json:"experiment"`
	Address    string   `json:"address"`
	Name       string   `json:"name"`
	Hash       string   `json:"hash"`       // of the identity
	Components []int    `json:"components"` // by number
	State      State    `json:"state"`
	Reasons    []Reason `json:"reasons"`
	Launches   []int    `json:"launches"`
}

// savedComponent is one part of identities.
type savedComponent struct {
	Name  string          `json:"name"`
	Hash  string          `json:"hash"`
	Value json.RawMessage `json:"value"`
}

// savedLine is one line behind the first.
type savedLine struct {
	Component *savedComponent `json:"component,omitempty"`
	Cell      *savedCell      `json:"cell,omitempty"`
	SHA256    string          `json:"sha256,omitempty"` // of the lines before, hex
}

// Asked is the filter of a plan that was read: what it asks to run again, it asks as of its making, and only once.
func (s *Saved) Asked() Filter {
	f := s.Filter
	if f.Since.IsZero() {
		f.Since = s.Made
	}
	return f
}

// NewSaved gathers what the file holds. vars.Values are those of all variables that were set: the plan means the same in
// another shell, where the environment does not set them, and after a file of variables has changed.
func NewSaved(paths []string, files map[string][]byte, vars lang.Options, filter Filter, plans []*Plan) *Saved {
	vars = lang.Options{Values: vars.Values} // where they came from does not matter any more; Files has the source
	return &Saved{Schema: savedSchema, Made: time.Now().UTC(), Paths: paths, Files: files, Vars: vars, Filter: filter, plans: plans}
}

// Write writes the plan file.
func (s *Saved) Write(w io.Writer) error {
	sum := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	out := savedWriter{e: json.NewEncoder(buffered), numbers: map[[2]string]int{}}
	out.e.SetEscapeHTML(false)
	err := out.e.Encode(s)
	for _, p := range s.plans {
		for _, item := range p.Items {
			if err == nil && item.Pending() {
				err = out.cell(p.Experiment, item)
			}
		}
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = json.NewEncoder(w).Encode(savedLine{SHA256: hex.EncodeToString(sum.Sum(nil))})
	}
	if err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// savedWriter numbers components as it meets them.
type savedWriter struct {
	e       *json.Encoder
	numbers map[[2]string]int // by name and hash
	line    savedCell         // of the cell at hand
}

// cell writes a cell, and before it the components that no cell before had: thousands share them, and a plan with each in
// full would be many times as large.
func (w *savedWriter) cell(experiment string, item *Item) error {
	w.line = savedCell{Experiment: experiment, Address: item.Cell.Address, Name: item.Cell.Name(), Hash: item.Identity.Hash,
		Components: w.line.Components[:0], State: item.State, Reasons: item.Reasons, Launches: item.Launches}
	for name, c := range item.Identity.Components.All() {
		key := [2]string{name, c.Hash}
		n, known := w.numbers[key]
		if !known {
			n = len(w.numbers)
			w.numbers[key] = n
			if err := w.e.Encode(savedLine{Component: &savedComponent{name, c.Hash, c.Value}}); err != nil {
				return err
			}
		}
		w.line.Components = append(w.line.Components, n)
	}
	slices.Sort(w.line.Components) // a map's order is no order
	return w.e.Encode(savedLine{Cell: &w.line})
}

// ReadSaved reads a plan file.
func ReadSaved(r io.Reader) (*Saved, error) {
	var s Saved
	in, sum := bufio.NewReader(io.LimitReader(r, maxSaved)), sha256.New()
	first, err := in.ReadBytes('\n')
	if err == nil || errors.Is(err, io.EOF) {
		err = json.Unmarshal(first, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("this is no plan of matrix: %w", textfile.PlainJSON(err))
	}
	if s.Schema != savedSchema && s.Schema != unsummed {
		return nil, fmt.Errorf("the plan has schema %d, this matrix reads %d", s.Schema, savedSchema)
	}
	if len(s.Paths) == 0 {
		return nil, errors.New("the plan names no files")
	}
	sum.Write(first)
	if err := s.lines(in, sum); err != nil {
		return nil, fmt.Errorf("the plan is damaged: %w", textfile.PlainJSON(err))
	}
	return &s, nil
}

// lines reads what follows the first line, up to the checksum; sum is that of the lines before.
func (s *Saved) lines(in *bufio.Reader, sum hash.Hash) error {
	for {
		text, err := in.ReadBytes('\n')
		switch {
		case len(text) > 0: // the last may lack its line feed
		case errors.Is(err, io.EOF) && s.Schema == unsummed:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("it has no end")
		default:
			return err
		}
		var line savedLine
		if err := json.Unmarshal(text, &line); err != nil {
			return err
		}
		if line.SHA256 != "" {
			if line.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
				return errors.New("it was changed since it was saved: its checksum does not match")
			}
			return nil
		}
		sum.Write(text)
		if err := s.take(line); err != nil {
			return err
		}
	}
}

// take adds one line.
func (s *Saved) take(line savedLine) error {
	if line.Component != nil {
		s.components = append(s.components, *line.Component)
	}
	if line.Cell == nil {
		return nil
	}
	for _, n := range line.Cell.Components {
		if n < 0 || n >= len(s.components) {
			return fmt.Errorf("cell %s has component %d of %d", line.Cell.Name, n, len(s.components))
		}
	}
	s.pending = append(s.pending, *line.Cell)
	return nil
}

// identity puts a cell's identity together again.
func (s *Saved) identity(c savedCell) cell.Identity {
	id := cell.Identity{Address: c.Address, Hash: c.Hash}
	for _, n := range c.Components {
		id.Components.Set(s.components[n].Name, cell.Component{Hash: s.components[n].Hash, Value: s.components[n].Value})
	}
	return id
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
	for _, c := range s.pending {
		saved[key{c.Experiment, c.Address}] = true
		item := now[key{c.Experiment, c.Address}]
		if item == nil && narrowed {
			continue // less of it was asked for on the command line
		}
		if line := s.drifted(c, item); line != "" {
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
func (s *Saved) drifted(c savedCell, item *Item) string {
	switch {
	case item == nil:
		return c.Name + " is no longer in the experiment"
	case item.Cell.Skip != nil:
		return fmt.Sprintf("%s is %s now: %s", c.Name, item.State, item.Cell.Skip.Reason)
	case c.Hash != item.Identity.Hash:
		before := s.identity(c)
		var parts []string
		for _, d := range cell.Diff(before, item.Identity, item.Cell) {
			if slices.Contains(staleKinds, d.Component) {
				parts = append(parts, fmt.Sprintf("%s %s %s → %s", d.Component, d.Path, d.Before, d.After))
			}
		}
		if len(parts) == 0 {
			parts = changedKinds(before, item.Identity)
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
