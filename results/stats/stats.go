// Package stats says how sure a figure is. The launch is the sample: requests within one launch are not independent
// of each other, so nothing here is computed over requests.
package stats

import (
	"math"
	"slices"
)

// Methods by which an interval was found; the report prints them beside it.
const (
	OneLaunch = "one launch"      // no interval: one number says nothing of its spread
	Range     = "range"           // smallest to largest of 2 to 5 launches: not a confidence interval
	Pooled    = "pooled variance" // between-launch variance of log throughput over like cells, an assumption
	Ranks     = "order statistic" // distribution-free interval of the median, 6 launches or more
	Bootstrap = "bootstrap"       // percentile bootstrap of the ratio of medians, 6 launches or more on both sides
)

// Estimate is one metric of one cell over its launches.
type Estimate struct {
	N         int     // launches with a value; 0 = unknown, and nothing else holds
	Median    float64 // in the metric's unit
	Low, High float64 // of the interval; both equal Median for one launch
	Method    string
	Level     float64 // confidence of the interval, 0–1; 0 where it is none (one launch, a range)
}

// Known reports whether there is any value.
func (e Estimate) Known() bool { return e.N > 0 }

// Of estimates a metric from its values, one a launch.
func Of(values []float64) Estimate {
	if len(values) == 0 {
		return Estimate{}
	}
	e := Estimate{N: len(values), Median: Median(values), Method: Range}
	e.Low, e.High = slices.Min(values), slices.Max(values)
	if e.N == 1 {
		e.Method = OneLaunch
	}
	return e
}

// Median is the middle value, or the mean of the two middle ones; NaN of nothing. The slice is left as it is.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Ratio is one cell's metric over another's.
type Ratio struct {
	Estimate          // of a/b: medians, N is the smaller number of launches
	P        *float64 // two-sided Mann–Whitney over the launches; nil below 4 against 4
}
