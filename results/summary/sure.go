package summary

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/metrics"
	"matrix/results/stats"
)

// Like are the cells whose launches vary as this cell's do: the same platform and model on the same hardware, whatever
// the batch size and settings, measured or simulated alike; the cell itself is among them. That their log throughputs
// vary alike is the assumption behind stats.Pooled.
func (s *Set) Like(c *Cell) []*Cell {
	var out []*Cell
	for _, other := range s.Cells {
		if other.Platform == c.Platform && other.Model == c.Model && other.Simulated == c.Simulated && other.Imported == c.Imported &&
			other.hardware() == c.hardware() {
			out = append(out, other)
		}
	}
	return out
}

// hardware is the hash of what it ran on, "" where nothing is known.
func (c *Cell) hardware() string {
	if a := c.First(); a != nil {
		return a.Identity.Components.Get("hardware").Hash
	}
	return ""
}

// Spread of a metric between the launches of cells like these.
// Cells that are like several of those given are pooled once.
func (s *Set) Spread(metric string, cells ...*Cell) stats.Spread {
	var pool []*Cell
	for _, c := range cells {
		for _, like := range s.Like(c) {
			if !slices.Contains(pool, like) {
				pool = append(pool, like)
			}
		}
	}
	values := make([][]float64, len(pool))
	for i, c := range pool {
		values[i] = c.Values(metric)
	}
	return stats.Pool(values...)
}

// Estimate is a metric over the cell's launches that count.
func (c *Cell) Estimate(metric string) stats.Estimate {
	return c.pooled(metric, stats.Of(c.Values(metric)))
}

// Estimate is a cell's metric with the best interval that the whole set allows.
// Of one launch, and of more than five, the cell's own values alone serve.
func (s *Set) Estimate(c *Cell, metric string) stats.Estimate {
	values := c.Values(metric)
	if len(values) < 2 || len(values) > 5 {
		return c.pooled(metric, stats.Of(values))
	}
	e := c.pooled(metric, stats.OfPooled(values, s.Spread(metric, c)))
	if shareOf(metric) {
		e.High = min(e.High, 1) // logarithms know no whole
	}
	return e
}

// shareOf reports that a metric is a share of a whole by its nature: no interval of it reaches beyond 1.
func shareOf(metric string) bool {
	return metric == "gpu_util_ratio" || metric == "success_rate" || metric == "kv_usage_peak_ratio"
}

// Success is how the requests of the launches that count came out, all together.
func (c *Cell) Success() (ok, planned int64) {
	for _, a := range c.Launches {
		ok, planned = ok+a.OK, planned+a.Planned
	}
	return ok, planned
}

// Answered is how many requests an answer came to in the launches that count, all together.
func (c *Cell) Answered() (answered, planned int64) {
	for _, a := range c.Launches {
		answered, planned = answered+a.Answered(), planned+a.Planned
	}
	return answered, planned
}

// Endings is Answered without the launches of which nobody recorded how requests ended.
func (c *Cell) Endings() (answered, planned int64) {
	for _, a := range c.Launches {
		ok, all := a.Endings()
		answered, planned = answered+ok, planned+all
	}
	return answered, planned
}

// pooled puts the rate over all requests where a median of launches would hide a failure: 2,999 of 3,000 is not 100%.
func (c *Cell) pooled(metric string, e stats.Estimate) stats.Estimate {
	ok, planned := c.Success()
	if !e.Known() || planned == 0 {
		return e
	}
	switch metric {
	case "success_rate":
		e.Median = float64(ok) / float64(planned)
	case "success_rate_low95":
		e.Median = metrics.SuccessBound(ok, planned)
		e.Low, e.High = e.Median, e.Median
	default:
		return e
	}
	e.Low, e.High = min(e.Low, e.Median), max(e.High, e.Median)
	return e
}

// Ratio is a's metric over b's. Both are cells of the set; RatioAcross takes two sets.
func (s *Set) Ratio(a, b *Cell, metric string) stats.Ratio { return RatioAcross(s, a, s, b, metric) }

// RatioAcross is Ratio for cells of two trees: each side's spread comes from its own.
func RatioAcross(sa *Set, a *Cell, sb *Set, b *Cell, metric string) stats.Ratio {
	spread := sa.Spread(metric, a, b)
	if sa != sb {
		spread = spread.And(sb.Spread(metric, a, b))
	}
	r := stats.RatioOf(a.Values(metric), b.Values(metric), spread)
	if x, y := a.Estimate(metric), b.Estimate(metric); metric == "success_rate" && r.Known() && y.Median > 0 {
		r.Median = x.Median / y.Median
		r.Low, r.High = min(r.Low, r.Median), max(r.High, r.Median)
	}
	return r
}

// Odd is a launch whose figure lies far from the others'. It counts like them.
type Odd struct {
	Attempt       *Attempt
	Value, Median float64 // of the launch, and of all the cell's
}

// Unusual names the launches whose metric lies far from the cell's others.
func (c *Cell) Unusual(metric string) []Odd {
	var with []*Attempt
	for _, a := range c.Launches {
		if a.Number(metric) != nil {
			with = append(with, a)
		}
	}
	values := c.Values(metric)
	var out []Odd
	for _, i := range stats.Unusual(values) {
		out = append(out, Odd{Attempt: with[i], Value: values[i], Median: stats.Median(values)})
	}
	return out
}

// Notes are what to say beside a metric of the cell: why launches have none, which are unusual, and that it was
// measured in segments or beside other programs.
func (c *Cell) Notes(metric string) []string {
	var out []string
	add := func(text string) {
		if text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for _, a := range c.Launches {
		add(a.Why(metric))
	}
	if perTime(metric) {
		add(c.InSegments())
	}
	if perTime(metric) || strings.HasSuffix(metric, "_s") {
		add(c.Disturbed())
	}
	for _, o := range c.Unusual(metric) {
		add(fmt.Sprintf("launch %d is unusual: %.4g against a median of %.4g", o.Attempt.Launch, o.Value, o.Median))
	}
	return out
}

// perTime tells the metrics that a measurement in segments changes: rates, and the durations behind them.
func perTime(metric string) bool {
	return strings.HasSuffix(metric, "_throughput") || metric == "goodput" || metric == "duration_s" || metric == "batch_s"
}

// Warnings of the launches that count, each once.
func (c *Cell) Warnings() []string {
	var out []string
	for _, a := range c.Launches {
		for _, w := range a.Warnings() {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}
