package main

import (
	"slices"
	"strings"

	"matrix/results"
	"matrix/results/stats"
	"matrix/results/summary"
)

// comparison is two sides, measured pair by pair.
type comparison struct {
	sides    [2]side
	matching summary.Matching
	metrics  []results.Metric
	unlike   [][]summary.Difference // a pair
	lines    []comparedLine
}

// comparedLine is one metric of one pair.
type comparedLine struct {
	pair   int
	metric results.Metric
	a, b   stats.Estimate
	ratio  stats.Ratio // B over A
	notes  []string
	waits  bool // a latency with waiting in the batch on one side only: no ratio to rank by
}

// measure fills the lines, metric by metric; what neither side has is left out.
func (v *comparison) measure() {
	for _, p := range v.matching.Pairs {
		v.unlike = append(v.unlike, summary.Unlike(p.A, p.B))
	}
	for _, m := range v.metrics {
		for i, p := range v.matching.Pairs {
			l := comparedLine{pair: i, metric: m, a: v.sides[0].set.Estimate(p.A, m.Name), b: v.sides[1].set.Estimate(p.B, m.Name)}
			if !l.a.Known() && !l.b.Known() {
				continue
			}
			l.ratio = summary.RatioAcross(v.sides[1].set, p.B, v.sides[0].set, p.A, m.Name)
			l.notes, l.waits = notesOf(p, m.Name), waitsApart(p, m.Name)
			if l.waits {
				l.notes = append(l.notes, "not to be ranked: a batch's latency includes waiting in the batch")
			}
			v.lines = append(v.lines, l)
		}
	}
}

// notesOf is what to say beside a ratio: why a side has no figure, and unusual launches.
func notesOf(p summary.Pair, metric string) (notes []string) {
	for i, c := range []*summary.Cell{p.A, p.B} {
		for _, note := range c.Notes(metric) {
			notes = append(notes, "AB"[i:i+1]+": "+note)
		}
	}
	return notes
}

// waitsApart tells whether a metric is a latency that includes waiting in the batch on one side and not on the other.
func waitsApart(p summary.Pair, metric string) bool {
	x, y := p.A.First().Text("load_mode"), p.B.First().Text("load_mode")
	latency := strings.HasPrefix(metric, "ttft_") || strings.HasPrefix(metric, "e2e_")
	return latency && x != y && (x == "batch" || y == "batch")
}

func (v *comparison) simulated() bool {
	return slices.ContainsFunc(v.matching.Pairs, func(p summary.Pair) bool { return p.A.Simulated || p.B.Simulated })
}

// pretended tells whether a side of a pair is simulated.
func (v *comparison) pretended(pair int) bool {
	p := v.matching.Pairs[pair]
	return p.A.Simulated || p.B.Simulated
}

// measured tells whether any pair is of real engines.
func (v *comparison) measured() bool {
	return slices.ContainsFunc(v.matching.Pairs, func(p summary.Pair) bool { return !p.A.Simulated && !p.B.Simulated })
}

// geomean is the geometric mean of the known ratios of a metric that may be ranked by, nil for fewer than two. Simulated
// pairs have no part in it where any pair was measured.
func (v *comparison) geomean(metric string) (mean *float64, pairs int) {
	var ratios []float64
	measured := v.measured()
	for _, l := range v.lines {
		if l.metric.Name == metric && l.ratio.Known() && !l.waits && !(measured && v.pretended(l.pair)) {
			ratios = append(ratios, l.ratio.Median)
		}
	}
	if len(ratios) < 2 {
		return nil, len(ratios)
	}
	g := stats.Geomean(ratios)
	return &g, len(ratios)
}

// emit writes one record a pair and metric, then the means.
func (v *comparison) emit(a *app) {
	a.begin()
	for _, l := range v.lines {
		p := v.matching.Pairs[l.pair]
		f := map[string]any{"pair": p.Name, "metric": l.metric.Name, "unit": l.metric.Unit, "cell_a": p.A.Name, "cell_b": p.B.Name,
			"a": estimateFields(l.a), "b": estimateFields(l.b), "ratio": estimateFields(l.ratio.Estimate), "p": l.ratio.P,
			"unlike": v.unlike[l.pair], "notes": l.notes, "simulated": p.A.Simulated || p.B.Simulated}
		a.emit("comparison", f)
	}
	for _, m := range v.metrics {
		if mean, n := v.geomean(m.Name); mean != nil {
			a.emit("geomean", map[string]any{"metric": m.Name, "ratio": *mean, "pairs": n, "simulated": !v.measured()})
		}
	}
	for i, alone := range [][]*summary.Cell{v.matching.OnlyA, v.matching.OnlyB} {
		for _, c := range alone {
			a.emit("unpaired", map[string]any{"side": "ab"[i : i+1], "cell": c.Name})
		}
	}
}

// estimateFields is nil for what is not known.
func estimateFields(e stats.Estimate) map[string]any {
	if !e.Known() {
		return nil
	}
	return map[string]any{"n": e.N, "median": e.Median, "low": e.Low, "high": e.High, "min": e.Min, "max": e.Max, "method": e.Method, "level": e.Level}
}
