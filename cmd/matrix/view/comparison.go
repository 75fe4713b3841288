package view

import (
	"fmt"
	"slices"
	"strings"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/summary"
)

// Side is one of the two that are compared.
type Side struct {
	Word  string          // as the user named it
	Set   *summary.Set    // what its estimates are pooled over
	Cells []*summary.Cell // those that Word means
}

// Comparison is two sides, measured pair by pair.
// It is measured once by Compare, and then drawn in any form.
type Comparison struct {
	sides    [2]Side
	matching summary.Matching
	metrics  []record.Metric
	unlike   [][]summary.Difference // a pair
	lines    []comparisonLine
	gates    []gateLine
}

// gateLine is what one pair shows of a gate.
type gateLine struct {
	gate    summary.Gate
	pair    int // of matching.Pairs
	ratio   stats.Ratio
	verdict summary.Verdict
}

// Compare measures two sides, metric by metric; what neither side has is left out. Gates are held against B over A, pair
// by pair.
// Metrics keep their order, pairs the matching's.
func Compare(sides [2]Side, m summary.Matching, metrics []record.Metric, gates []summary.Gate) *Comparison {
	v := &Comparison{sides: sides, matching: m, metrics: metrics}
	v.measure()
	for _, g := range gates {
		for i, p := range m.Pairs {
			r := summary.RatioAcross(sides[1].Set, p.B, sides[0].Set, p.A, g.Metric)
			v.gates = append(v.gates, gateLine{g, i, r, g.Judge(r)})
		}
	}
	return v
}

// GatesHold reports that every gate is shown to hold on every pair.
// "Not shown" does not hold: who asks for a gate wants to be sure.
func (v *Comparison) GatesHold() bool {
	return !slices.ContainsFunc(v.gates, func(l gateLine) bool { return l.verdict != summary.Holds })
}

// gateWords say of each gate what was shown, and what would show it.
func (v *Comparison) gateWords() (out []string) {
	for _, l := range v.gates {
		// loud where it is broken: it may stand far down a log
		words := map[summary.Verdict]string{summary.Holds: "holds", summary.Broken: "DOES NOT HOLD", summary.NotShown: "is not shown to hold"}[l.verdict]
		text := fmt.Sprintf("gate %s %+g%% %s", l.gate.Metric, 100*l.gate.Change, words)
		if name := v.pairName(l.pair); name != "" {
			text += " for " + name
		}
		switch {
		case l.ratio.Known() && l.ratio.Sure():
			text += fmt.Sprintf(": B is %.3g of A, %.3g to %.3g", l.ratio.Median, l.ratio.Low, l.ratio.High)
		case l.ratio.Known():
			text += fmt.Sprintf(": B is %.3g of A, with no interval", l.ratio.Median)
		default:
			text += ": not measured on both sides"
		}
		// what to do, for an exit code of 7 alone helps nobody
		if l.verdict == summary.NotShown {
			text += "; more launches tell (experiment { launches = 6 })"
		}
		out = append(out, text+".")
	}
	return out
}

// comparisonLine is one metric of one pair.
type comparisonLine struct {
	pair   int
	metric record.Metric
	a, b   stats.Estimate // unknown where a side has none
	ratio  stats.Ratio    // B over A
	notes  []string
	waits  bool // a latency with waiting in the batch on one side only: no ratio to rank by
}

// measure makes the lines: of each metric one a pair. A pair that neither side has figures for gets none.
func (v *Comparison) measure() {
	for _, p := range v.matching.Pairs {
		v.unlike = append(v.unlike, summary.Unlike(p.A, p.B))
	}
	for _, m := range v.metrics {
		for i, p := range v.matching.Pairs {
			l := comparisonLine{pair: i, metric: m, a: v.sides[0].Set.Estimate(p.A, m.Name), b: v.sides[1].Set.Estimate(p.B, m.Name)}
			if !l.a.Known() && !l.b.Known() {
				continue
			}
			l.ratio = summary.RatioAcross(v.sides[1].Set, p.B, v.sides[0].Set, p.A, m.Name)
			l.notes, l.waits = notesOf(p, m.Name), waitsApart(p, m.Name)
			if l.waits {
				l.notes = append(l.notes, "not to be ranked: a batch's latency includes waiting in the batch")
			}
			v.lines = append(v.lines, l)
		}
	}
}

