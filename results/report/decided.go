package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"matrix/results/decision"
	"matrix/results/metrics"
	"matrix/results/report/document"
	"matrix/results/summary"
)

// decided is the decision table: a row a contender, the same figures as in the sentences.
// Every figure but the times is of the largest number of requests that was asked about: it is what a reader decides on,
// and smaller ones would make four tables of it.
func (m board) decided(g decision.Group) *Table {
	if len(g.Questions) == 0 || len(g.Questions[0].Standings) == 0 {
		return &Table{}
	}
	// the id must be the same at every run: links to it are kept
	title := titleOf(g.Name)
	last := g.Questions[len(g.Questions)-1]
	most := whole(float64(last.Requests))
	// A page narrow as a phone shows the short titles.
	t := &Table{ID: slug("decision", title), Sorts: true, Caption: title + ": what to decide on", Columns: []Column{{Title: "Platform"}}}
	if title == titleOf(m.Decision.Groups[0].Name) { // they hold of every table
		// A screen has the first alone, or the first two: what must be known to read a figure.
		t.Notes = []string{"≈ is PROJECTED, not measured. TTFT, TPOT and e2e are the p50, in seconds.", "Below a time: what 95% of single runs stay within.",
			"A projection assumes that the rate holds and that nothing fails at that size. Latencies are of the largest batch that was run, a failure counted as never; a batch load's are waiting in the batch, and are left out. A launch, one fresh start of the engine, is the sample: one launch has no interval."}
	}
	for _, q := range g.Questions {
		t.Columns = append(t.Columns, Column{Title: numbered(q), Short: "for " + whole(float64(q.Requests)), Unit: "time", Numeric: true})
	}
	t.Columns = append(t.Columns, Column{Title: "Cost", Unit: strings.TrimSpace(m.Decision.Currency + " for " + most), Numeric: true}, Column{Title: "Success", Unit: "pooled", Numeric: true},
		Column{Title: "Valid", Unit: "of the answers", Numeric: true},
		Column{Title: "TTFT", Unit: "s, p50", Numeric: true}, Column{Title: "TPOT", Unit: "s, p50", Numeric: true}, Column{Title: "e2e", Unit: "s, p50", Numeric: true}, Column{Title: "Goodput", Unit: "requests/s within slo", Numeric: true},
		Column{Title: "VRAM needed", Unit: "GiB", Numeric: true}, Column{Title: "Energy", Unit: "J per evaluation", Numeric: true}, Column{Title: "Requirements"})
	// One scale for all rows, so that the dots can be compared down the column.
	along := alongOf(last)
	for _, s := range last.Standings {
		// what kind of figures they are stands below its name
		row := Row{Out: s.Why, Values: []Value{{Text: s.Contender, Anchor: m.anchorOf(s.Sources), Detail: m.kindOf(s)}}}
		for i, q := range g.Questions {
			// Each question ranks anew: the same contender stands elsewhere in each.
			at := slices.IndexFunc(q.Standings, func(other decision.Standing) bool { return other.Contender == s.Contender })
			v := taking(q.Standings[at])
			if q.Standings[at].Rank == 0 {
				v.Tone = "warn"
			} else if ahead(q, q.Standings[at]) {
				v.Tone = "best"
			}
			// Of the largest number only: dots in every column would be read across.
			if st := q.Standings[at].Time; i == len(g.Questions)-1 && st != nil {
				low, high := ends(*st)
				v.Dot = &document.Dot{Low: along(low), At: along(st.Seconds), High: along(high)}
			}
			row.Values = append(row.Values, v)
		}
		row.Values = append(row.Values, costOf(s), successOf(s), given(s.Usable, percent))
		row.Values = append(row.Values, m.latencies(s)...)
		row.Values = append(row.Values, given(s.MemoryBytes, gib), given(s.EnergyEachJ, three), required(s))
		t.Rows = append(t.Rows, row)
	}
	// Nobody told a price, an slo or a schema: their columns would be dashes only.
	t.Drop()
	return t
}

// numbered is a question's number with what it counts.
func numbered(q decision.Question) string {
	return q.Asked()
}

// ends are those of a time's interval, and the time itself where it has none.
func ends(t decision.Time) (low, high float64) {
	if low, high := t.Interval(); low != nil {
		return *low, *high
	}
	return t.Seconds, t.Seconds
}

// alongOf is where on a row's line a time stands, 0 to 1: by ratio, from the shortest to the longest.
// Contenders differ by factors: evenly, all but the slowest would crowd at the left end.
func alongOf(q decision.Question) func(float64) float64 {
	low, high := math.Inf(1), 0.0
	for _, s := range q.Standings {
		if s.Time != nil {
			from, to := ends(*s.Time)
			low, high = min(low, from), max(high, to)
		}
	}
	return func(seconds float64) float64 {
		if high <= low || seconds <= 0 {
			return 0.5
		}
		return min(max(math.Log(seconds/low)/math.Log(high/low), 0), 1)
	}
}

// kindOf is what a reader must not overlook of a contender: of the largest batch behind it.
func (m board) kindOf(s decision.Standing) string {
	if c := m.largest(s); c != nil {
		return kindOf(c)
	}
	return ""
}

