package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
	"matrix/results/table"
)

// gapsExact is the number of chunk gaps kept for exact percentiles (16 MiB); more go through a histogram.
const gapsExact = 2 << 20

// counts are the figures that need no time. A token count that no request told stays null: 0 would say that there were none.
func (s *summarizer) counts(t *tally, planned int64, imported bool) {
	for _, status := range record.RequestStatuses {
		s.setCount(record.RequestsEnded(status), t.statuses[status])
	}
	s.setCount(record.MetricRequestsPlanned, planned)
	s.setCount(record.MetricCutShort, t.ends.CutShort)
	s.setCount(record.MetricWithoutText, t.ends.WithoutText)
	if n := t.ends.WithoutText; n > 0 && !imported {
		s.warn(fmt.Sprintf("%d of %d ok answers have no text", n, t.ends.OK))
	}
	for column, metric := range map[string]string{record.ColInputTokens: record.MetricInputTokens, record.ColOutputTokens: record.MetricOutputTokens, record.ColCachedTokens: record.MetricCachedTokens,
		record.ColReasoningTokens: record.MetricReasoningTokens} {
		if n := t.tokens[column]; n != nil {
			s.setCount(metric, *n)
		}
	}
	if planned > 0 {
		ok := t.statuses[record.StatusOK]
		s.Set(record.MetricSuccessRate, float64(ok)/float64(planned))
		s.Set(record.MetricSuccessLow, SuccessBound(ok, planned))
	}
}

// rates are over D, the sum of the segments' windows: what was done between them, a restart of the engine, is nobody's
// throughput.
func (s *summarizer) rates(t *tally, run record.Run) {
	if run.LoadS != nil {
		s.Set(record.MetricLoad, *run.LoadS)
	}
	d := t.duration()
	if d <= 0 {
		for _, m := range []string{record.MetricDuration, record.MetricBatch, record.MetricRequestThroughput, record.MetricOutputThroughput, record.MetricTotalTokenThroughput} {
			s.Null(m, "no measured request completed")
		}
		return
	}
	s.Set(record.MetricDuration, d)
	s.Set(record.MetricRequestThroughput, float64(t.statuses[record.StatusOK])/d)
	if run.LoadS != nil {
		s.Set(record.MetricBatch, *run.LoadS+d)
	}
	out, in := t.tokens[record.ColOutputTokens], t.tokens[record.ColInputTokens]
	if out != nil {
		s.Set(record.MetricOutputThroughput, float64(*out)/d)
	}
	if out != nil && in != nil {
		s.Set(record.MetricTotalTokenThroughput, float64(*out+*in)/d)
	}
	if len(t.windows) > 1 {
		s.warn(fmt.Sprintf("measured in %d segments: each began with an empty engine, so the rates over their sum are a little low", len(t.windows)))
	}
}

// latencies fills the distributions; one buffer serves all of them.
func (s *summarizer) latencies(t *tally, run record.Run) error {
	failures := 0
	for status, n := range t.statuses {
		if !record.Answered(status) && record.Final(status) {
			failures += int(n)
		}
	}
	buf := make([]float64, 0, t.statuses[record.StatusOK])
	for _, l := range record.Latencies {
		plus := ""
		if l.Arrival && run.Mode == record.ModeOpen {
			plus = record.ColClientQueue
		}
		sorted, err := t.values(buf, l.Column, plus)
		if err != nil {
			return err
		}
		s.percentiles(l.Name, len(sorted), func(q float64) float64 { return Quantile(sorted, q) })
		if len(sorted) > 0 {
			s.Set(record.MeanOf(l.Name), mean(sorted))
		}
		if l.Adjusted {
			s.adjusted(l.Name, sorted, failures)
		}
	}
	s.pieced(t.events)
	return nil
}

// percentiles sets those that n requests are enough for, and says why for the others.
func (s *summarizer) percentiles(name string, n int, at func(q float64) float64) {
	for _, p := range record.Percentiles {
		column := record.PercentileOf(name, p)
		if n == 0 {
			continue // not measured at all: plain null
		}
		if n < p.Min {
			s.Null(column, tooFew(p, n))
			continue
		}
		s.Set(column, at(p.Q))
	}
}

