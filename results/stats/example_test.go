package stats_test

import (
	"fmt"

	"matrix/results/stats"
)

// Three launches of each of two platforms, in tokens a second. Three launches have no interval of their own: it comes from
// the spread between launches of all cells that are alike, which is an assumption and is told as one.
func Example() {
	offline, served := []float64{5120, 5040, 5210}, []float64{4380, 4290, 4450}
	spread := stats.Pool(offline, served)

	e := stats.OfPooled(offline, spread)
	fmt.Printf("%.0f (%.0f–%.0f), %s, %d launches\n", e.Median, e.Low, e.High, e.Method, e.N)

	r := stats.RatioOf(offline, served, spread)
	fmt.Printf("%.2f times (%.2f–%.2f)\n", r.Median, r.Low, r.High)
	// Output:
	// 5120 (4981–5269), pooled variance, 3 launches
	// 1.17 times (1.13–1.22)
}

// One launch says nothing of its spread, and is never told with an interval.
func ExampleOf() {
	e := stats.Of([]float64{5120})
	fmt.Println(e.Method, e.Sure())
	// Output: one launch false
}

// 49,999 of 50,000 is no 100%.
func ExamplePercent() {
	fmt.Println(stats.Percent(0.5), stats.Percent(49_999.0/50_000))
	fmt.Println(stats.NeededToShow(0.999), "requests without a failure show 99.9%")
	// Output:
	// 50% 99.998%
	// 2995 requests without a failure show 99.9%
}