// largest is the largest batch behind a standing of which a launch came through; nil = none did.
// Figures that hold per size (latency, memory) are taken there: it is the nearest to what will be run.
func (m board) largest(s decision.Standing) *summary.Cell {
	var out *summary.Cell
	for _, from := range s.Sources {
		if c := m.cellAt(from.Cell); c != nil && len(c.Launches) > 0 && (out == nil || c.BatchSize > out.BatchSize) {
			out = c
		}
	}
	return out
}

// taking is the time for a number of requests: ≈ where it is projected, and what must be known of it below.
func taking(s decision.Standing) Value {
	t := s.Time
	if t == nil {
		return missing(s.Why)
	}
	v := Value{Text: "≈ " + decision.Span(t.Seconds), Order: &t.Seconds}
	if t.Measured {
		v.Text = decision.Span(t.Seconds)
	}
	v.Detail = "range not known"
	if !t.Assumed {
		v.Detail = decision.Range(t.Low, t.High)
	}
	if !t.LoadKnown {
		v.Detail = strings.TrimPrefix(v.Detail+", load left out", ", ")
	}
	return v
}

// ahead reports that a time is the best of its column: its lead is shown, and nobody else in takes less. Of two that tie, or
// must not be compared, neither is.
func ahead(q decision.Question, s decision.Standing) bool {
	shown := q.Verdict == decision.Winner || q.Verdict == decision.Hybrid
	return shown && s.Rank == 1 && !slices.ContainsFunc(q.Standings, func(o decision.Standing) bool {
		return o.Rank > 0 && o.Time != nil && s.Time != nil && o.Time.Seconds < s.Time.Seconds
	})
}

// given is a figure by which rows are sorted, or the dash of one that nobody told.
func given(v *float64, f writer) Value {
	out := figureOf(v, f, "not told")
	out.Order = v
	return out
}

// costOf is for the number that was asked about; per 1,000 below it, to be held against a price list.
func costOf(s decision.Standing) Value {
	if s.Time == nil {
		return given(nil, three)
	}
	v := given(s.Time.Cost, three)
	if s.Time.CostPer1000 != nil {
		v.Detail = three(*s.Time.CostPer1000) + " per 1,000"
	}
	return v
}

// successOf is pooled over launches, with the lower bound of what so many requests show: 100% of 20 is not 100% of
// 5,000.
func successOf(s decision.Standing) Value {
	if s.Planned == 0 && s.Imported {
		return missing(decision.Unrecorded)
	}
	if s.Planned == 0 {
		return missing("no request was measured")
	}
	share := float64(s.Answered) / float64(s.Planned)
	v := Value{Text: percent(share), Order: &share, Detail: atLeast(metrics.SuccessBound(s.Answered, s.Planned)) + " by " + whole(float64(s.Planned))}
	if s.Answered < s.Planned {
		v.Tone = "warn"
	}
	return v
}

// latencies are the percentiles of the largest batch, and its goodput.
// Goodput stands with them, for it is throughput counted by latency.
func (m board) latencies(s decision.Standing) []Value {
	c := m.largest(s)
	var out []Value
	for _, name := range []string{"ttft", "tpot", "e2e"} {
		out = append(out, m.percentiles(c, name))
	}
	v := missing("no slo was declared")
	if c != nil {
		if e := m.Set.Estimate(c, "goodput"); e.Known() {
			v = Value{Text: three(e.Median), Order: &e.Median}
		}
	}
	return append(out, v)
}

// percentiles are p50, and below it p99 where the requests are enough to show it.
// Failures count as never, else an engine that drops its slow requests would look fast.
func (m board) percentiles(c *summary.Cell, name string) Value {
	if c == nil {
		return missing("no launch completed")
	}
	if a := c.First(); name != "tpot" && a.Run().Mode == "batch" {
		return missing("a batch load: every request waits in the batch")
	}
	middle, tail := latencyOf(m.Set, c, name, "p50"), latencyOf(m.Set, c, name, "p99")
	if !middle.Known() {
		return missing(whyMissing(c, name+"_p50_adjusted_s"))
	}
	v := Value{Text: seconds(middle.Median), Order: &middle.Median, Detail: "p99\u00a0not shown"}
	if tail.Known() {
		v.Detail = "p99\u00a0" + seconds(tail.Median)
	}
	return v
}

// seconds is a latency; one that never came is so called.
func seconds(v float64) string {
	if math.IsInf(v, 1) {
		return "never"
	}
	return three(v)
}

// required are what was asked of a contender: met, unmet or not shown.
// Requirements that matrix makes by itself are silent while they are met: nobody asked, and nobody need read of them.
func required(s decision.Standing) Value {
	sign := map[string]string{decision.Met: "✓", decision.Unmet: "✗", decision.NotShown: "?"}
	var parts, notes []string
	v := Value{}
	for _, r := range s.Requirements {
		if r.Default && r.Status == decision.Met {
			continue // nobody asked
		}
		parts = append(parts, sign[r.Status]+" "+r.Metric)
		if r.Status != decision.Met {
			notes, v.Tone = append(notes, fmt.Sprintf("%s %s: %s", r.Metric, r.Status, r.Note)), "warn"
		}
	}
	v.Text, v.Detail = strings.Join(parts, ", "), strings.Join(notes, "; ")
	switch {
	// Out is out, by whichever requirement: the decision's own words say which.
	case s.Rank == 0:
		return Value{Text: "✗ out", Detail: s.Why, Tone: "warn"}
	case v.Text == "":
		return missing("nothing was required")
	}
	return v
}
