package metrics

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Quantile is the q-quantile of sorted values by linear interpolation between the closest ranks (numpy's
// default). NaN when there are none.
func Quantile(sorted []float64, q float64) float64 {
	return interpolate(len(sorted), q, func(i int) float64 { return sorted[i] })
}

// interpolate is Quantile over n sorted values that need not lie in a slice: those of a weighted sample, or with failures as +∞
// behind them.
func interpolate(n int, q float64, at func(int) float64) float64 {
	if n == 0 {
		return math.NaN()
	}
	h := q * float64(n-1)
	i := int(math.Floor(h))
	low := at(i)
	if i+1 >= n || h == float64(i) {
		return low
	}
	high := at(i + 1)
	if math.IsInf(high, 1) {
		return high // low + Inf·fraction, without Inf − Inf
	}
	return low + (h-float64(i))*(high-low)
}

// weightedValue is a value that stands for weight equal ones.
type weightedValue struct {
	value  float64
	weight int64
}

// weightedQuantile is the quantile of the sample in which each value stands weight times.
func weightedQuantile(sorted []weightedValue, q float64) float64 {
	ends := make([]int64, len(sorted)) // how many stand up to and with i
	var total int64
	for i, w := range sorted {
		total += min(max(w.weight, 0), math.MaxInt64-total) // a count of another tool's may be anything
		ends[i] = total
	}
	return interpolate(int(total), q, func(rank int) float64 {
		i, _ := slices.BinarySearch(ends, int64(rank)+1)
		return sorted[min(i, len(sorted)-1)].value
	})
}

// weightedMean is Σ value·weight / Σ weight.
func weightedMean(values []weightedValue) float64 {
	var sum, n float64
	for _, w := range values {
		sum += w.value * float64(w.weight)
		n += float64(w.weight)
	}
	return sum / n
}

// mean adds in the order given: gonum's sum takes another on each kind of processor, and the last digit with it.
func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// SuccessBound is the one-sided 95% lower confidence bound of a success rate, 0 to 1 (Clopper–Pearson), as in
// success_rate_low95: the rate at which ok or more of those planned would be seen with probability 5%. More ok than
// planned are no rate (another tool may say so): they count as all.
func SuccessBound(ok, planned int64) float64 {
	if ok <= 0 || planned <= 0 {
		return 0
	}
	ok = min(ok, planned)
	return mathext.InvRegIncBeta(float64(ok), float64(planned-ok)+1, 0.05)
}
