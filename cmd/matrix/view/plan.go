package view

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/runner/plan"
)

// Plans prints plans for people, or as records.
func Plans(out *Printer, plans []*plan.Plan, verbose bool) {
	for i, p := range plans {
		if out.JSON {
			planRecords(out, p)
			continue
		}
		if i > 0 {
			fmt.Fprintln(out)
		}
		planView{out, verbose}.plan(p)
	}
}

// planRecords writes one record a cell, and one of the plan.
func planRecords(out *Printer, p *plan.Plan) {
	for _, item := range p.Items {
		out.Record(plannedCell(p.Experiment, item))
	}
	r := ndjson.PlanSummary{Experiment: p.Experiment, Cells: len(p.Items), Launches: len(p.Order), Seed: p.Seed, RestsOn: p.Rests, Primings: len(p.Primings),
		EstimateS: seconds(p.Estimate), EstimateLowS: seconds(p.EstimateLow), EstimateHighS: seconds(p.EstimateHigh), Notes: ndjson.List(dataNotes(p))}
	if s := p.Sharing; s != nil {
		r.Sharing = &ndjson.Sharing{Cells: s.Cells, Servers: s.Servers, SavesS: s.Saves.Seconds()}
	}
	out.Record(r)
}

// plannedCell is a cell's record.
func plannedCell(experiment string, item *plan.Item) ndjson.PlannedCell {
	c := item.Cell
	r := ndjson.PlannedCell{Experiment: experiment, Cell: c.Address[:16], Slug: c.Slug, Name: c.Name(), Axes: map[string]string{}, State: string(item.State),
		Reasons: texts(item.Reasons), Detail: item.Detail, Launches: ndjson.List(item.Launches), Done: item.Done, Changes: ndjson.List(item.Changes), Resume: item.Resume,
		WaitsFor: item.WaitsFor}
	for _, axis := range c.Axes {
		r.Axes[axis.Name] = axis.Label
	}
	if c.Skip != nil {
		r.Skip = &ndjson.Skip{Kind: c.Skip.Kind, Reason: c.Skip.Reason, Place: c.Skip.Place.String()}
	}
	if item.Missing != nil {
		r.Missing = item.Missing.Error()
	}
	if item.Estimate != nil {
		r.EstimateS, r.EstimateFrom = seconds(item.Estimate), item.EstimateFrom
	}
	r.ValidPerHour = item.ValidPerHour
	return r
}

