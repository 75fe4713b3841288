package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"matrix/experiments"
	"matrix/runner"
)

// mostGroups is how many groups of details a plan prints without --verbose.
const mostGroups = 50

// planView draws plans for people.
type planView struct {
	out     io.Writer
	style   style
	width   int
	fold    int // where lines are broken; 0 = nowhere
	verbose bool
	results string
}

func (v planView) plan(p *runner.Plan) {
	v.say(v.header(p))
	if simulatedItems(p) {
		v.say(v.style.warn(simulatedBanner))
	}
	fmt.Fprintln(v.out)
	lines, fits := []string(nil), false
	if g, ok := newGrid(p); ok {
		lines, fits = g.draw(v.style, v.width)
	}
	if !fits {
		most := mostGroups
		if v.verbose {
			most = len(p.Items)
		}
		lines = list(p, v.style, most)
	}
	for _, line := range lines {
		fmt.Fprintln(v.out, line)
	}
	fmt.Fprintln(v.out)
	v.details(p)
	for _, note := range dataNotes(p) {
		v.say("  " + v.style.warn(note))
	}
	if n := len(p.Primings); n > 0 {
		v.say(fmt.Sprintf("%s %s first, so that launches find what their engine compiles (isolation.prime).", count(n, "unmeasured start"), verb(n, "come")))
	}
	if p.Sharing != nil {
		v.say(p.Sharing.String() + `: isolation { server = "group" }.`)
	}
	v.say(v.summary(p))
}

