package predict

import (
	"math"
	"math/rand/v2"
	"testing"

	"matrix/results/stats"
)

// noisy is launches of a platform whose D and L are log-normal.
func noisy(r *rand.Rand, key string, rate, sigma float64, sizes []int64, launches int) (Series, []Start) {
	s := Series{Start: key, Kin: key, Pool: key}
	var starts []Start
	for range launches {
		for _, n := range sizes {
			by := math.Exp(sigma * r.NormFloat64())
			curve := Curve{RatePerS: rate / by, Waves: float64(n) / 64, AnswerS: by * 64 / rate}
			s.Launches = append(s.Launches, Launch{Requests: n, DurationS: (2 + float64(n)/rate) * by, Curve: curve})
			starts = append(starts, Start{Key: key, Kin: key, LoadS: new(40 * math.Exp(sigma*r.NormFloat64()))})
		}
	}
	return s, starts
}

// excludes1 reports that the interval shows a difference.
func (r Ratio) excludes1() bool { return r.Low > 1 || r.High < 1 }

// shown is how often a is shown to differ from b.
func shown(r *rand.Rand, faster, sigma float64, sizes []int64, launches int, n int64) float64 {
	const rounds = 1000
	count := 0
	for range rounds {
		a, startsA := noisy(r, "a", 100*faster, sigma, sizes, launches)
		b, startsB := noisy(r, "b", 100, sigma, sizes, launches)
		x, ok := New([]Series{a, b}, append(startsA, startsB...)).Ratio(0, 1, n, stats.Level)
		if ok && x.excludes1() {
			count++
		}
	}
	return float64(count) / rounds
}

func TestRatioOfIdenticalOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, launches := range []int{2, 3, 5, 6} {
		for _, sigma := range []float64{0.03, 0.1} {
			for _, sizes := range [][]int64{{1000}, {100, 1000, 5000}} {
				for _, n := range []int64{5000, 200_000} {
					got := shown(r, 1, sigma, sizes, launches, n)
					if got > 0.05+3*math.Sqrt(0.05*0.95/1000) {
						t.Errorf("%d launches of %v, noise %.2f, at %d: told apart in %.1f%%", launches, sizes, sigma, n, 100*got)
					}
				}
			}
		}
	}
}

func TestRatioOfUnlikeOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, test := range []struct {
		faster   float64
		launches int
		n        int64
	}{{1.1, 3, 5000}, {1.1, 3, 50_000}, {1.05, 6, 50_000}, {1.05, 6, 5000}} {
		got := shown(r, test.faster, 0.03, []int64{100, 1000, 5000}, test.launches, test.n)
		t.Logf("%.0f%% faster, %d launches, at %d: shown in %.0f%%", 100*(test.faster-1), test.launches, test.n, 100*got)
		if got < 0.6 {
			t.Errorf("%+v: shown in %.0f%%", test, 100*got)
		}
	}
}

func TestRatioIsItsOwnInverse(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		series, starts := tree(r)
		m := New(series, starts)
		a, _ := m.Ratio(0, 1, 12_345, stats.Level)
		b, _ := m.Ratio(1, 0, 12_345, stats.Level)
		if math.Abs(a.Ratio*b.Ratio-1) > 1e-9 || math.Abs(a.Low*b.High-1) > 1e-9 || a.excludes1() != b.excludes1() {
			t.Fatalf("%+v\n%+v", a, b)
		}
	}
}
