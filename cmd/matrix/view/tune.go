package view

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/runner/tune"
)

// Rounds says what a search measures next.
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

type tuneView struct {
	*Printer
	loop *tune.Loop
}

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
	fmt.Fprintf(v, "  best at batch %d: %s, %s %s   %s\n", batch, s.Good(best.Label), v.figure(v.loop.Score(c).Value), v.loop.Objective.Metric, s.Dim("matrix recipe "+c.ID()))
	if c.Launches == 1 && len(g.Settings) > 1 {
		fmt.Fprintln(v, s.Warn("  one launch each: nothing tells how much identical launches differ, so settings that are close may be alike"))
	}
	v.field(g, batch)
	v.effects(g)
}

// field is every setting with its objective at each batch size.
func (v tuneView) field(g *tune.Group, batch int) {
	w := newTable(v.Style, len(g.Batches)+1)
	head := table.Row{"setting"}
	for _, b := range g.Batches {
		head = append(head, fmt.Sprintf("batch %d", b))
	}
	w.AppendHeader(head)
	for _, setting := range g.Settings {
		row := table.Row{setting.Label}
		for _, b := range g.Batches {
			row = append(row, v.probe(setting, b))
		}
		w.AppendRow(row)
	}
	fmt.Fprintln(v, w.Render())
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
func (v tuneView) effects(g *tune.Group) {
	effects := g.Effects(v.loop.Score)
	if len(effects) < 2 {
		return
	}
	w := newTable(v.Style, 4)
	w.AppendHeader(table.Row{"axis", "value", "median", "settings"})
	for i, e := range effects {
		axis := e.Axis
		if i > 0 && effects[i-1].Axis == axis {
			axis = ""
		}
		w.AppendRow(table.Row{axis, e.Value, v.figure(e.Median), e.Settings})
	}
	fmt.Fprintf(v, "  what each axis did at batch %d (median %s over the settings that have the value)\n%s\n", g.Batches[0], v.loop.Objective.Metric, w.Render())
}