// dataNotes are what to know of the datasets, each once.
func dataNotes(p *runner.Plan) (notes []string) {
	for _, item := range p.Items {
		for _, note := range item.Data {
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	return notes
}

func (v planView) say(line string) { fmt.Fprintln(v.out, fold(line, v.fold)) }

const simulatedBanner = "SIMULATED: matrix's own simulator stands in for the engines; no figure here tells anything about vLLM or Ollama."

func simulatedItems(p *runner.Plan) bool {
	for _, item := range p.Items {
		if item.Cell.Platform.Simulated() {
			return true
		}
	}
	return false
}

// header names what the plan is of: experiment, hardware, dataset with digest, where results land.
func (v planView) header(p *runner.Plan) string {
	parts := []string{v.style.bold(p.Experiment)}
	var hardware, data []string
	seen := map[*experiments.Dataset]bool{}
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
	parts = append(append(parts, some(hardware, "kinds of hardware")...), some(data, "datasets")...)
	return strings.Join(append(parts, filepath.Join(v.results, p.Experiment)), v.style.dot())
}

// some is a few names, or how many there are.
func some(names []string, what string) []string {
	const most = 3
	if len(names) > most {
		return []string{fmt.Sprintf("%d %s", len(names), what)}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{strings.Join(names, ", ")}
}

// dataName is a cell's dataset with the digest of what is taken of it.
func dataName(item *runner.Item) string {
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

// group is cells that need the same words.
type group struct {
	first *runner.Item
	lines []string
	cells []*experiments.Cell
}

// details explains what is not obvious from the grid; equal explanations are said once.
func (v planView) details(p *runner.Plan) {
	var groups []*group
	byText := map[string]*group{}
	for _, item := range p.Items {
		lines := v.explain(item)
		if len(lines) == 0 {
			continue
		}
		key := item.Cell.Platform.ID + "\x00" + item.Cell.Model.ID + "\x00" + string(item.State) + strings.Join(lines, "\n")
		if item.State == runner.Excluded || item.State == runner.Unavailable {
			key = string(item.State) + strings.Join(lines, "\n")
		}
		g := byText[key]
		if g == nil {
			g = &group{first: item, lines: lines}
			byText[key] = g
			groups = append(groups, g)
		}
		g.cells = append(g.cells, item.Cell)
	}
	for i, g := range groups {
		if i == mostGroups && !v.verbose {
			fmt.Fprintf(v.out, "  and %d more (--verbose)\n", len(groups)-i)
			break
		}
		name := fmt.Sprintf("  %s %s", v.style.mark(g.first.State), cellNames(g.cells))
		if len(g.cells) == 1 {
			name = spread(name, v.style.dim(g.first.Cell.ID()), v.width)
		}
		v.say(name)
		for _, line := range g.lines {
			v.say("      " + line)
		}
	}
	if len(groups) > 0 {
		fmt.Fprintln(v.out)
	}
}

// explain is why an item stands as it does, one line a fact; nothing for the obvious.
func (v planView) explain(item *runner.Item) []string {
	var lines []string
	if skip := item.Cell.Skip; skip != nil {
		return append(lines, v.placed(skip.Reason, skip.Place))
	}
	if item.Missing != nil {
		lines = append(lines, strings.Split(item.Missing.Error(), "\n")...)
	}
	for _, c := range item.Changes {
		lines = append(lines, v.placed(fmt.Sprintf("%-8s %s %s%s%s", c.Component, c.Path, c.Before, v.style.arrow(), c.After), c.Place))
	}
	environment := slices.Contains(item.Reasons, runner.ReasonEnvironmentFailed)
	switch {
	case environment && item.Missing != nil: // what is missing today says it
	case environment && item.Detail != "":
		lines = append(lines, "environment failed: "+item.Detail)
	case item.Detail != "" && item.State != runner.New:
		lines = append(lines, item.Detail)
	case len(item.Changes) == 0 && item.State != runner.New && item.State != runner.Done && item.Missing == nil:
		lines = append(lines, reasonText(item))
	}
	if item.State == runner.FailedState {
		lines = append(lines, "matrix show "+item.Cell.ID()+v.style.dot()+"run again with --rerun failed,censored")
	}
	if item.Missing != nil {
		return lines // the notes are of the same lack
	}
	return append(lines, item.Notes...)
}

func (v planView) placed(text string, place experiments.Place) string {
	if place.Line == 0 {
		return text
	}
	return spread(text, v.style.dim(filepath.Base(place.File)+fmt.Sprintf(":%d", place.Line)), v.width-6)
}

func reasonText(item *runner.Item) string {
	words := make([]string, len(item.Reasons))
	for i, r := range item.Reasons {
		words[i] = strings.ReplaceAll(string(r), "_", " ")
		if r == runner.ReasonIncomplete {
			words[i] += fmt.Sprintf(" (%d/%d launches)", item.Done, item.Cell.Launches)
		}
	}
	return strings.Join(words, ", ")
}

// summary is the last line: what apply would do and how long it may take.
func (v planView) summary(p *runner.Plan) string {
	pending := 0
	for _, item := range p.Items {
		if item.Pending() {
			pending++
		}
	}
	if pending == 0 {
		return v.style.bold("Plan: nothing to do.") + " " + decided(p.Items) + "."
	}
	waits := waitingLaunches(p)
	if waits == len(p.Order) {
		return v.style.bold(fmt.Sprintf("Plan: %s, %s, which %s for what this machine lacks (%s above)",
			count(pending, "cell"), count(waits, "launch"), verb(waits, "wait"), v.style.mark(runner.Unavailable)))
	}
	took := "time unknown"
	if p.Estimate != nil {
		took = "about " + roughly(*p.Estimate)
		if p.EstimateLow != nil {
			took += fmt.Sprintf(", %s to %s", roughly(*p.EstimateLow), roughly(*p.EstimateHigh))
		}
	}
	if p.Rests != "" {
		took += " (" + p.Rests + ")"
	}
	if waits > 0 {
		took += fmt.Sprintf("; %d of the launches %s for what this machine lacks", waits, verb(waits, "wait"))
	}
	return v.style.bold(fmt.Sprintf("Plan: %s, %s, %s", count(pending, "cell"), count(len(p.Order), "launch"), took))
}

// count writes "1 cell", "2 launches".
func count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "ch"):
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// roughly writes a duration to two figures: 45s, 12m, 6h10m.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(10 * time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
