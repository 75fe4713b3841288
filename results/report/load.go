package report

import (
	"fmt"
	"strings"

	"matrix/results/report/chart"
	"matrix/results/summary"
)

// loadPhases are the parts of a load, in order, as phase_<name>_s.
var loadPhases = []struct{ name, word string }{
	{"spawn", "spawn"}, {"import", "import"}, {"weights", "weights"}, {"compile", "compile"}, {"kv_init", "KV cache"}, {"ready", "ready"},
}

// load shows what a start costs, by phase.
func (m *maker) load() (Section, error) {
	s := Section{ID: "load", Title: "What a start costs"}
	cold := m.Set.Cold()
	for _, g := range m.groups {
		bars := chart.Bars{X: chart.Axis{Label: "seconds, process start to first token"}}
		t := &Table{Caption: "Load of " + g.model + " by phase", Columns: []Column{{Title: "Cell"}}}
		for _, p := range loadPhases {
			t.Columns = append(t.Columns, Column{Title: p.word, Unit: "s", Numeric: true})
		}
		t.Columns = append(t.Columns, Column{Title: "To the first token", Unit: "s", Numeric: true}, Column{Title: "Caches before"})
		var from []*summary.Cell
		for _, c := range startsOf(g) {
			rows, row := phasesOf(g, c, cold)
			if len(rows) > 0 {
				bars.Rows, from = append(bars.Rows, rows...), append(from, c)
			}
			t.Rows = append(t.Rows, row)
		}
		if len(bars.Rows) > 0 {
			f := &Figure{ID: slug("load", g.model), Title: g.model + ": load by phase", Source: links(from), Note: "A bar a launch. A phase that an engine does not tell is in the next one that it does.",
				Alt: "Stacked bars of load seconds by phase; the table below has the figures."}
			bars.Title = f.Alt
			f.Chart = bars
			s.Blocks = append(s.Blocks, Block{Figure: f})
		}
		if len(t.Rows) > 0 {
			s.Blocks = append(s.Blocks, fold("Load of "+g.model+" in figures", table(t)))
		}
	}
	return s, nil
}

// phasesOf are the bars of a cell's launches, and its row of medians.
func phasesOf(g *group, c *summary.Cell, cold map[*summary.Attempt]bool) ([]chart.Bar, Row) {
	row := Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}}}
	for _, p := range loadPhases {
		e := c.Estimate("phase_" + p.name + "_s")
		if !e.Known() {
			row.Values = append(row.Values, Value{Text: "–", Tone: "missing", Why: "the engine does not say"})
			continue
		}
		row.Values = append(row.Values, Value{Text: three(e.Median), Detail: interval(e, three)})
	}
	var bars []chart.Bar
	for _, a := range c.Launches {
		if bar := waterfall(g, c, a, cold[a]); len(bar.Parts) > 0 {
			bars = append(bars, bar)
		}
	}
	e := c.Estimate("load_s")
	return bars, Row{Values: append(row.Values, Value{Text: three(e.Median), Detail: interval(e, three)}, Value{Text: cachesBefore(c)})}
}

// waterfall is one launch's load by phase; what no phase tells stands last, so that the parts add up to load_s.
func waterfall(g *group, c *summary.Cell, a *summary.Attempt, cold bool) chart.Bar {
	state := "warm"
	if cold {
		state = "COLD"
	}
	bar := chart.Bar{Name: fmt.Sprintf("%s, %s, launch %d, %s", g.name[c], counted(int(c.BatchSize), "request"), a.Launch, state)}
	load := a.Number("load_s")
	if load == nil {
		return bar
	}
	left := *load
	for _, p := range loadPhases {
		if v := a.Number("phase_" + p.name + "_s"); v != nil && *v > 0 && *v <= left*1.001 {
			left -= *v
			bar.Parts = append(bar.Parts, chart.Part{Name: p.word, Value: *v, Note: fmt.Sprintf("%s, launch %d\n%s %s s", g.name[c], a.Launch, p.word, three(*v))})
		}
	}
	if left > 0.005**load {
		bar.Parts = append(bar.Parts, chart.Part{Name: "to the first token", Value: left, Note: fmt.Sprintf("%s, launch %d\nthe rest, to the first token: %s s", g.name[c], a.Launch, three(left))})
	}
	return bar
}

// cachesBefore says how cold the starts were.
func cachesBefore(c *summary.Cell) string {
	run := c.First().Run()
	var parts []string
	for _, x := range []struct{ state, word string }{{run.PageCache, "page cache"}, {run.CompileCache, "compile cache"}} {
		if x.state != "" {
			parts = append(parts, x.word+" "+x.state)
		}
	}
	return strings.Join(parts, ", ")
}
