package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Ratio is one cell's metric over another's.
type Ratio struct {
	Estimate          // of a/b: medians, N is the smaller number of launches
	P        *float64 // two-sided Mann–Whitney over the launches; nil below 4 against 4
}

// Bounds of ratios.
const (
	resamples = 10_000
	seed      = 1 // fixed, so the same tree always tells the same interval
)

// RatioOf compares the launches of two cells, a over b: from 6 against 6 on by bootstrap, below by the spread of like
// cells, and without one by the range. It is unknown where either median is not above zero.
func RatioOf(a, b []float64, spread Spread) Ratio {
	r := Ratio{P: mannWhitney(a, b)}
	ma, mb := Median(a), Median(b)
	if !(ma > 0) || !(mb > 0) || math.IsInf(ma, 1) || math.IsInf(mb, 1) {
		return r
	}
	r.N, r.Median = min(len(a), len(b)), ma/mb
	r.Min, r.Max = slices.Min(a)/slices.Max(b), slices.Max(a)/slices.Min(b)
	r.Low, r.High, r.Method = r.Min, r.Max, Range
	switch {
	case r.N == 1:
		r.Low, r.High, r.Method = r.Median, r.Median, OneLaunch
	case r.N >= enough:
		r.Low, r.High = bootstrap(a, b)
		r.Method, r.Level = Bootstrap, Level
	case spread.Known() && positive(a) && positive(b):
		half := spread.margin(1/float64(len(a)) + 1/float64(len(b)))
		r.Low, r.High = around(r.Median, MeanLog(a)-MeanLog(b), half)
		r.Method, r.Level = Pooled, Level
	}
	return r
}

// bootstrap is the percentile interval of the ratio of medians.
func bootstrap(a, b []float64) (low, high float64) {
	random := rand.New(rand.NewPCG(seed, seed))
	ratios := make([]float64, resamples)
	drawn := make([]float64, max(len(a), len(b)))
	for i := range ratios {
		over := medianDrawn(random, a, drawn)
		ratios[i] = over / medianDrawn(random, b, drawn)
	}
	slices.Sort(ratios)
	tail := int(resamples * (1 - Level) / 2)
	return ratios[tail], ratios[resamples-1-tail]
}

// medianDrawn is the median of as many values drawn with replacement; drawn has room for them.
func medianDrawn(random *rand.Rand, values, drawn []float64) float64 {
	drawn = drawn[:len(values)]
	for i := range drawn {
		drawn[i] = values[random.IntN(len(values))]
	}
	slices.Sort(drawn)
	return medianOf(drawn)
}

// Geomean is the geometric mean of positive numbers; NaN of nothing.
func Geomean(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return math.Exp(MeanLog(values))
}
