// Package stats says how sure a figure is. The launch is the sample: requests within one launch are not independent
// of each other, so nothing here is computed over requests.
package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Methods by which an interval was found; the report prints them beside it.
const (
	OneLaunch = "one launch"      // no interval: one number says nothing of its spread
	Range     = "range"           // smallest to largest of 2 to 5 launches: not a confidence interval
	Pooled    = "pooled variance" // between-launch variance of log throughput over like cells, an assumption
	Ranks     = "order statistic" // distribution-free interval of the median, 6 launches or more
	Bootstrap = "bootstrap"       // percentile bootstrap of the ratio of medians, 6 launches or more on both sides
)

// Level is the confidence that intervals are made for; one from order statistics has at least that.
const Level = 0.95

// enough is the fewest launches whose order statistics enclose the median with Level: 1 − 2/2⁶ = 0.969.
const enough = 6

// Estimate is one metric of one cell over its launches.
type Estimate struct {
	N         int     // launches with a value; 0 = unknown, and nothing else holds
	Median    float64 // in the metric's unit
	Low, High float64 // of the interval; both equal Median for one launch
	Min, Max  float64 // smallest and largest launch, whatever the interval
	Method    string
	Level     float64 // confidence of the interval, 0–1; 0 where it is none (one launch, a range)
}

// Known reports whether there is any value.
func (e Estimate) Known() bool { return e.N > 0 }

// Sure reports whether Low and High are a confidence interval.
func (e Estimate) Sure() bool { return e.Level > 0 }

// Of estimates a metric from its values, one a launch: from 6 launches on with the distribution-free interval of the
// median, below with the range.
func Of(values []float64) Estimate {
	if len(values) == 0 {
		return Estimate{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	e := Estimate{N: n, Median: medianOf(sorted), Min: sorted[0], Max: sorted[n-1], Method: Range}
	e.Low, e.High = e.Min, e.Max
	switch {
	case n == 1:
		e.Method = OneLaunch
	case n >= enough:
		k, level := medianRank(n)
		e.Low, e.High, e.Level, e.Method = sorted[k-1], sorted[n-k], level, Ranks
	}
	return e
}

// medianRank is the largest k for which the k-th smallest and k-th largest of n values enclose the median with a
// confidence of at least Level, and that confidence: 1 − 2·P(Binomial(n, ½) < k). n is at least 6.
func medianRank(n int) (k int, level float64) {
	half := distuv.Binomial{N: float64(n), P: 0.5}
	for level = 1; ; k++ {
		next := 1 - 2*half.CDF(float64(k))
		if next < Level {
			return k, level
		}
		level = next
	}
}

// OfPooled is Of, but 2 to 5 launches get an interval from the variance between the launches of like cells. Values that
// have no logarithm keep their range.
func OfPooled(values []float64, spread Spread) Estimate {
	e := Of(values)
	if e.Method != Range || e.Min <= 0 || !spread.Known() {
		return e
	}
	half := spread.margin(1 / float64(e.N))
	mean := MeanLog(values)
	e.Low, e.High = around(e.Median, mean, half)
	e.Method, e.Level = Pooled, Level
	return e
}

// around is exp(mean ± half), widened where needed to hold the point that is printed.
func around(point, mean, half float64) (low, high float64) {
	return min(point, math.Exp(mean-half)), max(point, math.Exp(mean+half))
}

// Median is the middle value, or the mean of the two middle ones; NaN of nothing. The slice is left as it is.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return medianOf(slices.Sorted(slices.Values(values)))
}

func medianOf(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// NeededToShow is how many requests without a failure it takes until the one-sided 95% bound of the success rate
// reaches a rate in (0, 1): 2,995 for 0.999.
func NeededToShow(rate float64) int {
	return int(math.Ceil(math.Log(1-Level) / math.Log(rate)))
}
