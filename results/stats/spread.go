package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Spread is the variance between launches of a metric's logarithm, pooled over cells that are alike: the assumption by
// which a few launches get an interval at all.
type Spread struct {
	Variance float64 // of ln x between launches of one cell
	Freedom  int     // Σ (n − 1) over the cells; 0 = unknown
	Cells    int     // with 2 launches or more
}

// Known reports whether any cell had two launches.
func (s Spread) Known() bool { return s.Freedom > 0 }

// Pool finds the spread from the values of like cells, one slice a cell: Σ (ln x − mean)² / Σ (n − 1). Cells of fewer
// than two launches, or with a value that has no logarithm, tell nothing.
func Pool(cells ...[]float64) Spread {
	var s Spread
	sum := 0.0
	for _, values := range cells {
		if len(values) < 2 || !positive(values) {
			continue
		}
		mean := MeanLog(values)
		for _, v := range values {
			d := math.Log(v) - mean
			sum += d * d
		}
		s.Freedom += len(values) - 1
		s.Cells++
	}
	if s.Known() {
		s.Variance = sum / float64(s.Freedom)
	}
	return s
}

// margin is half the width of an interval at Level, in logarithms, of a mean whose variance is times the spread's.
func (s Spread) margin(times float64) float64 {
	return Student(float64(s.Freedom), Level) * math.Sqrt(s.Variance*times)
}

// Student is t of a two-sided interval at a confidence, 0 to 1.
func Student(freedom, level float64) float64 {
	q := (1 + level) / 2
	if freedom > 1e4 { // normal, and beyond what the quantile below bears
		return distuv.UnitNormal.Quantile(q)
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: max(1, freedom)}.Quantile(q)
}

func positive(values []float64) bool {
	for _, v := range values {
		if !(v > 0) || math.IsInf(v, 1) {
			return false
		}
	}
	return true
}

// MeanLog is the mean of ln x, of values above zero.
func MeanLog(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return sum / float64(len(values))
}

// And pools two spreads that were found apart.
func (s Spread) And(t Spread) Spread {
	both := Spread{Freedom: s.Freedom + t.Freedom, Cells: s.Cells + t.Cells}
	if both.Known() {
		both.Variance = (s.Variance*float64(s.Freedom) + t.Variance*float64(t.Freedom)) / float64(both.Freedom)
	}
	return both
}
