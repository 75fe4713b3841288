package exchange

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
)

// Kept is an attempt that an import wrote.
// It is committed: whoever reads the tree sees it.
type Kept struct {
	Cell    *cell.Cell
	Summary record.Summary
}

// Keep commits sets as imported attempts of an experiment, one each. It refuses a cell that matrix itself has measured:
// its newest attempt would be taken for the cell's result. Source is the file as it was, kept beside the results.
// It takes the lock of the tree. What was kept before an error stays, and is returned.
func Keep(ctx context.Context, store *store.Store, experiment string, source []byte, sets []*Set) ([]Kept, error) {
	unlock, err := store.Lock("matrix import")
	if err != nil {
		return nil, err
	}
	defer unlock()
	history, err := store.History(ctx, experiment)
	if err != nil {
		return nil, err
	}
	// All cells before the first is written: a refusal must leave nothing half done.
	cells := make([]*cell.Cell, len(sets))
	for i, s := range sets {
		if cells[i], err = cellOf(experiment, s, history); err != nil {
			return nil, err
		}
	}
	var out []Kept
	for i, s := range sets {
		k, err := keep(store, cells[i], source, s)
		if err != nil {
			return out, fmt.Errorf("import %s: %w", cells[i].Name(), err)
		}
		out = append(out, k)
	}
	return out, nil
}

// arrange tells the sets of one import apart: what ran under the same labels with another load is another cell, and what
// ran with the same is another launch, in the order of the files.
// It runs over all files of one import, for what tells two apart may stand in different ones.
func arrange(sets []*Set) {
	loads := map[Labels]map[string]bool{}
	// without the launch, which is given here
	bare := func(s *Set) Labels {
		return Labels{Platform: s.Labels.Platform, Model: s.Labels.Model, BatchSize: s.Labels.BatchSize}
	}
	for _, s := range sets {
		s.load = s.loadLabel()
		if loads[bare(s)] == nil {
			loads[bare(s)] = map[string]bool{}
		}
		loads[bare(s)][s.load] = true
	}
	type place struct {
		labels Labels
		load   string
	}
	launches := map[place]int{}
	for _, s := range sets {
		// it needs a name only where another load stands beside it
		if s.load == "" && s.Mode == "batch" && len(loads[bare(s)]) > 1 {
			s.load = "all_at_once"
		}
		at := place{bare(s), s.load}
		if launches[at]++; !s.numbered {
			s.Labels.Launch = launches[at]
		}
	}
}

// loadLabel is the coordinate of a load that bounds what is asked at once, "" = none.
func (s *Set) loadLabel() string {
	switch {
	case s.Mode == "closed" && s.Concurrency > 0:
		return fmt.Sprintf("concurrency_%d", s.Concurrency)
	case s.Mode == "open" && s.Rate > 0:
		return rateLabel + strconv.FormatFloat(s.Rate, 'g', 6, 64)
	}
	return ""
}

// rateLabel begins the coordinate of an open load.
const rateLabel = "rate_"

// Rate is the declared rate of an attempt's open load, requests/s; nil where there is none, or a trace in its place.
func Rate(m *record.Manifest) *float64 {
	if rate := m.DeclaredLoad().Rate; rate != nil {
		return rate
	}
	// an import has its load for a coordinate
	label, open := strings.CutPrefix(m.Axes["load"], rateLabel)
	if rate, err := strconv.ParseFloat(label, 64); open && err == nil {
		return &rate
	}
	return nil
}

// cellOf is the cell that a set belongs to. Its load is a coordinate, unless an earlier matrix kept the same load without one.
func cellOf(experiment string, s *Set, history []store.Past) (*cell.Cell, error) {
	c, err := bareCell(experiment, s)
	if err != nil {
		return nil, err
	}
	if s.load != "" && !keptAs(c, s, history) {
		if c, err = bareCell(experiment, s, &cell.Axis{Name: "load", Label: s.load, JSON: `"` + s.load + `"`}); err != nil {
			return nil, err
		}
	}
	for _, p := range history {
		if p.Address == c.Address && !p.Imported() {
			return nil, fmt.Errorf("%s of %s was measured by matrix: give the import a --platform of its own, such as %s_before", c.Name(), experiment, s.Labels.Platform)
		}
	}
	return c, nil
}

// bareCell is a cell with nothing to run: no engine of ours has the backend "imported".
// The backend "imported" is none that could run: no plan takes the cell for pending.
func bareCell(experiment string, s *Set, more ...*cell.Axis) (*cell.Cell, error) {
	return cell.NewCell(experiment, &cell.Platform{ID: s.Labels.Platform, Backend: "imported"},
		&cell.Model{ID: s.Labels.Model}, s.Labels.BatchSize, more...)
}

// keptAs reports that an earlier matrix kept the same load in a cell without its coordinate: there the new one belongs, too.
// Without this an update of matrix would split a history in two.
func keptAs(c *cell.Cell, s *Set, history []store.Past) bool {
	for _, p := range history {
		if p.Address != c.Address || !p.Imported() {
			continue
		}
		row, err := table.ReadRun(p.Dir)
		if err == nil && row.Run.Mode == s.Mode && row.Run.Concurrency == s.Concurrency && s.Mode == record.ModeClosed {
			return true
		}
	}
	return false
}

// keep commits one set. One that is refused leaves nothing behind: its file is still there.
func keep(store *store.Store, c *cell.Cell, source []byte, s *Set) (Kept, error) {
	id := cell.Identify(c, cell.Facts{})
	a, err := store.Begin(c, id, s.Labels.Launch, source)
	if err != nil {
		return Kept{}, err
	}
	summary, err := write(a, c, id, s)
	if err != nil {
		return Kept{}, errors.Join(err, a.Discard())
	}
	return Kept{Cell: c, Summary: summary}, nil
}

// write puts a set's rows into an attempt and commits it, by the same way as a measurement: one that is cut short is no result.
// A failed request is a row of a complete attempt: "complete" says that all was asked.
func write(a *store.Attempt, c *cell.Cell, id cell.Identity, s *Set) (record.Summary, error) {
	run := record.Run{
		Axes: a.Manifest().Axes, Identity: id, Engine: s.Engine, Planned: int64(c.BatchSize), Mode: s.Mode, Concurrency: s.Concurrency,
		Imported: true, Simulated: s.Simulated, Given: maps.Clone(s.Given), Untold: maps.Clone(s.Untold), Warnings: append([]string{"imported: measured by another tool, by its own definitions"}, s.Warnings...),
	}
	if !s.Began.IsZero() {
		run.BeganUnixS = float64(s.Began.UnixNano()) / 1e9
	}
	if err := a.SaveRun(run); err != nil { // so that the next apply knows it for an import, should this be killed
		return record.Summary{}, err
	}
	for _, r := range s.Requests {
		var out *record.OutputRow
		if r.Text != "" {
			out = &record.OutputRow{Seq: r.Seq, PromptID: r.PromptID, Text: r.Text}
		}
		if err := a.Append(r.RequestRow, out); err != nil {
			return record.Summary{}, err
		}
	}
	return a.Commit(record.Complete, "imported", "", run)
}
