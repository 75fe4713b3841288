package stats

import (
	"math"
	"slices"
)

// Unusual values: at least so many launches are needed to tell, and so far from the median is unusual (Iglewicz and
// Hoaglin: 0.6745·|x − median| / MAD > 3.5).
const (
	fewestUsual = 5
	unusualFrom = 3.5
)

// Unusual gives the places of the values that lie far from the others. They are named, never removed: a slow launch is
// a finding.
func Unusual(values []float64) []int {
	if len(values) < fewestUsual {
		return nil
	}
	median := Median(values)
	away := make([]float64, len(values))
	for i, v := range values {
		away[i] = math.Abs(v - median)
	}
	unit := Median(away) / 0.6745 // MAD as a standard deviation
	if unit == 0 {                // half of them are equal: the mean deviation in its place
		unit = sum(away) / float64(len(away)) * math.Sqrt(math.Pi/2)
	}
	var out []int
	for i := range values {
		if away[i] > unusualFrom*unit {
			out = append(out, i)
		}
	}
	return slices.Clip(out)
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}
