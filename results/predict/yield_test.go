package predict

import (
	"math"
	"math/rand/v2"
	"testing"

	"matrix/results/stats"
)

// TestYield: where half of the answers can be used, twice as many are asked for; where none can, nothing is ever done.
func TestYield(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s := server{slots: 16, answerS: 4, vary: 0.2, noise: 0.02}
	launches := []Launch{s.launch(r, 1000), s.launch(r, 1000), s.launch(r, 1000)}
	share := func(v float64) *float64 { return &v }
	model := New([]Series{{Launches: launches}, {Launches: launches, Yield: share(1)}, {Launches: launches, Yield: share(0.5)}, {Launches: launches, Yield: share(0)}}, nil)
	for _, n := range []int64{1000, 50_000} {
		all, _ := model.Finish(0, n)
		same, _ := model.Finish(1, n)
		half, ok := model.Finish(2, n)
		if all != same || !ok || math.Abs(half.RunS/all.RunS-2) > 1e-9 || half.Measured != all.Measured {
			t.Errorf("%d: all %+v, half %+v", n, all, half)
		}
		if _, ok := model.Finish(3, n); ok {
			t.Errorf("%d: none can be used, and yet it is done", n)
		}
		if ratio, ok := model.Ratio(2, 0, n, stats.Level); !ok || math.Abs(ratio.Ratio-2) > 1e-9 {
			t.Errorf("%d: ratio %+v", n, ratio)
		}
	}
}
