package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"matrix/results/report/chart"
	"matrix/results/summary"
)

// tradeoff is throughput against latency over what was in flight at once: a line a platform, where one was asked so more than
// once. What the slo allows is shaded.
// One point is no trade: a platform must have been asked with several numbers in flight.
func (m *maker) tradeoff() (Section, error) {
	s := Section{ID: "tradeoff", Title: "Throughput against latency"}
	for _, g := range m.groups {
		if f := m.tradeoffOf(g); f != nil {
			s.Blocks = append(s.Blocks, Block{Figure: f})
		}
	}
	return s, nil
}

// tradeoffOf takes the latency that the slo bounds, TTFT before e2e; without an slo, e2e. Batch loads are left out: all
// of their requests are in flight at once.
func (m *maker) tradeoffOf(g *group) *Figure {
	// Other axes do not tell a line apart here: concurrency is the axis along it.
	byPlatform, bound := map[string][]*summary.Cell{}, (*float64)(nil)
	column, word := "e2e_p50_adjusted_s", "time to last token"
	for _, c := range g.cells {
		a := middle(c)
		// an open load has no fixed number in flight either
		if a == nil || a.Run().Mode == "batch" || a.Number("concurrency") == nil {
			continue
		}
		byPlatform[c.Platform] = append(byPlatform[c.Platform], c)
		if v := a.Number("slo_ttft_s"); v != nil {
			column, word, bound = "ttft_p50_adjusted_s", "time to first token", v
		} else if v := a.Number("slo_e2e_s"); v != nil && bound == nil {
			bound = v
		}
	}
	var series []chart.Series
	var from []*summary.Cell
	var words []string
	// some line has two points
	several := false
	for i, platform := range platformsOf(g) {
		line := chart.Series{Name: platform, Slot: i, Marks: true}
		cells := byPlatform[platform]
		slices.SortStableFunc(cells, func(a, b *summary.Cell) int {
			return cmp.Or(cmp.Compare(number(middle(a), "concurrency"), number(middle(b), "concurrency")), cmp.Compare(a.BatchSize, b.BatchSize))
		})
		for k, c := range cells {
			latency, rate, at := m.Set.Estimate(c, column), m.Set.Estimate(c, "output_throughput"), number(middle(c), "concurrency")
			if !latency.Known() || !rate.Known() || k+1 < len(cells) && number(middle(cells[k+1]), "concurrency") == at { // the largest batch of each
				continue
			}
			line.Points = append(line.Points, chart.Point{X: latency.Median, Y: rate.Median, Note: fmt.Sprintf("%s, %s at once\n%s tokens/s, p50 %s s", platform, whole(at), three(rate.Median), three(latency.Median))})
			words, from = append(words, fmt.Sprintf("%s at %s at once: %s tokens/s, p50 %s s", platform, whole(at), three(rate.Median), three(latency.Median))), append(from, c)
		}
		if several = several || len(line.Points) > 1; len(line.Points) > 0 {
			series = append(series, line)
		}
	}
	if !several {
		return nil
	}
	series, not := firstOf(series)
	f := &Figure{ID: slug("tradeoff", g.model), Title: g.model + ": output tokens/s against " + word + ", p50", Source: links(from), Alt: strings.Join(words, "; ") + ".",
		Note: "A point for each number of requests in flight, joined in their order. Failures count as never." + not}
	plot := chart.Plot{Title: f.Alt, X: chart.Axis{Label: word + ", p50, seconds (log scale)", Log: true}, Y: chart.Axis{Label: "output tokens/s", Zero: true}, Series: series}
	if bound != nil {
		plot.Shade = &chart.Box{X: *bound, Label: "within the slo"}
	}
	f.Chart = plot
	return f
}
