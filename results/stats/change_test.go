package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestChangeFound: what `matrix compare --before` rests on. Of two equal versions whose launches vary by 2% at most 5% of
// 1,000 comparisons may show a change; a slowdown of 5% is to be found in 95% of them, with six launches a side.
func TestChangeFound(t *testing.T) {
	if testing.Short() {
		t.Skip("3,000 bootstraps") // the layer test runs it; under -race it takes minutes
	}
	const runs, launches, noise = 1000, 6, 0.02
	random := rand.New(rand.NewPCG(7, 11))
	launchesOf := func(scale float64) []float64 {
		out := make([]float64, launches)
		for i := range out {
			out[i] = scale * math.Exp(random.NormFloat64()*noise)
		}
		return out
	}
	count := func(scale float64) (slower, faster int) {
		for range runs {
			switch r := RatioOf(launchesOf(100*scale), launchesOf(100), Spread{}); {
			case r.High < 1:
				slower++
			case r.Low > 1:
				faster++
			}
		}
		return slower, faster
	}
	t.Log("after / before   shown slower   shown faster   of 1000")
	for _, x := range []struct {
		scale      float64
		least      int // comparisons that show it slower
		most, fast int // at most so many slower, faster
	}{{1, 0, 50, 50}, {0.95, 950, runs, 0}, {0.9, 995, runs, 0}} {
		slower, faster := count(x.scale)
		t.Logf("%14g %14d %14d", x.scale, slower, faster)
		if x.scale == 1 && slower+faster > 50 {
			t.Errorf("%d of %d equal versions differ", slower+faster, runs)
		}
		if slower < x.least || slower > x.most || faster > x.fast {
			t.Errorf("at %g: %d slower, %d faster; want at least %d slower and at most %d faster", x.scale, slower, faster, x.least, x.fast)
		}
	}
}
