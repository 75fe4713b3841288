package metrics

import (
	"math"
	"testing"

	"matrix/results/record"
)

func near(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-9*math.Max(1, math.Abs(b)) }

func TestPercentileMinima(t *testing.T) {
	for _, p := range record.Percentiles {
		for _, n := range []int{p.Min - 1, p.Min} {
			s := newSummary()
			s.percentiles("ttft", n, func(q float64) float64 { return q })
			got := s.Metrics[record.PercentileOf("ttft", p)]
			if (got != nil) != (n == p.Min) {
				t.Errorf("%s of %d requests = %v", p.Name, n, got)
			}
		}
	}
}

func TestLowerBound(t *testing.T) {
	// Independently: bisection on the binomial tail.
	for _, c := range []struct {
		ok, n int64
		want  float64
	}{
		{100, 100, 0.9704869503929601}, {95, 100, 0.8977466223567254}, {9, 10, 0.6058366975634951},
		{199, 200, 0.9765015295650492}, {1, 2, 0.025320565519103607}, {0, 10, 0}, {0, 0, 0},
	} {
		if got := SuccessBound(c.ok, c.n); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d of %d: %v, want %v", c.ok, c.n, got, c.want)
		}
	}
}

func TestQuantiles(t *testing.T) {
	values := []float64{1, 2, 4, 8}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.9: 6.8, 1: 8} {
		if got := Quantile(values, q); !near(got, want) {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
	// 1 once, 2 three times, 10 once: ranks 1 2 2 2 10.
	w := []weightedValue{{1, 1}, {2, 3}, {10, 1}}
	for q, want := range map[float64]float64{0: 1, 0.25: 2, 0.75: 2, 0.9: 6.8, 1: 10} {
		if got := weightedQuantile(w, q); !near(got, want) {
			t.Errorf("weighted quantile %v = %v, want %v", q, got, want)
		}
	}
	if got := weightedMean(w); !near(got, 17.0/5) {
		t.Errorf("weighted mean = %v", got)
	}
}
