package view

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/runner/plan"
)

// Explanation is all that decides whether a cell runs.
// Of one cell of a plan that was just made.
type Explanation struct {
	Experiment string
	Item       *plan.Item
	Rules      []grid.Judged // of its experiment
}

// identity is the cell's, with the components of it that are known. A cell that will not run has none; what it asks for can be
// told all the same.
func (e Explanation) identity() (id cell.Identity, components []string) {
	if e.Item.Identity.Components != (cell.Parts{}) {
		return e.Item.Identity, cell.Components()
	}
	// without the machine's facts: what is asked for, not what would run
	id = cell.Identify(e.Item.Cell, cell.Facts{})
	id.Hash = ""
	return id, []string{"spec", "policy"}
}

// record is the explanation for programs: all that the drawing has, and the identity's components in full.
func (e Explanation) record() ndjson.Explanation {
	item, c, fit := e.Item, e.Item.Cell, ndjson.Fit(e.Item.Cell.Predicted())
	fit.Lines = ndjson.List(fit.Lines)
	id, components := e.identity()
	r := ndjson.Explanation{Experiment: e.Experiment, Cell: c.Address[:16], Address: c.Address, Slug: c.Slug, Name: c.Name(), Place: c.Place.String(), State: string(item.State),
		Reasons: texts(item.Reasons), Detail: item.Detail, Launches: ndjson.List(item.Launches), Done: item.Done, EstimateS: seconds(item.Estimate), Against: []ndjson.Skip{},
		Changes: ndjson.List(item.Changes), Rules: ndjson.List(e.Rules), Notes: ndjson.List(slices.Concat(item.Notes, item.Data)), Fit: fit, Identity: id.Hash, Attributes: []cell.Attribute{}}
	if item.Missing != nil {
		r.Missing = item.Missing.Error()
	}
	for _, s := range skips(c) {
		r.Against = append(r.Against, ndjson.Skip{Kind: s.Kind, Reason: s.Reason, Place: s.Place.String()})
	}
	for _, name := range components {
		r.Attributes = append(r.Attributes, c.Attributes(id, name)...)
	}
	return r
}

// skips are all things that keep a cell from running.
// The first is the one that decided; others would keep it from running, too.
func skips(c *cell.Cell) []cell.Skip {
	if c.Skip == nil {
		return nil
	}
	return append([]cell.Skip{*c.Skip}, c.Skip.More...)
}

// Explain says why a cell will or will not run.
// From the verdict to what it rests on.
func Explain(out *Printer, e Explanation) {
	if out.JSON {
		out.Record(e.record())
		return
	}
	c := e.Item.Cell
	fmt.Fprintln(out, strings.Join([]string{out.Style.Bold(c.Name()), e.Experiment, c.Address[:16]}, out.Style.Dot()))
	if c.Platform.Simulated() {
		out.Line("%s", out.Style.Warn(SimulatedBanner))
	}
	explainVerdict(out, e.Item)
	explainRules(out, e)
	explainFit(out, c)
	explainIdentity(out, e)
	fmt.Fprintf(out, "\nIts folder: %s\n", filepath.Join(out.Results, e.Experiment, c.Slug))
}

// explainVerdict says what apply would do and why.
func explainVerdict(out *Printer, item *plan.Item) {
	fmt.Fprintln(out)
	out.Line("%s %s", out.Style.Mark(item.State), Verdict(item))
	for _, s := range skips(item.Cell) {
		out.Line("    %s", beside(out, s.Reason, s.Place))
	}
	if item.Cell.Skip != nil {
		return
	}
	for _, line := range slices.Concat(explain(out, item), item.Data) {
		out.Line("    %s", line)
	}
}

// explainRules prints each rule of the experiment with its values and outcome.
func explainRules(out *Printer, e Explanation) {
	if len(e.Rules) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", out.Style.Bold("Rules"))
	for _, r := range e.Rules {
		name := r.Kind
		if r.Name != "" {
			name += " " + r.Name
		}
		condition := r.Condition
		if condition == "" {
			condition = "always"
		}
		mark, word := ruleOutcome(out, r)
		out.Line("  %s", beside(out, fmt.Sprintf("%s %s %s", mark, name, word), r.Place))
		out.Line("      %s", condition)
		for _, text := range slices.Concat(r.Values, r.Sets) {
			out.Line("        %s", text)
		}
		if r.Text != "" {
			out.Line("      %s", out.Style.Warn(r.Text))
		}
	}
}

