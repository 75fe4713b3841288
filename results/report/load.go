package report

import (
	"fmt"
	"strings"

	"matrix/results/report/chart"
	"matrix/results/summary"
)

// loadPhases are the parts of a load, in order, as phase_<name>_s: those of record.Phases from the spawn on, which add up to load_s.
var loadPhases = []struct{ name, word string }{
	{"spawn", "spawn"}, {"import", "import"}, {"workers", "workers"}, {"weights", "weights"}, {"compile", "compile"}, {"graph_capture", "CUDA graphs"},
	{"kv_init", "KV cache"}, {"ready", "ready"}, {"first_token", "first token"}, {"other", restOfLoad},
}

const restOfLoad = "the rest"

// load shows what a start costs, by phase.
// Launches are apart, not averaged: a cold start is another thing than a slow warm one, and a mean of both is neither.
func (m *maker) load() (Section, error) {
	s := Section{ID: "load", Title: "What a start costs"}
	// whether a start was cold shows only beside the others, so of the whole set
	cold, servers, err := m.Set.Cold()
	if err != nil {
		return s, fmt.Errorf("read the servers' starts: %w", err)
	}
	var tables []Block
	for _, g := range m.groups {
		bars := chart.Bars{X: chart.Axis{Label: "seconds, process start to first token"}}
		t := &Table{Caption: "Load of " + g.model + " by phase", Columns: []Column{{Title: "Cell"}}}
		for _, p := range loadPhases {
			t.Columns = append(t.Columns, Column{Title: p.word, Unit: "s", Numeric: true})
		}
		t.Columns = append(t.Columns, Column{Title: "To the first token", Unit: "s", Numeric: true}, Column{Title: "Caches before"})
		var from []*summary.Cell
		// The table has one row a platform: the batch does not change a load.
		for _, c := range startsOf(g) {
			t.Rows = append(t.Rows, phasesOf(c))
		}
		for _, c := range g.cells {
			if rows := launchBars(g, c, cold); len(rows) > 0 {
				bars.Rows, from = append(bars.Rows, rows...), append(from, c)
			}
		}
		bars.Rows = append(bars.Rows, sharedBars(g, servers)...)
		if len(bars.Rows) > 0 {
			f := &Figure{ID: slug("load", g.model), Title: g.model + ": load by phase", Source: links(from),
				Alt: "Stacked bars of load seconds by phase; the table below has the figures."}
			bars.Title = f.Alt
			f.Chart = bars
			s.Blocks = append(s.Blocks, Block{Figure: f})
		}
		if len(t.Rows) > 0 {
			t.Drop()
			tables = append(tables, tableBlock(t))
		}
	}
	if len(s.Blocks) > 0 {
		s.Blocks = append([]Block{para("A bar a launch of each platform's largest batch, and a bar for each cold start of any other, or that only filled the caches. A phase that an engine does not tell is in the next one that it does; the parts add up to load_s.")}, s.Blocks...)
	}
	if len(tables) > 0 {
		s.Blocks = append(s.Blocks, fold("Loads in figures", tables...))
	}
	return s, nil
}

// launchBars are a cell's launches: all of a platform's largest batch, else those that began cold.
// A cold start always has its bar: it is what a first deployment will see.
func launchBars(g *group, c *summary.Cell, cold map[*summary.Attempt]bool) []chart.Bar {
	largest := false
	for _, other := range startsOf(g) {
		largest = largest || other == c
	}
	var bars []chart.Bar
	for _, a := range c.Launches {
		if load := a.Number("load_s"); load != nil && (largest || cold[a]) {
			bars = append(bars, waterfall(fmt.Sprintf("%s, %s, launch %d, %s", g.name[c], counted(int(c.BatchSize), "request"), a.Launch, warmth(cold[a])), *load,
				func(phase string) *float64 { return a.Number("phase_" + phase + "_s") }))
		}
	}
	return bars
}

// warmth marks a start; a cold one stands out.
func warmth(cold bool) string {
	if cold {
		return "COLD"
	}
	return "warm"
}

// sharedBars are the servers that cells of a group had in common, a bar a server, and the starts that only filled caches.
// The load belongs to no attempt (their load_s is null), so it would else be missing.
func sharedBars(g *group, servers []summary.Server) []chart.Bar {
	var bars []chart.Bar
	for _, c := range g.cells {
		for _, s := range servers {
			// A server that was killed before it was ready tells none.
			load := s.Load()
			if s.Cell != c || load == nil || *load <= 0 {
				continue
			}
			what := "shared by " + counted(len(s.Attempts), "attempt")
			if s.Primed {
				what = "filling the caches"
			}
			bars = append(bars, waterfall(fmt.Sprintf("%s, %s, %s", g.name[c], warmth(s.Cold), what), *load, func(phase string) *float64 {
				if v, told := s.Phases[phase]; told {
					return &v
				}
				return nil
			}))
		}
	}
	return bars
}

// waterfall is one load by phase; what no phase tells stands last, so that the parts add up to load_s.
// A phase that is longer than what is left (by more than rounding) is skipped: engines tell some phases within others,
// and the sum must hold.
func waterfall(name string, load float64, phase func(string) *float64) chart.Bar {
	bar := chart.Bar{Name: name}
	left := load
	for _, p := range loadPhases {
		if v := phase(p.name); v != nil && *v > 0 && *v <= left*1.001 && p.word != restOfLoad {
			left -= *v
			bar.Parts = append(bar.Parts, chart.Part{Name: p.word, Value: *v, Note: fmt.Sprintf("%s %s s", p.word, three(*v))})
		}
	}
	// below that it is rounding, not a phase
	if left > 0.005*load {
		bar.Parts = append(bar.Parts, chart.Part{Name: restOfLoad, Value: left, Note: fmt.Sprintf("the rest, to the first token: %s s", three(left))})
	}
	return bar
}

// phasesOf are the medians of a cell's launches.
// Loads of all the cell's launches, cold ones too: the last column says what the caches held.
func phasesOf(c *summary.Cell) Row {
	row := Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}}}
	for _, p := range loadPhases {
		row.Values = append(row.Values, estimated(c.Estimate("phase_"+p.name+"_s"), three, "the engine does not say"))
	}
	row.Values = append(row.Values, estimated(c.Estimate("load_s"), three, "not told"), Value{Text: cachesBefore(c)})
	return row
}

// cachesBefore says how cold the starts were.
// Of the first launch: later ones find what it left in the caches.
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
