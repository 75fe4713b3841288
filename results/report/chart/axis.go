package chart

import (
	"math"
	"strconv"
)

// Axis is one direction of a plot.
// Its zero value is a linear axis that fits the data.
type Axis struct {
	Label  string               // with the unit: "output tokens/s"
	Log    bool                 // logarithmic: values at or below 0 do not count for its ends
	Zero   bool                 // the scale begins at 0
	Ticks  []float64            // nil = chosen
	Max    *float64             // nil = from the data
	Format func(float64) string // of a tick; nil = Short
}

// scale maps values to positions.
type scale struct {
	lo, hi, from, to float64 // the ends in values, and where these lie; from > to turns it round, as y needs
	log              bool
}

// at goes beyond its ends for values beyond them; a logarithm is held a decade below its lowest.
func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		v, lo, hi = math.Log10(max(v, s.lo/10)), math.Log10(lo), math.Log10(hi)
	}
	return s.from + (v-lo)/(hi-lo)*(s.to-s.from)
}

// fit chooses the ends of an axis and its ticks from the values that it must show.
// Infinite and missing values take no part: one failure counted as never would press all others into a corner. Without
// any value it is 0 to 1, or 1 to 10.
func (a Axis) fit(values []float64, from, to float64) (scale, []float64) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) || a.Log && v <= 0 {
			continue
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	if lo > hi {
		lo, hi = 0, 1
		if a.Log {
			lo, hi = 1, 10
		}
	}
	if a.Max != nil {
		hi = *a.Max
	}
	if a.Log {
		return a.fitLog(lo, hi, from, to)
	}
	if a.Zero {
		lo = min(lo, 0)
	}
	// All values alike: some room, or the scale would divide by 0.
	if hi-lo < 1e-12*max(1, math.Abs(hi)) {
		hi = lo + max(math.Abs(lo)*0.1, 1e-9)
		if a.Zero && lo == 0 {
			hi = 1
		}
	}
	// about four ticks: more do not fit on a phone
	step := NiceStep((hi - lo) / 4)
	first := math.Floor(lo/step+1e-9) * step
	last := math.Ceil(hi/step-1e-9) * step
	// and no tick beyond it
	if a.Max != nil {
		last = hi
	}
	var ticks []float64
	for i := 0; first+float64(i)*step <= last+step*1e-6; i++ {
		ticks = append(ticks, first+float64(i)*step)
	}
	return scale{first, last, from, to, false}, ticks
}

// fitLog keeps given ticks where they are: batch sizes are the only places on their axis that mean anything.
func (a Axis) fitLog(lo, hi, from, to float64) (scale, []float64) {
	ticks := a.Ticks
	if ticks == nil {
		ticks = logTicks(lo, hi)
	}
	lo, hi = min(lo, ticks[0]), max(hi, ticks[len(ticks)-1])
	// one value alone stands in the middle
	if hi/lo < 1.2 {
		lo, hi = lo/2, hi*2
	} else if a.Ticks != nil { // room beside the outermost points
		pad := math.Pow(hi/lo, 0.06)
		lo, hi = lo/pad, hi*pad
	}
	return scale{lo, hi, from, to, true}, ticks
}

// logTicks are powers of ten around the range, with 2 and 5 between where the range is short.
// They are never fewer than two, and lie at or beyond both ends.
func logTicks(lo, hi float64) []float64 {
	steps := []float64{1, 2, 5}
	if math.Log10(hi/lo) > 2.5 {
		steps = []float64{1}
	}
	var all []float64
	for e := math.Floor(math.Log10(lo)) - 1; e <= math.Ceil(math.Log10(hi))+1; e++ {
		for _, s := range steps {
			all = append(all, s*math.Pow(10, e))
		}
	}
	first, last := 0, len(all)-1
	for first+1 < len(all) && all[first+1] <= lo*(1+1e-9) {
		first++
	}
	for last > first+1 && all[last-1] >= hi*(1-1e-9) {
		last--
	}
	return all[first : last+1]
}

// NiceStep is the smallest of 1, 2, 5 × 10^k that is not below a raw step.
// raw must be above 0.
func NiceStep(raw float64) float64 {
	// the rounding lets 2.0000001 pass for 2
	base := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*base >= raw*(1-1e-9) {
			return m * base
		}
	}
	return 10 * base
}

func (a Axis) label(v float64) string {
	if a.Format != nil {
		return a.Format(v)
	}
	return Short(v)
}

// Short writes a number for an axis: 0.25, 12, 5,000, 50k, 2M.
// 1,234.5 stays 1234.5: only whole thousands get their comma.
func Short(v float64) string {
	abs := math.Abs(v)
	switch {
	case abs >= 1e6:
		return trim(v/1e6) + "M"
	case abs >= 1e4:
		return trim(v/1e3) + "k"
	case abs >= 1e3 && v == math.Trunc(v):
		n := strconv.FormatFloat(v, 'f', 0, 64)
		return n[:len(n)-3] + "," + n[len(n)-3:]
	}
	return trim(v)
}

func trim(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