// texts are words of a closed list as records have them.
func texts[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// seconds is a duration as records have it; nil = unknown.
func seconds(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	s := d.Seconds()
	return &s
}

// mostGroups is how many groups of details a plan prints without --verbose.
const mostGroups = 50

// planView draws a plan for people.
type planView struct {
	*Printer
	verbose bool // every group of cells
}

// plan draws one experiment: as a grid of two axes where that fits, else as groups of cells that are alike.
func (v planView) plan(p *plan.Plan) {
	v.Line("%s", v.header(p))
	if Simulated(p) {
		v.Line("%s", v.Style.Warn(SimulatedBanner))
	}
	fmt.Fprintln(v)
	lines, fits := []string(nil), false
	if g, ok := newGrid(p); ok {
		lines, fits = g.draw(v.Style, v.Columns)
	}
	if !fits {
		most := mostGroups
		if v.verbose {
			most = len(p.Items)
		}
		lines = list(p, v.Style, most)
	}
	for _, line := range lines {
		fmt.Fprintln(v, line)
	}
	fmt.Fprintln(v)
	v.details(p)
	for _, note := range dataNotes(p) {
		v.Line("%s", "  "+v.Style.Warn(note))
	}
	if n := len(p.Primings); n > 0 {
		v.Line("%s %s first, so that launches find what their engine compiles (isolation.prime).", format.Count(n, "unmeasured start"), format.Verb(n, "come"))
	}
	if p.Sharing != nil {
		v.Line("%s", p.Sharing.String()+`: isolation { server = "group" }.`)
	}
	if text := expected(p); text != "" {
		v.Line("Valid evaluations/hour to expect, by past launches: %s.", text)
	}
	v.Line("%s", v.summary(p))
}

// expected is how many answers an hour can be used, of each way to run the model at its largest pending batch; "" where no past
// launch tells.
func expected(p *plan.Plan) string {
	type best struct {
		batch int
		rate  float64
	}
	found, names := map[string]best{}, []string(nil)
	for _, item := range p.Items {
		if item.ValidPerHour == nil {
			continue
		}
		var labels []string
		for _, axis := range item.Cell.Axes {
			if axis.Name != "batch_size" {
				labels = append(labels, axis.Label)
			}
		}
		name := strings.Join(labels, "/")
		old, seen := found[name]
		if !seen {
			names = append(names, name)
		}
		if item.Cell.BatchSize >= old.batch {
			found[name] = best{item.Cell.BatchSize, *item.ValidPerHour}
		}
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %s", name, format.Whole(int64(found[name].rate)))
	}
	return format.Some(names, 8)
}

// header names what the plan is of: experiment, hardware, dataset with digest, where results land.
func (v planView) header(p *plan.Plan) string {
	parts := []string{v.Style.Bold(p.Experiment)}
	var hardware, data []string
	seen := map[*cell.Dataset]bool{}
	for _, item := range p.Items {
		if h := item.Cell.Hardware; h != nil && !slices.Contains(hardware, h.ID) {
			hardware = append(hardware, h.ID)
		}
		if d := item.Cell.Dataset; d != nil && !seen[d] {
			seen[d] = true
			if name := dataName(item); !slices.Contains(data, name) {
				data = append(data, name)
			}
		}
	}
	parts = append(append(parts, few(hardware, "kinds of hardware")...), few(data, "datasets")...)
	return strings.Join(append(parts, filepath.Join(v.Results, p.Experiment)), v.Style.Dot())
}

// few are some names, or how many there are.
func few(names []string, what string) []string {
	const most = 3
	switch {
	case len(names) == 0:
		return nil
	case len(names) > most:
		return []string{fmt.Sprintf("%d %s", len(names), what)}
	}
	return []string{strings.Join(names, ", ")}
}

// dataName is a cell's dataset with the digest of what is taken of it.
func dataName(item *plan.Item) string {
	d := item.Cell.Dataset
	name := d.ID
	if d.Path != "" {
		name = filepath.Base(d.Path)
	}
	if sum := item.Identity.Components.Get("dataset").Hash; len(sum) >= 8 {
		name += " " + sum[:8]
	}
	return name
}

// cellGroup is cells that need the same words.
type cellGroup struct {
	first *plan.Item
	lines []string
	cells []*cell.Cell
}

// details explains what is not obvious from the grid; equal explanations are said once.
func (v planView) details(p *plan.Plan) {
	var groups []*cellGroup
	byText := map[string]*cellGroup{}
	for _, item := range p.Items {
		lines := explain(v.Printer, item)
		if len(lines) == 0 {
			continue
		}
		key := item.Cell.Platform.ID + "\x00" + item.Cell.Model.ID + "\x00" + string(item.State) + strings.Join(lines, "\n")
		if item.State == plan.Excluded || item.State == plan.Unavailable {
			key = string(item.State) + strings.Join(lines, "\n")
		}
		g := byText[key]
		if g == nil {
			g = &cellGroup{first: item, lines: lines}
			byText[key] = g
			groups = append(groups, g)
		}
		g.cells = append(g.cells, item.Cell)
	}
	for i, g := range groups {
		if i == mostGroups && !v.verbose {
			fmt.Fprintf(v, "  and %d more (--verbose)\n", len(groups)-i)
			break
		}
		name := fmt.Sprintf("  %s %s", v.Style.Mark(g.first.State), cellNames(g.cells))
		if len(g.cells) == 1 {
			name = spread(name, v.Style.Dim(g.first.Cell.ID()), v.Columns)
		}
		v.Line("%s", name)
		for _, line := range g.lines {
			v.Line("%s", "      "+line)
		}
	}
	if len(groups) > 0 {
		fmt.Fprintln(v)
	}
}

// summary is the last line: what apply would do and how long it may take.
func (v planView) summary(p *plan.Plan) string {
	pending := 0
	for _, item := range p.Items {
		if item.Pending() {
			pending++
		}
	}
	if pending == 0 {
		return v.Style.Bold("Plan: nothing to do.") + " " + decided(p.Items) + "."
	}
	waits := Waiting(p)
	if waits == len(p.Order) {
		return v.Style.Bold(fmt.Sprintf("Plan: %s, %s, which %s for what this machine lacks (%s above)",
			format.Count(pending, "cell"), format.Count(waits, "launch"), format.Verb(waits, "wait"), v.Style.Mark(plan.Unavailable)))
	}
	took := "time unknown"
	if p.Estimate != nil {
		took = "about " + format.Clock(*p.Estimate)
		if p.EstimateLow != nil {
			took += fmt.Sprintf(", %s to %s", format.Clock(*p.EstimateLow), format.Clock(*p.EstimateHigh))
		}
	}
	if p.Rests != "" {
		took += " (" + p.Rests + ")"
	}
	if p.Estimate != nil {
		now := time.Now()
		took += "; begun now, it ends about " + format.At(now.Add(*p.Estimate), now)
	}
	if waits > 0 {
		took += fmt.Sprintf("; %d of the launches %s for what this machine lacks", waits, format.Verb(waits, "wait"))
	}
	return v.Style.Bold(fmt.Sprintf("Plan: %s, %s, %s", format.Count(pending, "cell"), format.Count(len(p.Order), "launch"), took))
}
