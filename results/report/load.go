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
	for _, g := range m.groups {
		bars := chart.Bars{X: chart.Axis{Label: "seconds, median over launches"}}
		t := &Table{Caption: "Load of " + g.model + " by phase", Columns: []Column{{Title: "Cell"}}}
		for _, p := range loadPhases {
			t.Columns = append(t.Columns, Column{p.word, "s", true})
		}
		t.Columns = append(t.Columns, Column{"To the first token", "s", true}, Column{Title: "Caches before"})
		var from []*summary.Cell
		for _, c := range startsOf(g) {
			bar, row := phasesOf(g, c)
			if len(bar.Parts) > 0 {
				bars.Rows, from = append(bars.Rows, bar), append(from, c)
			}
			t.Rows = append(t.Rows, row)
		}
		if len(bars.Rows) > 0 {
			f := &Figure{ID: slug("load", g.model), Title: g.model + ": load by phase", Source: links(from), Note: "A phase that an engine does not tell is in the next one that it does.",
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

// startsOf are one cell a contender, that of the largest batch: the batch does not change a load.
func startsOf(g *group) []*summary.Cell {
	var out []*summary.Cell
	for _, name := range g.contenders {
		var last *summary.Cell
		for _, c := range g.cells {
			if g.name[c] == name && c.Estimate("load_s").Known() {
				last = c
			}
		}
		if last != nil {
			out = append(out, last)
		}
	}
	return out
}

func phasesOf(g *group, c *summary.Cell) (chart.Bar, Row) {
	bar := chart.Bar{Name: fmt.Sprintf("%s, %s", g.name[c], counted(int(c.BatchSize), "request"))}
	row := Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}}}
	for _, p := range loadPhases {
		e := c.Estimate("phase_" + p.name + "_s")
		if !e.Known() {
			row.Values = append(row.Values, Value{Text: "–", Tone: "missing", Why: "the engine does not say"})
			continue
		}
		row.Values = append(row.Values, Value{Text: three(e.Median), Detail: interval(e, three)})
		bar.Parts = append(bar.Parts, chart.Part{Name: p.word, Value: e.Median, Note: fmt.Sprintf("%s\n%s %s s", g.name[c], p.word, three(e.Median))})
	}
	e := c.Estimate("load_s")
	row.Values = append(row.Values, Value{Text: three(e.Median), Detail: interval(e, three)}, Value{Text: cachesBefore(c)})
	return bar, row
}

// cachesBefore says how cold the starts were.
func cachesBefore(c *summary.Cell) string {
	a := c.First()
	var parts []string
	for _, x := range []struct{ column, word string }{{"page_cache", "page cache"}, {"compile_cache", "compile cache"}} {
		if s := a.Text(x.column); s != "" {
			parts = append(parts, x.word+" "+s)
		}
	}
	return strings.Join(parts, ", ")
}
