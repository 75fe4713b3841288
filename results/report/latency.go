package report

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"matrix/results"
	"matrix/results/report/chart"
	"matrix/results/summary"
)

// duration is a latency of a request, as requests.parquet has it.
type duration struct {
	name, word string
	of         func(*results.RequestRow) *float64
}

var durations = []duration{
	{"ttft", "time to first token", func(r *results.RequestRow) *float64 { return r.TTFTS }},
	{"tpot", "time per output token after the first", func(r *results.RequestRow) *float64 { return r.TPOTS }},
	{"e2e", "time to last token", func(r *results.RequestRow) *float64 { return r.E2ES }},
}

// tails are the percentiles that a curve marks, with the fewest requests that each needs (MLPerf's minima).
var tails = []struct {
	q    float64
	name string
	min  int
}{{0.5, "p50", 1}, {0.9, "p90", 64}, {0.95, "p95", 130}, {0.99, "p99", 662}}

// latency draws each distribution at the largest batch of a model; the other sizes are folded.
func (m *maker) latency() (Section, error) {
	s := Section{ID: "latency", Title: "Latency"}
	for _, g := range m.groups {
		first := true
		for _, size := range slices.Backward(g.sizes) {
			figures, err := g.distributions(size)
			if err != nil {
				return s, err
			}
			switch {
			case len(figures) == 0:
			case first:
				s.Blocks, first = append(s.Blocks, figures...), false
			default:
				s.Blocks = append(s.Blocks, fold(fmt.Sprintf("%s, %s", g.model, counted(int(size), "request")), figures...))
			}
		}
	}
	if len(s.Blocks) > 0 {
		s.Blocks = append([]Block{para("Each curve is one launch, the one whose throughput is the median; it counts ok requests only. Marks are p50, p90, p95 and p99, each only where there are requests enough to show it. In a batch load every request is there from the start, so its times include waiting in the batch: those curves have charts of their own and are not to be ranked against a closed load's.")}, s.Blocks...)
	}
	return s, nil
}

// distributions are the figures of one batch size: closed and open loads, then batch loads.
func (g *group) distributions(size int64) ([]Block, error) {
	var blocks []Block
	for _, queued := range []bool{false, true} {
		var cells []*summary.Cell
		for _, c := range g.at(size) {
			if a := middle(c); a != nil && (a.Text("load_mode") == "batch") == queued && len(cells) < mostSeries {
				cells = append(cells, c)
			}
		}
		values, err := latencies(cells)
		if err != nil {
			return nil, err
		}
		for i, d := range durations {
			if f := g.distribution(d, size, queued, cells, values[i]); f != nil {
				blocks = append(blocks, Block{Figure: f})
			}
		}
	}
	return blocks, nil
}

// middle is the launch whose throughput is the median of the cell's, nil without launches.
func middle(c *summary.Cell) *summary.Attempt {
	all := slices.Clone(c.Ranked())
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b *summary.Attempt) int {
		return cmp.Compare(number(a, "output_throughput"), number(b, "output_throughput"))
	})
	return all[(len(all)-1)/2]
}

func number(a *summary.Attempt, column string) float64 {
	if v := a.Number(column); v != nil {
		return *v
	}
	return math.Inf(-1)
}

// latencies reads the ok requests of each cell once: by duration, then cell; sorted seconds.
func latencies(cells []*summary.Cell) ([][][]float64, error) {
	out := make([][][]float64, len(durations))
	for i := range out {
		out[i] = make([][]float64, len(cells))
	}
	for k, c := range cells {
		err := results.ReadRequests(middle(c).Dir, func(r results.RequestRow) error {
			if r.Phase != "measure" || r.Status != "ok" {
				return nil
			}
			for i, d := range durations {
				if v := d.of(&r); v != nil {
					out[i][k] = append(out[i][k], *v)
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, results.ErrCorrupt) {
			return nil, fmt.Errorf("read the requests of %s: %w", c.Name, err)
		}
		for i := range out {
			slices.Sort(out[i][k])
		}
	}
	return out, nil
}

func (g *group) distribution(d duration, size int64, queued bool, cells []*summary.Cell, values [][]float64) *Figure {
	var series []chart.Series
	var from []*summary.Cell
	for k, c := range cells {
		if len(values[k]) > 1 {
			series, from = append(series, curve(g.name[c], g.slot(c), values[k])), append(from, c)
		}
	}
	if len(series) == 0 {
		return nil
	}
	id, title := slug("latency", d.name, g.model, fmt.Sprint(size)), fmt.Sprintf("%s, %s: %s", g.model, counted(int(size), "request"), d.word)
	if queued {
		id, title = id+"-batch", title+" (batch load: waiting in the batch included)"
	}
	f := &Figure{ID: id, Title: title, Source: links(from), Alt: "Distribution of " + title + "."}
	one := 1.0
	f.Chart = chart.Plot{Title: f.Alt, X: chart.Axis{Label: "seconds (log scale)", Log: true}, Series: series,
		Y: chart.Axis{Label: "share of ok requests at or below", Zero: true, Max: &one, Format: percent}}
	return f
}

// curve is the distribution of sorted values in at most 100 steps, with the percentiles that they are enough for.
func curve(name string, slot int, sorted []float64) chart.Series {
	s := chart.Series{Name: name, Slot: slot}
	n := len(sorted)
	for i := range min(n, 101) {
		k := i * (n - 1) / max(1, min(n, 101)-1)
		s.Points = append(s.Points, chart.Point{X: max(sorted[k], 1e-6), Y: float64(k+1) / float64(n)})
	}
	for _, t := range tails {
		if n >= t.min {
			v := sorted[min(n-1, int(math.Ceil(t.q*float64(n)))-1)]
			s.Tips = append(s.Tips, chart.Point{X: max(v, 1e-6), Y: t.q, Note: fmt.Sprintf("%s\n%s %s s, of %s", name, t.name, three(v), counted(n, "request"))})
		}
	}
	return s
}
