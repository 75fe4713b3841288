package metrics

import (
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
	"matrix/results/table"
)

// The steady window begins when a tenth of the requests is done and lasts for as long as the engine stays as full as it
// was. What counts is what was generated within it, not what completed there: where a batch is two waves, half of the
// tokens of those completing were generated before.
const (
	steadyMin   = 100  // fewest ok requests that have a steady window
	steadyBegin = 0.10 // quantile of completion times
	steadyLast  = 0.99 // quantile of starts by which all had begun; the last ones may be retries
	steadyFull  = 0.75 // of the usual number under way, in the window's first part: below, a last wave is not full
	steadyEnds  = 0.90 // of that part's mean number under way
	steadyGrid  = 1000 // looks at how many are under way
)

// flow is when an ok request was generated and when it held a place in the engine, in seconds; equal ends are a point.
type flow struct {
	from, to, holds, leaves, done float64
	tokens                        float64
	told                          bool
}

// steady is the rate of the window in which the engine is full.
func (s *summarizer) steady(t *tally, run record.Run) error {
	flows, err := t.flows(run.Mode)
	if err != nil {
		return err
	}
	why := ""
	if ok := t.statuses[record.StatusOK]; ok < steadyMin || len(flows) < steadyMin {
		why = fmt.Sprintf("needs %d ok requests, has %d", steadyMin, ok)
	} else if len(t.windows) > 1 {
		why = "measured in more than one segment"
	} else if run.Mode == record.ModeBatch && 10*t.events.single > ok {
		why = "the answers of the batch came in one piece each: when they were generated is not known"
	}
	var from, to float64
	if why == "" {
		from, to, why = steadyWindow(flows, run.Mode == record.ModeOpen)
	}
	if why != "" {
		for _, m := range []string{record.MetricSteadyRequests, record.MetricSteadyOutput, record.MetricSteadySpan} {
			s.Null(m, why)
		}
		return nil
	}
	s.steadyRates(flows, from, to)
	return nil
}

// flows reads the ok requests. In a batch all are sent at once, so a place in the engine is held from the first token on;
// else from the sending.
func (t *tally) flows(mode string) ([]flow, error) {
	var out []flow
	names := []string{record.ColSent, record.ColFirstToken, record.ColLastToken, record.ColDone, record.ColOutputTokens}
	err := t.eachOK(names, func(b arrow.RecordBatch, i int) {
		at := func(name string) (float64, bool) {
			c := table.In[*array.Float64](b, name)
			return c.Value(i), c.IsValid(i)
		}
		done, ended := at(record.ColDone)
		if !ended {
			return
		}
		f := flow{from: done, to: done, holds: done, leaves: done, done: done}
		first, began := at(record.ColFirstToken)
		last, spoke := at(record.ColLastToken)
		if streamed := began && spoke && last > first; streamed {
			f.from, f.to, f.holds, f.leaves = first, last, first, last
		}
		if sent, ok := at(record.ColSent); ok && mode != record.ModeBatch {
			f.holds, f.leaves = sent, done
			if f.from == f.to {
				f.from, f.to = sent, done
			}
		}
		if n := table.In[*array.Int64](b, record.ColOutputTokens); n.IsValid(i) {
			f.tokens, f.told = float64(n.Value(i)), true
		}
		out = append(out, f)
	})
	return out, err
}

// steadyWindow finds the window; why says that there is none.
func steadyWindow(flows []flow, open bool) (from, to float64, why string) {
	column := func(of func(flow) float64) []float64 {
		out := make([]float64, len(flows))
		for i, f := range flows {
			out[i] = of(f)
		}
		slices.Sort(out)
		return out
	}
	starts, leaves := column(func(f flow) float64 { return f.holds }), column(func(f flow) float64 { return f.leaves })
	answer := Quantile(column(func(f flow) float64 { return f.to - f.from }), 0.5)
	from, begun := Quantile(column(func(f flow) float64 { return f.done }), steadyBegin), Quantile(starts, steadyLast)
	to = begun
	if answer > 0 && !open {
		level, full := fullness(starts, leaves, from, max(begun, from+answer))
		if level < steadyFull*full {
			return 0, 0, "the batch fits in one wave, or the last wave is not full"
		}
		to = lastAbove(starts, leaves, steadyEnds*level)
	}
	switch {
	case to <= from:
		return 0, 0, "the batch fits in one wave: every request had begun before a tenth was done"
	case to-from < answer/2:
		return 0, 0, "the engine was full for less than half an answer's time"
	}
	return from, to, ""
}

// under is how many hold a place at x; both lists are sorted.
func under(starts, leaves []float64, x float64) float64 {
	after := math.Nextafter(x, math.Inf(1))
	begun, _ := slices.BinarySearch(starts, after)
	gone, _ := slices.BinarySearch(leaves, after)
	return float64(begun - gone)
}

// fullness is the mean number under way between two times, and the usual one (the 90th percentile over time) up to the
// second.
func fullness(starts, leaves []float64, from, to float64) (level, usual float64) {
	var all []float64
	n := 0.0
	for k := range steadyGrid {
		x := starts[0] + (to-starts[0])*(float64(k)+0.5)/steadyGrid
		now := under(starts, leaves, x)
		all = append(all, now)
		if x >= from {
			level, n = level+now, n+1
		}
	}
	slices.Sort(all)
	return level / max(n, 1), Quantile(all, 0.9)
}

// lastAbove is the last time at which so many were under way.
func lastAbove(starts, leaves []float64, level float64) float64 {
	first, end := starts[0], leaves[len(leaves)-1]
	for k := steadyGrid; k > 0; k-- {
		if x := first + (end-first)*(float64(k)-0.5)/steadyGrid; under(starts, leaves, x) >= level {
			return x
		}
	}
	return first
}

// steadyRates counts of each answer the share of its time that lies in the window; one that came in one piece counts whole where
// it ended.
func (s *summarizer) steadyRates(flows []flow, from, to float64) {
	var requests, tokens float64
	told := false
	for _, f := range flows {
		share := 0.0
		switch {
		case f.to > f.from:
			share = max(0, min(f.to, to)-max(f.from, from)) / (f.to - f.from)
		case f.done > from && f.done <= to:
			share = 1
		}
		requests, tokens, told = requests+share, tokens+share*f.tokens, told || f.told
	}
	s.Set(record.MetricSteadySpan, to-from)
	s.Set(record.MetricSteadyRequests, requests/(to-from))
	if told {
		s.Set(record.MetricSteadyOutput, tokens/(to-from))
	}
}