// ruleOutcome is the mark and the verb of a rule: the same truth is good for a constraint and bad for an exclude.
func ruleOutcome(out *Printer, r grid.Judged) (mark, verb string) {
	good, bad := out.Style.Mark(plan.Done), out.Style.Mark(plan.Infeasible)
	switch {
	case r.Outcome == grid.OutcomeUnknown:
		return out.Style.Mark(plan.Unavailable), "cannot be told"
	case r.Kind == "constraint" && r.Outcome == grid.OutcomeTrue:
		return good, "holds"
	case r.Kind == "constraint":
		return bad, "is false"
	case r.Outcome == grid.OutcomeFalse:
		return out.Style.Mark(plan.Excluded), "does not apply"
	case r.Kind == "exclude":
		return bad, "applies"
	}
	return good, "applies"
}

// explainFit prints the memory prediction as the sum that it is.
// Without a prediction nothing is ruled out by memory.
func explainFit(out *Printer, c *cell.Cell) {
	title := out.Style.Bold("Memory")
	f := c.Predicted()
	fmt.Fprintln(out)
	if len(f.Lines) == 0 {
		out.Line("%s is not predicted for this cell, so it keeps nothing from running.", title)
		return
	}
	if f.Source != "" {
		title += fmt.Sprintf(" (from %s)", f.Source)
	}
	out.Line("%s", title)
	for _, line := range f.Lines {
		out.Line("  %s", line)
	}
	if f.NeedGiB != nil && f.BudgetGiB != nil {
		verdict := "fits"
		if f.Infeasible() {
			verdict = out.Style.Warn("does not fit")
		}
		fmt.Fprintf(out, "  needs %.2f GiB of %.2f GiB: %s\n", *f.NeedGiB, *f.BudgetGiB, verdict)
	}
}

// explainIdentity prints each component with its values.
func explainIdentity(out *Printer, e Explanation) {
	id, components := e.identity()
	if id.Hash != "" {
		fmt.Fprintf(out, "\n%s %s\n", out.Style.Bold("Identity"), id.Hash[:16])
	} else {
		fmt.Fprintf(out, "\n%s is not composed for a cell that will not run; what it asks for:\n", out.Style.Bold("Identity"))
	}
	// two components are recorded and do not make a result stale
	means := map[string]string{"environment": "a note", "policy": "no part of the identity"}
	for _, name := range components {
		title := fmt.Sprintf("  %s  %s", name, out.Style.Dim(id.Components.Get(name).Hash[:8]))
		if m := means[name]; m != "" {
			title += "  " + out.Style.Dim("("+m+")")
		}
		fmt.Fprintln(out, title)
		for _, attr := range e.Item.Cell.Attributes(id, name) {
			out.Line("    %s", beside(out, attr.Path+" = "+Clip(attr.Value, max(40, out.Columns-len(attr.Path)-26)), attr.Place))
		}
	}
}

// explain is why an item stands as it does, one line a fact; nothing for the obvious.
// The plan and explain use the same words.
func explain(out *Printer, item *plan.Item) []string {
	var lines []string
	if skip := item.Cell.Skip; skip != nil {
		return append(lines, beside(out, skip.Reason, skip.Place))
	}
	if item.Missing != nil {
		lines = append(lines, strings.Split(item.Missing.Error(), "\n")...)
	}
	lines = append(lines, ChangeLines(out, item.Changes)...)
	environment := slices.Contains(item.Reasons, plan.ReasonEnvironmentFailed)
	switch {
	case environment && item.Missing != nil: // what is missing today says it
	case environment && item.Detail != "":
		lines = append(lines, "environment failed: "+item.Detail)
	case item.Detail != "" && item.State != plan.New:
		lines = append(lines, item.Detail)
	case len(item.Changes) == 0 && item.State != plan.New && item.State != plan.Done && item.Missing == nil:
		lines = append(lines, reasonText(item))
	}
	if item.State == plan.FailedState {
		lines = append(lines, "matrix show "+item.Cell.ID()+out.ResultsFlag()+out.Style.Dot()+"run again with --rerun failed,censored")
	}
	if item.Missing != nil {
		return lines // the notes are of the same lack
	}
	return append(lines, item.Notes...)
}

// ChangeLines are what changed since something was measured, with the lines that say so.
func ChangeLines(out *Printer, changes []cell.Change) []string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, beside(out, fmt.Sprintf("%-8s %s %s%s%s", c.Component, c.Path, c.Before, out.Style.Arrow(), c.After), c.Place))
	}
	return lines
}

// beside is text with the line of the user's file that it comes from at the right edge.
func beside(out *Printer, text string, at cell.Place) string {
	if at.Line == 0 {
		return text
	}
	return spread(text, out.Style.Dim(fmt.Sprintf("%s:%d", filepath.Base(at.File), at.Line)), out.Columns-6)
}