// tooFew is the reason of a percentile that n requests do not tell.
func tooFew(p record.Percentile, n int) string {
	return fmt.Sprintf("%s needs %d requests, has %d", p.Name, p.Min, n)
}

// adjusted is the percentiles with each failure counted as +∞: a percentile may be infinite.
func (s *summarizer) adjusted(name string, sorted []float64, failures int) {
	n := len(sorted) + failures
	for _, p := range record.Percentiles {
		column := record.AdjustedOf(name, p)
		switch {
		case len(sorted) == 0:
		case n < p.Min:
			s.Null(column, tooFew(p, n))
		default:
			s.Set(column, interpolate(n, p.Q, func(i int) float64 {
				if i < len(sorted) {
					return sorted[i]
				}
				return math.Inf(1)
			}))
		}
	}
}

// weightedITL pools the time between tokens over tokens, not over requests: a request's TPOT counts n − 1 times, once for each
// gap that it is the mean of. GuideLLM reports it so; a long answer weighs more in it than in TPOT.
func (s *summarizer) weightedITL(t *tally) error {
	var values []weightedValue
	err := t.eachOK([]string{record.ColTPOT, record.ColOutputTokens}, func(b arrow.RecordBatch, i int) {
		tpot, n := table.In[*array.Float64](b, record.ColTPOT), table.In[*array.Int64](b, record.ColOutputTokens)
		if tpot.IsValid(i) && n.IsValid(i) && n.Value(i) > 1 {
			values = append(values, weightedValue{tpot.Value(i), n.Value(i) - 1})
		}
	})
	if err != nil || len(values) == 0 {
		return err
	}
	slices.SortFunc(values, func(a, b weightedValue) int { return cmp.Compare(a.value, b.value) })
	s.percentiles(record.DistITL, len(values), func(q float64) float64 { return weightedQuantile(values, q) })
	s.Set(record.MeanOf(record.DistITL), weightedMean(values))
	return nil
}

// chunkGaps pools the gaps of all ok requests. The minima count requests: gaps of one stream are not independent.
func (s *summarizer) chunkGaps(t *tally) error {
	var exact []float64
	var hist *hdrhistogram.Histogram
	requests, n, sum := 0, 0, 0.0
	err := t.eachOK([]string{record.ColChunkGaps}, func(b arrow.RecordBatch, i int) {
		l := table.In[*array.List](b, record.ColChunkGaps)
		if !l.IsValid(i) {
			return
		}
		requests++
		from, to := l.ValueOffsets(i)
		for _, gap := range l.ListValues().(*array.Float64).Float64Values()[from:to] {
			n, sum = n+1, sum+gap
			if hist == nil && len(exact) < gapsExact {
				exact = append(exact, gap)
				continue
			}
			if hist == nil {
				hist = hdrhistogram.New(1, int64(10*3600*1e9), 3)
				observe(hist, exact)
				exact = nil
			}
			observe(hist, []float64{gap})
		}
	})
	if err != nil || n == 0 {
		return err
	}
	s.Set(record.MeanOf(record.DistGap), sum/float64(n))
	if hist != nil {
		s.warn(fmt.Sprintf("chunk_gap percentiles from a histogram of %d gaps (within 0.1%%)", n))
		s.percentiles(record.DistGap, requests, func(q float64) float64 { return float64(hist.ValueAtQuantile(q*100)) / 1e9 })
		return nil
	}
	slices.Sort(exact)
	s.percentiles(record.DistGap, requests, func(q float64) float64 { return Quantile(exact, q) })
	return nil
}

// observe counts gaps in a histogram, in whole nanoseconds, 1 at least: it has no 0.
func observe(h *hdrhistogram.Histogram, seconds []float64) {
	for _, v := range seconds {
		// A gap beyond the range (10 h) counts as the range's end: no request lives that long.
		ns := min(max(int64(v*1e9), 1), h.HighestTrackableValue())
		if err := h.RecordValue(ns); err != nil {
			panic(err) // the value was clamped into range
		}
	}
}
