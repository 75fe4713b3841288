package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"matrix/results"
	"matrix/results/report/chart"
	"matrix/results/summary"
)

// durations are the latencies of a request, as columns of requests.parquet.
var durations = []struct{ column, word string }{
	{"ttft_s", "time to first token"}, {"tpot_s", "time per output token after the first"}, {"e2e_s", "time to last token"},
}

// tails are the percentiles that a curve marks, with the fewest requests that each needs (MLPerf's minima).
var tails = []struct {
	q    float64
	name string
	min  int64
}{{0.5, "p50", 1}, {0.9, "p90", 64}, {0.95, "p95", 130}, {0.99, "p99", 662}}

// mostSizes is how many batch sizes, the largest, have their distributions drawn.
const mostSizes = 5

// latency draws each distribution at the largest batch of a model; the other sizes are folded.
func (m *maker) latency() (Section, error) {
	s := Section{ID: "latency", Title: "Latency"}
	for _, g := range m.groups {
		first := true
		for _, size := range slices.Backward(g.sizes[max(0, len(g.sizes)-mostSizes):]) {
			for _, queued := range []bool{false, true} {
				figures, err := m.distributions(g, size, queued)
				if err != nil {
					return s, err
				}
				title := fmt.Sprintf("%s, %s", g.model, counted(int(size), "request"))
				if queued {
					title += ": batch loads, waiting in the batch included"
				}
				switch {
				case len(figures) == 0:
				case first && !queued:
					s.Blocks, first = append(s.Blocks, figures...), false
				default:
					s.Blocks = append(s.Blocks, fold(title, figures...))
				}
			}
		}
	}
	if len(s.Blocks) > 0 {
		s.Blocks = append([]Block{para("Each curve pools the requests of a cell's launches; one that failed is never done, so a curve with failures ends below 100%. Marks are p50, p90, p95 and p99, each only where there are requests enough to show it. In a batch load every request is there from the start, so its times include waiting in the batch: those curves have charts of their own and are not to be ranked against a closed load's.")}, s.Blocks...)
	}
	return s, nil
}

// distributions are the figures of one batch size: of closed and open loads, or of batch loads, where every request waits.
func (m *maker) distributions(g *group, size int64, queued bool) ([]Block, error) {
	var cells []*summary.Cell
	for _, c := range g.at(size) {
		if a := middle(c); a != nil && (a.Run().Mode == "batch") == queued && len(cells) < mostSeries {
			cells = append(cells, c)
		}
	}
	var columns []string
	for _, d := range durations {
		columns = append(columns, d.column)
	}
	found, err := m.Set.Distributions(m.ctx, cells, columns...)
	if err != nil && !errors.Is(err, results.ErrCorrupt) {
		return nil, err
	}
	var blocks []Block
	for _, d := range durations {
		if f := g.distribution(d.column, d.word, size, queued, cells, found); f != nil {
			blocks = append(blocks, Block{Figure: f})
		}
	}
	return blocks, nil
}

func (g *group) distribution(column, word string, size int64, queued bool, cells []*summary.Cell, found map[*summary.Cell]map[string]*summary.Distribution) *Figure {
	var series []chart.Series
	var from []*summary.Cell
	for _, c := range cells {
		if d := found[c][column]; d != nil && d.N > 1 {
			series, from = append(series, curve(g.name[c], g.slot(c), d)), append(from, c)
		}
	}
	if len(series) == 0 {
		return nil
	}
	id, title := slug("latency", column, g.model, fmt.Sprint(size)), fmt.Sprintf("%s, %s: %s", g.model, counted(int(size), "request"), word)
	if queued {
		id, title = id+"-batch", title+" (batch load)"
		if column != "tpot_s" { // counted from the first token on: the waiting is over
			title = strings.TrimSuffix(title, ")") + ": waiting in the batch included)"
		}
	}
	f := &Figure{ID: id, Title: title, Source: links(from), Alt: "Distribution of " + title + "."}
	one := 1.0
	f.Chart = chart.Plot{Title: f.Alt, X: chart.Axis{Label: "seconds (log scale)", Log: true}, Series: series,
		Y: chart.Axis{Label: "share of the requests at or below", Zero: true, Max: &one, Format: percent}}
	return f
}

// curve is a distribution with the percentiles that its requests are enough for.
func curve(name string, slot int, d *summary.Distribution) chart.Series {
	s := chart.Series{Name: name, Slot: slot}
	of := float64(d.N) / float64(d.N+d.Failures) // what failed is never done: the curve ends below 100%
	for _, p := range d.Points {
		s.Points = append(s.Points, chart.Point{X: max(p.Value, 1e-6), Y: of * p.Share})
	}
	for _, t := range tails {
		i := slices.IndexFunc(d.Points, func(p summary.Point) bool { return of*p.Share >= t.q })
		if d.N >= t.min && i >= 0 {
			v := d.Points[i].Value
			s.Tips = append(s.Tips, chart.Point{X: max(v, 1e-6), Y: t.q, Note: fmt.Sprintf("%s\n%s %s s, of %s", name, t.name, three(v), counted(int(d.N), "request"))})
		}
	}
	return s
}
