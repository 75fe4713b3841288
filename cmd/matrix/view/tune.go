package view

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/runner/bisect"
	"matrix/runner/tune"
)

// Rounds says what a search measures next.
// launches are those of all rounds together.
func Rounds(out *Printer, rounds []tune.Round, launches int) {
	for _, r := range rounds {
		out.Tell(ndjson.TuneRound{Platform: r.Group.Platform, Model: r.Group.Model, BatchSize: r.Batch, Settings: len(r.Field), ToMeasure: len(r.Cells)}, "\n%s",
			out.Style.Bold(fmt.Sprintf("%s/%s at batch %d: %s, %d to measure", r.Group.Platform, r.Group.Model, r.Batch, format.Count(len(r.Field), "setting"), len(r.Cells))))
	}
	if !out.JSON {
		fmt.Fprintf(out, "%s\n\n", format.Count(launches, "launch"))
	}
}

// Tuned says what a search found, per platform and model; simulated: by the simulator.
// Also after it was stopped: the best so far is an answer.
func Tuned(out *Printer, loop *tune.Loop, simulated bool) {
	v := tuneView{out, loop}
	for _, g := range loop.Search.Groups {
		best, batch := g.Best(loop.Score)
		if out.JSON {
			out.Record(v.record(g, best, batch))
			continue
		}
		v.group(g, best, batch)
	}
	if out.JSON {
		return
	}
	if loop.Stopped != "" {
		fmt.Fprintf(out, "\n%s %s. What was measured is kept: the same command goes on.\n", out.Style.Warn("Stopped:"), loop.Stopped)
	}
	if simulated {
		out.Line("%s", out.Style.Warn(SimulatedBanner))
	}
}

// tuneView shows a search as tables, or as records.
type tuneView struct {
	*Printer
	loop *tune.Loop
}

// record is what a search found for one model on one platform; without a setting where nothing was measured at the largest
// batch.
func (v tuneView) record(g *tune.Group, best *tune.Setting, batch int) ndjson.TuneBest {
	r := ndjson.TuneBest{Platform: g.Platform, Model: g.Model, Objective: v.loop.Objective.Metric, Stopped: v.loop.Stopped}
	if best != nil {
		c := best.Cells[batch]
		value := v.loop.Objective.Figure(v.loop.Score(c).Value)
		r.Setting, r.BatchSize, r.Value, r.Address = &best.Label, batch, &value, c.Address
	}
	return r
}

// figure is a score in the metric's own sign.
func (v tuneView) figure(score float64) string { return format.Figure(v.loop.Objective.Figure(score)) }

// group prints the settings that got furthest and what each axis did.
func (v tuneView) group(g *tune.Group, best *tune.Setting, batch int) {
	s := v.Style
	fmt.Fprintf(v, "\n%s\n", s.Bold(g.Platform+"/"+g.Model))
	if best == nil {
		fmt.Fprintln(v, "  nothing was measured")
		return
	}
	c := best.Cells[batch]
	v.Line("  best at batch %d: %s, %s %s   %s", batch, s.Good(best.Label), v.figure(v.loop.Score(c).Value), v.loop.Objective.Metric, s.Dim("matrix recipe "+c.ID()+v.ResultsFlag()))
	// said each time: a search by single launches finds noise, too
	if c.Launches == 1 && len(g.Settings) > 1 {
		v.Line("%s", s.Warn("  one launch each: nothing tells how much identical launches differ, so settings that are close may be alike"))
	}
	v.field(g)
	v.effects(g)
}

// field is every setting with its objective at each batch size.
func (v tuneView) field(g *tune.Group) {
	head := []string{"setting"}
	for _, b := range g.Batches {
		head = append(head, fmt.Sprintf("batch %d", b))
	}
	w := newTable(v.Style, head)
	for _, setting := range g.Settings {
		row := table.Row{setting.Label}
		for _, b := range g.Batches {
			row = append(row, v.probe(setting, b))
		}
		w.AppendRow(row)
	}
	drawn, _ := fitted(w, head, head[1:], spareColumns{}, v.Width())
	fmt.Fprintln(v, drawn)
}

// probe is one setting at one batch size.
func (v tuneView) probe(setting *tune.Setting, batch int) string {
	c := setting.Cells[batch]
	switch {
	case c == nil:
		return ""
	case c.Skip != nil:
		return c.Skip.Kind
	}
	switch score := v.loop.Score(c); score.State {
	case tune.Measured:
		return v.figure(score.Value)
	case tune.Failed:
		return "failed"
	}
	return "-"
}

// effects is what each value of each axis did at the smallest batch, where all settings were measured.
// Where fewer than two values were measured there is nothing to compare.
func (v tuneView) effects(g *tune.Group) {
	effects := g.Effects(v.loop.Score)
	if len(effects) < 2 {
		return
	}
	head := []string{"axis", "value", "median", "settings"}
	w := newTable(v.Style, head)
	for i, e := range effects {
		axis := e.Axis
		if i > 0 && effects[i-1].Axis == axis {
			// named once, above its values
			axis = ""
		}
		w.AppendRow(table.Row{axis, e.Value, v.figure(e.Median), e.Settings})
	}
	v.Line("  what each axis did at batch %d (median %s over the settings that have the value)", g.Batches[0], v.loop.Objective.Metric)
	drawn, _ := fitted(w, head, head[1:], spareColumns{}, v.Width())
	fmt.Fprintln(v, drawn)
}

// BisectStep says what a version showed.
// Settled is that launches show it, either way.
func BisectStep(out *Printer, axis string, labels []string, metric string, s bisect.Step) {
	verdict := map[[2]bool]string{{true, true}: "worse", {false, true}: "not worse", {true, false}: "not shown", {false, false}: "not shown"}[[2]bool{s.Worse, s.Settled}]
	out.Tell(ndjson.BisectStep{Axis: axis, Version: labels[s.Version], Metric: metric, Launches: s.Launches, Ratio: s.Ratio, Low: s.Low, High: s.High, Verdict: verdict}, "\n%s: %s is %.3g of that of the versions before (%.3g to %.3g, %s): %s",
		out.Style.Bold(axis+"="+labels[s.Version]), metric, s.Ratio, s.Low, s.High, format.Count(s.Launches, "launch"), verdict)
}

// Bisected says what a search found.
// One record with the verdict, whichever it is.
func Bisected(out *Printer, axis string, labels []string, metric, worse string, f bisect.Finding, stopped, simulated bool) {
	r := ndjson.Bisected{Axis: axis, Metric: metric, Simulated: simulated}
	var text string
	switch {
	case stopped:
		r.Verdict, text = "stopped", "Stopped. What was measured is kept: the same command goes on."
	case f.Open:
		r.Verdict = "not_shown"
		text = fmt.Sprintf("Not shown either way: identical launches differ too much for %s in so few. Give it more: --max-launches.", worse)
	case f.First == len(labels):
		r.Verdict = "none"
		text = fmt.Sprintf("No version of %s is shown to be worse in %s by %s than %s.", axis, metric, worse, labels[0])
	default:
		r.Verdict, r.Version, r.Before = "found", &labels[f.First], &labels[f.First-1]
		text = fmt.Sprintf("%s got worse with %s=%s; %s was the last before it.", metric, axis, labels[f.First], labels[f.First-1])
	}
	out.Tell(r, "\n%s", out.Style.Bold(text))
	if simulated && !out.JSON {
		out.Line("%s", out.Style.Warn(SimulatedBanner))
	}
}
