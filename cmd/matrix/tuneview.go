package main

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"matrix/runner/tune"
)

// sayGroup prints the settings that got furthest and what each axis did.
func (t *tuning) sayGroup(g *tune.Group, best *tune.Setting, batch int) {
	out, s := t.a.stdout, t.a.style
	fmt.Fprintf(out, "\n%s\n", s.bold(g.Platform+"/"+g.Model))
	if best == nil {
		fmt.Fprintln(out, "  nothing was measured")
		return
	}
	c := best.Cells[batch]
	fmt.Fprintf(out, "  best at batch %d: %s, %s %s   %s\n", batch, s.good(best.Label), figure(t.shown(t.score(c).Value)), t.objective.Metric, s.dim("matrix recipe "+c.ID()))
	if c.Launches == 1 && len(g.Settings) > 1 {
		fmt.Fprintln(out, s.warn("  one launch each: nothing tells how much identical launches differ, so settings that are close may be alike"))
	}
	t.sayField(g, batch)
	t.sayEffects(g)
}

// sayField is every setting with its objective at each batch size.
func (t *tuning) sayField(g *tune.Group, batch int) {
	w := newTable(t.a.style, len(g.Batches)+1)
	head := table.Row{"setting"}
	for _, b := range g.Batches {
		head = append(head, fmt.Sprintf("batch %d", b))
	}
	w.AppendHeader(head)
	for _, setting := range g.Settings {
		row := table.Row{setting.Label}
		for _, b := range g.Batches {
			row = append(row, t.probe(setting, b))
		}
		w.AppendRow(row)
	}
	fmt.Fprintln(t.a.stdout, w.Render())
}

// probe is one setting at one batch size.
func (t *tuning) probe(setting *tune.Setting, batch int) string {
	c := setting.Cells[batch]
	switch {
	case c == nil:
		return ""
	case c.Skip != nil:
		return c.Skip.Kind
	}
	switch score := t.score(c); score.State {
	case tune.Measured:
		return figure(t.shown(score.Value))
	case tune.Failed:
		return "failed"
	}
	return "-"
}

// sayEffects is what each value of each axis did at the smallest batch, where all settings were measured.
func (t *tuning) sayEffects(g *tune.Group) {
	effects := g.Effects(t.score)
	if len(effects) < 2 {
		return
	}
	w := newTable(t.a.style, 4)
	w.AppendHeader(table.Row{"axis", "value", "median", "settings"})
	for i, e := range effects {
		axis := e.Axis
		if i > 0 && effects[i-1].Axis == axis {
			axis = ""
		}
		w.AppendRow(table.Row{axis, e.Value, figure(t.shown(e.Median)), e.Settings})
	}
	fmt.Fprintf(t.a.stdout, "  what each axis did at batch %d (median %s over the settings that have the value)\n%s\n", g.Batches[0], t.objective.Metric, w.Render())
}

// figure prints four digits that count.
func figure(v float64) string {
	switch {
	case v >= 1000 || v <= -1000:
		return thousands(int64(v + 0.5))
	}
	return fmt.Sprintf("%.4g", v)
}

// newTable is a table in the program's style, its numbers to the right.
func newTable(s style, columns int) table.Writer {
	w := table.NewWriter()
	w.SetStyle(tableStyle(s))
	var right []table.ColumnConfig
	for n := 2; n <= columns; n++ {
		right = append(right, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	w.SetColumnConfigs(right)
	return w
}
