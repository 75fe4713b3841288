package report

import (
	"fmt"
	"strings"

	"matrix/results/report/chart"
	"matrix/results/stats"
	"matrix/results/summary"
)

// throughput is one chart a model of tokens per second, without the load: with it the time to finish tells more.
func (m *maker) throughput() []Block {
	var out []Block
	for _, g := range m.groups {
		if f := g.overSize(m.Set); f != nil {
			out = append(out, Block{Figure: f})
		}
	}
	return out
}

// overSize is the throughput of each contender over the batch size; nil where no cell has it. Contenders beyond mostSeries
// are counted in the note: a chart of twelve lines cannot be read.
func (g *group) overSize(set *summary.Set) *Figure {
	const unit = "output tokens/s"
	var series []chart.Series
	var from []*summary.Cell
	var words []string
	// contenders beyond mostSeries
	left := 0
	for _, name := range g.contenders {
		one := chart.Series{Name: name, Slot: len(series), Marks: true}
		for _, c := range g.cells {
			if g.name[c] != name {
				continue
			}
			if e := set.Estimate(c, "output_throughput"); e.Known() {
				one.Points = append(one.Points, pointOf(name, c.BatchSize, e, unit))
				// sources of what is drawn, not of what is left out
				if len(series) < mostSeries {
					from = append(from, c)
				}
			}
		}
		switch {
		case len(one.Points) == 0:
		case len(series) >= mostSeries:
			left++
		default:
			last := one.Points[len(one.Points)-1]
			words = append(words, fmt.Sprintf("%s %s at %s", name, three(last.Y), whole(last.X)))
			series = append(series, one)
		}
	}
	if len(series) == 0 {
		return nil
	}
	f := &Figure{ID: slug("throughput", g.model), Title: g.model + ": " + unit, Source: links(from),
		Alt: fmt.Sprintf("%s over batch size for %s: %s.", unit, g.model, strings.Join(words, "; ")), Note: "Bars are the interval over launches; a point without one is a single launch, or launches too close to draw."}
	if left > 0 {
		f.Note += fmt.Sprintf(" %d more are in the table only.", left)
	}
	f.Chart = chart.Plot{Title: f.Alt, X: chart.Axis{Label: "batch size (requests)", Log: true, Ticks: floats(g.sizes)}, Y: chart.Axis{Label: unit, Zero: true}, Series: series}
	return f
}

// pointOf has an interval only where launches were repeated: one launch has no spread to show.
func pointOf(name string, size int64, e stats.Estimate, unit string) chart.Point {
	p := chart.Point{X: float64(size), Y: e.Median, Note: fmt.Sprintf("%s, %s requests\n%s %s", name, whole(float64(size)), three(e.Median), unit)}
	if e.N > 1 {
		p.Low, p.High = &e.Low, &e.High
		p.Note += "\n" + interval(e, three)
	} else {
		p.Note += "\none launch"
	}
	return p
}
