package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"matrix/results/record"
	"matrix/results/report/chart"
	"matrix/results/report/document"
	"matrix/results/stats"
	"matrix/results/summary"
	"matrix/results/table"
)

// durations are the latencies of a request, as columns of requests.parquet.
// All in seconds; TTFT and e2e count from the send.
var durations = []struct{ column, short, word string }{
	{"ttft_s", "TTFT", "time to first token"}, {"tpot_s", "TPOT", "time per output token after the first"}, {"e2e_s", "e2e", "time to last token"},
}

// tails are the percentiles that a curve marks, with the fewest requests that each needs (MLPerf's minima).
// Below these a percentile is null in run.parquet, too.
var tails = record.Percentiles[:4] // p999 would lie on the curve's end

// latency draws each distribution at the largest batch of a model; the percentiles of every size are a table, folded.
// Closed and open loads first; batch loads are folded, for their curves show the length of the queue.
func (m *maker) latency() (Section, error) {
	s := Section{ID: "latency", Title: "Latency"}
	// behind all that is open, of every model
	var folds, queues, percentiles []Block
	for i, g := range m.groups {
		for _, queued := range []bool{false, true} {
			size, cells := g.largestLoaded(queued)
			figures, err := m.distributions(g, size, queued, cells)
			if err != nil {
				return s, err
			}
			switch {
			case queued:
				queues = append(queues, figures...)
			default:
				s.Blocks = append(s.Blocks, m.behind(i, figures)...)
			}
		}
		if t := latencyTable(m.Set, g); len(t.Rows) > 0 {
			percentiles = append(percentiles, tableBlock(t))
		}
	}
	for _, f := range []document.Fold{{Title: "Batch loads, waiting in the batch included", Blocks: queues}, {Title: "Percentiles of every batch size", Blocks: percentiles}} {
		if len(f.Blocks) > 0 {
			folds = append(folds, fold(f.Title, f.Blocks...))
		}
	}
	if s.Blocks = append(s.Blocks, folds...); len(s.Blocks) > 0 {
		s.Blocks = append([]Block{para("Each curve pools the requests of a cell's launches; the thin ones are its launches alone. One that failed is never done, so a curve with failures goes on below 100%. Marks are p50, p90, p95 and p99, each only where there are requests enough to show it. In a batch load every request is there from the start, so its times include waiting in the batch: those curves have charts of their own and are not to be ranked against a closed load's.")}, s.Blocks...)
	}
	return s, nil
}

// largestLoaded is the largest batch size of closed and open loads, or of batch loads, of which rows were kept, and its cells.
// Rows are needed, not only percentiles: imported attempts may have none, and then a smaller batch stands in.
func (g *group) largestLoaded(queued bool) (int64, []*summary.Cell) {
	for _, size := range slices.Backward(g.sizes) {
		var cells []*summary.Cell
		for _, c := range g.at(size) {
			told := slices.ContainsFunc(c.Launches, func(a *summary.Attempt) bool { return !a.Lacks("requests") })
			if told && (c.First().Run().Mode == "batch") == queued {
				cells = append(cells, c)
			}
		}
		if len(cells) > 0 {
			return size, cells
		}
	}
	return 0, nil
}

// distributions are the figures of some cells of one batch size.
// A corrupt table leaves its cell out; the others are drawn.
func (m *maker) distributions(g *group, size int64, queued bool, cells []*summary.Cell) ([]Block, error) {
	var columns []string
	for _, d := range durations {
		columns = append(columns, d.column)
	}
	cells, not := firstOf(cells)
	found, err := m.Set.Distributions(m.ctx, cells, columns...)
	if err != nil && !errors.Is(err, table.ErrCorrupt) {
		return nil, err
	}
	var blocks []Block
	for _, d := range durations {
		if f := g.distribution(d.column, d.word, size, queued, cells, found); f != nil {
			f.Note = strings.TrimSpace(not)
			blocks = append(blocks, Block{Figure: f})
		}
	}
	return blocks, nil
}