// notesOf is what to say beside a ratio: why a side has no figure, and unusual launches.
// Each begins with its side.
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
	x, y := p.A.First().Run().Mode, p.B.First().Run().Mode
	latency := strings.HasPrefix(metric, "ttft_") || strings.HasPrefix(metric, "e2e_")
	return latency && x != y && (x == "batch" || y == "batch")
}

// simulated tells whether any figure is a simulator's.
func (v *Comparison) simulated() bool { return slices.ContainsFunc(v.matching.Pairs, pretended) }

// pretended tells whether a side of a pair is simulated.
func pretended(p summary.Pair) bool { return p.A.Simulated || p.B.Simulated }

// measured tells whether any pair is of real engines.
func (v *Comparison) measured() bool {
	return slices.ContainsFunc(v.matching.Pairs, func(p summary.Pair) bool { return !pretended(p) })
}

// geomean is the geometric mean of the known ratios of a metric that may be ranked by, nil for fewer than two. Simulated
// pairs have no part in it where any pair was measured.
// Of ratios the geometric one: A over B then says the same as B over A.
func (v *Comparison) geomean(metric string) (mean *float64, pairs int) {
	var ratios []float64
	// a simulated pair among measured ones must not move the mean
	measured := v.measured()
	for _, l := range v.lines {
		if l.metric.Name == metric && l.ratio.Known() && !l.waits && !(measured && pretended(v.matching.Pairs[l.pair])) {
			ratios = append(ratios, l.ratio.Median)
		}
	}
	if len(ratios) < 2 {
		return nil, len(ratios)
	}
	g := stats.Geomean(ratios)
	return &g, len(ratios)
}

// Records writes one record a pair and metric, then the means.
// Then the gates, and the cells that have no partner.
func (v *Comparison) Records(out *Printer) {
	out.Begin()
	for _, l := range v.lines {
		p := v.matching.Pairs[l.pair]
		out.Record(ndjson.Comparison{Pair: p.Name, Metric: l.metric.Name, Unit: l.metric.Unit, CellA: p.A.Name, CellB: p.B.Name, A: estimateRecord(l.a), B: estimateRecord(l.b),
			Ratio: estimateRecord(l.ratio.Estimate), P: l.ratio.P, Unlike: differences(v.unlike[l.pair]), Notes: ndjson.List(l.notes), Simulated: pretended(p)})
	}
	for _, m := range v.metrics {
		if mean, n := v.geomean(m.Name); mean != nil {
			out.Record(ndjson.Geomean{Metric: m.Name, Ratio: *mean, Pairs: n, Simulated: !v.measured()})
		}
	}
	for _, l := range v.gates {
		out.Record(ndjson.Gate{Pair: v.matching.Pairs[l.pair].Name, Metric: l.gate.Metric, Change: l.gate.Change, Ratio: estimateRecord(l.ratio.Estimate), Verdict: string(l.verdict)})
	}
	for i, alone := range [][]*summary.Cell{v.matching.OnlyA, v.matching.OnlyB} {
		for _, c := range alone {
			out.Record(ndjson.Unpaired{Side: "ab"[i : i+1], Cell: c.Name})
		}
	}
}

// estimateRecord is nil for what is not known.
func estimateRecord(e stats.Estimate) *ndjson.Estimate {
	if !e.Known() {
		return nil
	}
	return new(ndjson.Estimate(e))
}

// differences are [] where there is none.
func differences(list []summary.Difference) []ndjson.Difference {
	out := make([]ndjson.Difference, len(list))
	for i, d := range list {
		out[i] = ndjson.Difference(d)
	}
	return out
}
