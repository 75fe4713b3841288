package report

import (
	"fmt"
	"math"

	"matrix/results/format"
	"matrix/results/stats"
)

// writer writes a figure in the unit that its column says.
type writer func(float64) string

// Short names, for they stand in every sentence here; package format has what they do.
func three(v float64) string { return format.Three(v) }

func whole(v float64) string { return format.Fixed(v, 0) }

func percent(v float64) string { return format.Percent(v) }

// atLeast is a lower bound: never rounded up, for 99.75% shown is not 99.8% shown.
func atLeast(v float64) string {
	if v < 0.9995 { // beyond, percent has more digits and cuts them off
		v = math.Floor(1000*v) / 1000
	}
	return "≥\u00a0" + percent(v)
}

// bytes as GiB, without the unit: that is the column's
func gib(v float64) string { return three(v / (1 << 30)) }

// interval says how sure an estimate is: "11.2–12.9, range of 3". A pooled one rests on an assumption, and says so.
func interval(e stats.Estimate, f writer) string {
	low, high := f(e.Low), f(e.High)
	switch {
	case e.N <= 1:
		return ""
	case low == high && f(e.Min) == f(e.Max):
		return fmt.Sprintf("all %d alike", e.N)
	case e.Method == stats.Pooled:
		return fmt.Sprintf("%s–%s, pooled 95%% of %d", low, high, e.N)
	case e.Sure():
		return fmt.Sprintf("%s–%s, 95%% of %d", low, high, e.N)
	}
	return fmt.Sprintf("%s–%s, range of %d", low, high, e.N)
}

func counted(n int, one string) string { return format.Count(n, one) }