// distribution is one figure, a curve a cell; nil where no cell has two requests to draw a line through.
func (g *group) distribution(column, word string, size int64, queued bool, cells []*summary.Cell, found map[*summary.Cell]map[string]*summary.Distribution) *Figure {
	var series []chart.Series
	var from []*summary.Cell
	var words []string
	for _, c := range cells {
		d := found[c][column]
		if d == nil || d.N < 2 {
			continue
		}
		line := curve(g.name[c], g.slot(c), d, "s")
		series, from = append(series, line), append(from, c)
		said := fmt.Sprintf("%s, %s", g.name[c], counted(int(d.N), "request"))
		// Tips follow tails in order: too few requests lack the last ones only.
		for i, t := range line.Tips {
			said += fmt.Sprintf(", %s %s s", tails[i].Name, three(t.X))
		}
		if d.Failures > 0 {
			said += fmt.Sprintf(", %s failed: the curve goes on at %s", whole(float64(d.Failures)), percent(line.Points[len(line.Points)-1].Y))
		}
		words = append(words, said)
	}
	if len(series) == 0 {
		return nil
	}
	id, title := slug("latency", column, g.model, fmt.Sprint(size)), fmt.Sprintf("%s, %s: %s", g.model, counted(int(size), "request"), word)
	// told apart in the id, too: a model may have both kinds at one size
	if queued {
		id, title = id+"-batch", title+" (batch load)"
		if column != "tpot_s" { // counted from the first token on: the waiting is over
			title = strings.TrimSuffix(title, ")") + ": waiting in the batch included)"
		}
	}
	f := &Figure{ID: id, Title: title, Source: links(from), Alt: "Distribution of " + title + ". " + strings.Join(words, "; ") + "."}
	one := 1.0
	f.Chart = chart.Plot{Title: f.Alt, X: chart.Axis{Label: "seconds (log scale)", Log: true}, Series: series,
		Y: chart.Axis{Label: "share of the requests at or below", Zero: true, Max: &one, Format: percent}}
	return f
}

// curve is a distribution with the percentiles that its requests are enough for.
// A percentile is of all requests, failures among them: where more than 1% failed there is no p99 to mark.
func curve(name string, slot int, d *summary.Distribution, unit string) chart.Series {
	s := chart.Series{Name: name, Slot: slot, Points: cumulative(d), Level: d.Failures > 0}
	for _, one := range d.Launches {
		s.Thin = append(s.Thin, cumulative(one))
	}
	for _, t := range tails {
		i := slices.IndexFunc(s.Points, func(p chart.Point) bool { return p.Y >= t.Q })
		if d.N >= int64(t.Min) && i >= 0 {
			v := s.Points[i].X
			s.Tips = append(s.Tips, chart.Point{X: v, Y: t.Q, Note: fmt.Sprintf("%s\n%s %s %s, of %s", name, t.Name, three(v), unit, counted(int(d.N), "request"))})
		}
	}
	return s
}

// shortest is where a curve's axis begins at the latest, in seconds: a logarithm has no 0.
const shortest = 1e-4

// cumulative is a distribution's curve: what failed is never done, so it ends below 100%.
// N counts the answered, Failures the others; shares of the answered alone would hide them.
func cumulative(d *summary.Distribution) []chart.Point {
	of := float64(d.N) / float64(d.N+d.Failures)
	out := make([]chart.Point, len(d.Points))
	for i, p := range d.Points {
		out[i] = chart.Point{X: max(p.Value, shortest), Y: of * p.Share}
	}
	return out
}

// latencyOf is a percentile with a failure counted as never. Where nothing failed it is that of the answered, which is all that
// the totals of other tools tell; of too few requests it is not shown, whoever computed it.
func latencyOf(set *summary.Set, c *summary.Cell, name, percentile string) stats.Estimate {
	e := set.Estimate(c, name+"_"+percentile+"_adjusted_s")
	enough := slices.ContainsFunc(tails, func(p record.Percentile) bool { return p.Name == percentile && c.BatchSize >= int64(p.Min) })
	if answered, planned := c.Answered(); !e.Known() && answered == planned && enough {
		return set.Estimate(c, name+"_"+percentile+"_s")
	}
	return e
}

// latencyTable has the percentiles of each cell, a failure counted as never.
// Medians over launches of each launch's percentile, unlike the curves, which pool requests.
func latencyTable(set *summary.Set, g *group) *Table {
	t := &Table{ID: slug("percentiles", g.model), Caption: g.model + ": percentiles over launches", Columns: []Column{{Title: "Cell"}, {Title: "Load"}},
		Notes: []string{"A failure counts as never. – is a percentile that so few requests do not show: p90 takes 64, p99 takes 662."}}
	for _, d := range durations {
		t.Columns = append(t.Columns, Column{Title: d.short, Unit: "s, p50 · p90 · p99", Numeric: true})
	}
	for _, c := range g.cells {
		if len(c.Launches) == 0 {
			continue
		}
		row := Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}, {Text: c.First().Run().Mode}}}
		for _, d := range durations {
			var parts []string
			for _, p := range []string{"p50", "p90", "p99"} {
				if e := latencyOf(set, c, strings.TrimSuffix(d.column, "_s"), p); e.Known() {
					parts = append(parts, seconds(e.Median))
				} else {
					parts = append(parts, "–")
				}
			}
			row.Values = append(row.Values, Value{Text: strings.Join(parts, " · ")})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
