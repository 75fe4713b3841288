package predict

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"matrix/results/stats"
)

// server answers like an engine with slots: what waits is not being answered.
type server struct {
	slots   int
	answerS float64 // mean length
	vary    float64 // of one answer's length, as standard deviation of its logarithm
	rampS   float64 // before the first answer begins
	driftS  float64 // share by which a long run slows down
	noise   float64 // between launches
}

// launch runs n requests and tells what was seen.
func (s server) launch(r *rand.Rand, n int) Launch {
	factor := math.Exp(s.noise * r.NormFloat64())
	free := make([]float64, s.slots)
	for i := range free {
		free[i] = s.rampS
	}
	spans := make([]Span, n)
	last := 0.0
	for i := range spans {
		at := 0
		for k := range free {
			if free[k] < free[at] {
				at = k
			}
		}
		from := free[at]
		slower := 1 + s.driftS*min(1, from/1000)
		spans[i] = Span{from, from + s.answerS*factor*slower*math.Exp(s.vary*r.NormFloat64())}
		free[at] = spans[i].ToS
		last = max(last, spans[i].ToS)
	}
	return Launch{Requests: int64(n), DurationS: last, Curve: CurveOf(spans)}
}

func TestCurveOfAConstantServer(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{16, 32, 100, 1000} { // of 16 at once: one wave, two, six, many
		s := server{slots: 16, answerS: 4, vary: 0.2, rampS: 1}
		c := s.launch(r, n).Curve
		if rate := 16 / 4 / math.Exp(0.02); math.Abs(c.RatePerS/rate-1) > 0.12 {
			t.Errorf("%d requests: %.2f a second of %.2f", n, c.RatePerS, rate)
		}
		if n == 1000 && (c.Waves < 55 || c.Waves > 65) {
			t.Errorf("%d requests in %.1f waves", n, c.Waves)
		}
	}
	if c := CurveOf(nil); c != (Curve{}) {
		t.Errorf("no request: %+v", c)
	}
	if c := CurveOf([]Span{{0, 0}, {0, 0}, {0, 0}, {0, 0}, {1, 1}}); c != (Curve{}) {
		t.Errorf("answers without a length: %+v", c)
	}
}

func TestSegmentsCountAsTheWholeWouldHave(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	s := server{slots: 16, answerS: 4, vary: 0.2, rampS: 1}
	whole := s.launch(r, 2000)
	a, b := s.launch(r, 800), s.launch(r, 1200)
	cut := Launch{Requests: 2000, DurationS: a.DurationS + b.DurationS, Segments: 2, Curve: Join([]Curve{a.Curve, b.Curve})}
	m := New([]Series{{Launches: []Launch{whole}}, {Launches: []Launch{cut}}}, nil)
	for _, n := range []int64{2000, 50_000} {
		x, _ := m.Finish(0, n)
		y, _ := m.Finish(1, n)
		if math.Abs(y.Seconds/x.Seconds-1) > 0.02 {
			t.Errorf("%d requests: %.1f s whole, %.1f s in segments", n, x.Seconds, y.Seconds)
		}
	}
}

// TestHeldOut is the promise of the model: predicted from sizes of at most a fifth, an error of 10% at most in the
// median, and intervals that hold what they say.
func TestHeldOut(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, test := range []struct {
		name     string
		server   server
		sizes    []int
		launches int
		n        int
	}{
		{"steady", server{slots: 64, answerS: 5, vary: 0.3, rampS: 2, noise: 0.03}, []int{100, 1000}, 3, 5000},
		{"one size", server{slots: 64, answerS: 5, vary: 0.3, rampS: 2, noise: 0.03}, []int{1000}, 3, 5000},
		{"one launch each", server{slots: 64, answerS: 5, vary: 0.3, rampS: 2, noise: 0.05}, []int{100, 1000}, 1, 5000},
		{"one launch", server{slots: 64, answerS: 5, vary: 0.3, rampS: 2, noise: 0.05}, []int{1000}, 1, 5000},
		{"long ramp", server{slots: 64, answerS: 2, vary: 0.3, rampS: 20, noise: 0.03}, []int{100, 1000}, 3, 5000},
		{"long tail", server{slots: 64, answerS: 5, vary: 1, rampS: 2, noise: 0.03}, []int{100, 1000}, 3, 5000},
		{"equal lengths", server{slots: 64, answerS: 5, rampS: 1, noise: 0.03}, []int{100, 1000}, 2, 5000},
		{"drift", server{slots: 64, answerS: 5, vary: 0.3, rampS: 2, driftS: 0.05, noise: 0.03}, []int{100, 1000}, 3, 20_000},
		{"part of it", server{slots: 64, answerS: 5, vary: 0.3, rampS: 2, noise: 0.03}, []int{10, 100}, 3, 1000},
		{"part, once", server{slots: 64, answerS: 5, vary: 0.3, rampS: 2, noise: 0.03}, []int{10, 50, 100}, 1, 5000},
		{"half of it", server{slots: 512, answerS: 5, vary: 0.3, rampS: 2, noise: 0.03}, []int{100, 1000}, 3, 5000},
		{"one wave", server{slots: 64, answerS: 5, vary: 0.3, rampS: 2, noise: 0.03}, []int{64}, 3, 1000},
		{"few requests", server{slots: 4, answerS: 3, vary: 0.3, rampS: 1, noise: 0.03}, []int{10, 20}, 2, 100},
	} {
		var errs []float64
		held, rounds := 0, 100
		for range rounds {
			series := Series{Start: "a", Pool: "a"}
			var starts []Start
			for range test.launches {
				for _, n := range test.sizes {
					series.Launches = append(series.Launches, test.server.launch(r, n))
					starts = append(starts, Start{Key: "a", LoadS: new(40 * math.Exp(0.1*r.NormFloat64()))})
				}
			}
			f, ok := New([]Series{series}, starts).Finish(0, int64(test.n))
			if !ok {
				t.Fatal("not predicted")
			}
			truth := 40*math.Exp(0.1*r.NormFloat64()) + test.server.launch(r, test.n).DurationS
			errs = append(errs, math.Abs(f.Seconds/truth-1))
			if low, high := f.Within(0.9); low <= truth && truth <= high {
				held++
			}
		}
		slices.Sort(errs)
		median, covered := errs[rounds/2], float64(held)/float64(rounds)
		t.Logf("%-16s median error %4.1f%%, the 90%% interval holds %3.0f%%", test.name, 100*median, 100*covered)
		if median > 0.10 || covered < 0.80 {
			t.Errorf("%s: median error %.3f, covered %.3f", test.name, median, covered)
		}
	}
}

// tree is random series with loads.
func tree(r *rand.Rand) ([]Series, []Start) {
	var all []Series
	var starts []Start
	for i := range 2 {
		key := string(rune('a' + i))
		s := Series{Start: key, Kin: "k" + key, Pool: key}
		srv := server{slots: 1 + r.IntN(64), answerS: math.Exp(r.NormFloat64()), vary: r.Float64(), rampS: 5 * r.Float64(), noise: 0.1 * r.Float64()}
		for range 1 + r.IntN(3) {
			n := 5 + r.IntN(300)
			for range 1 + r.IntN(3) {
				s.Launches = append(s.Launches, srv.launch(r, n))
				starts = append(starts, Start{Key: key, Kin: "k" + key, LoadS: new(10 + 90*r.Float64())})
			}
		}
		all = append(all, s)
	}
	return all, starts
}

func TestBetterNeverTakesLonger(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 3000 {
		series, starts := tree(r)
		before := New(series, starts)
		n := int64(math.Exp(r.Float64()*math.Log(200_000))) + 1
		was, _ := before.Finish(0, n)

		better := []Series{series[0], series[1]}
		better[0].Launches = slices.Clone(series[0].Launches)
		sooner := slices.Clone(starts)
		i := r.IntN(len(better[0].Launches))
		l := &better[0].Launches[i]
		what := r.IntN(2)
		switch what {
		case 0: // the whole launch ran faster
			by := 0.5 + 0.5*r.Float64()
			l.DurationS *= by
			l.Curve.RatePerS /= by
			l.Curve.AnswerS *= by
		case 1: // it loaded faster
			sooner[i].LoadS = new(*sooner[i].LoadS * (0.5 + 0.5*r.Float64()))
		}
		now, _ := New(better, sooner).Finish(0, n)
		if now.Seconds > was.Seconds*(1+1e-12) {
			t.Fatalf("change %d of launch %d: %d requests took %.6f s, now %.6f s\n%+v", what, i, n, was.Seconds, now.Seconds, series[0])
		}
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		series, starts := tree(r)
		a, _ := New(series, starts).Finish(0, 7777)
		for i := range series {
			r.Shuffle(len(series[i].Launches), func(x, y int) {
				series[i].Launches[x], series[i].Launches[y] = series[i].Launches[y], series[i].Launches[x]
			})
		}
		slices.Reverse(starts)
		if b, _ := New(series, starts).Finish(0, 7777); a != b {
			t.Fatalf("%+v\n%+v", a, b)
		}
	}
}

func TestMeasuredSizeStands(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	s := server{slots: 16, answerS: 4, vary: 0.2, rampS: 1}
	l := s.launch(r, 500)
	l.DurationS *= 1.3 // whatever its curve says
	small := s.launch(r, 50)
	for _, launches := range [][]Launch{{l}, {small, l}, {s.launch(r, 5000), l, small}} {
		f, _ := New([]Series{{NoLoad: true, Launches: launches}}, nil).Finish(0, 500)
		if math.Abs(f.Seconds-l.DurationS) > 1e-9 || !f.Measured {
			t.Errorf("%.3f s of %.3f measured", f.Seconds, l.DurationS)
		}
	}
}

func TestNothingIsPredictedFromNothing(t *testing.T) {
	m := New([]Series{{}, {Launches: []Launch{{Requests: 10}}}}, nil)
	for i := range 2 {
		if f, ok := m.Finish(i, 100); ok {
			t.Errorf("%+v", f)
		}
	}
	if _, ok := m.Ratio(0, 1, 100, stats.Level); ok {
		t.Error("nothing was compared with nothing")
	}
}

// TestWithoutCurves: of imported results only sizes and durations are known.
func TestWithoutCurves(t *testing.T) {
	for _, test := range []struct {
		launches []Launch
		n        int64
		want     float64
	}{
		{[]Launch{{Requests: 1000, DurationS: 20}}, 10_000, 200},
		{[]Launch{{Requests: 100, DurationS: 12}, {Requests: 1000, DurationS: 30}}, 10_000, 210},
		{[]Launch{{Requests: 100, DurationS: 29}, {Requests: 1000, DurationS: 30}}, 10_000, 165}, // not 40
	} {
		f, _ := New([]Series{{NoLoad: true, Launches: test.launches}}, nil).Finish(0, test.n)
		if math.Abs(f.Seconds-test.want) > 1e-6 || !(f.Low < f.Seconds && f.Seconds < f.High) {
			t.Errorf("%v: %+v, want %v", test.launches, f, test.want)
		}
	}
}

// A small batch is mostly ramp and tail and varies less: it does not make the ratio of two larger ones surer.
func TestSmallBatchesDoNotNarrowARatio(t *testing.T) {
	series := func(pool string, rate float64, sizes ...int64) Series {
		s := Series{Pool: pool, NoLoad: true}
		for _, n := range sizes {
			for _, off := range []float64{0.9, 1, 1.1} {
				if n < 1000 {
					off = 1
				}
				s.Launches = append(s.Launches, Launch{Requests: n, DurationS: float64(n) / rate * off})
			}
		}
		return s
	}
	with := New([]Series{series("a", 50, 100, 5000), series("b", 55, 100, 5000)}, nil)
	without := New([]Series{series("a", 50, 5000), series("b", 55, 5000)}, nil)
	x, _ := with.Ratio(0, 1, 5000, stats.Level)
	y, _ := without.Ratio(0, 1, 5000, stats.Level)
	if x.excludes1() || x.Low != y.Low || x.High != y.High {
		t.Errorf("%+v, without the small ones %+v", x, y)
	}
	if wide, _ := with.Ratio(0, 1, 5000, 0.99); wide.Low >= x.Low || wide.High <= x.High || wide.Ratio != x.Ratio {
		t.Errorf("99%%: %+v, 95%%: %+v", wide, x)
	}
}

// TestCurveWithLateEnds: a driver that falls behind for a while sees twice as many answers under way.
func TestCurveWithLateEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	var spans []Span
	for i := range 64 * 20 {
		from := float64(i/64)*3 + r.Float64()*0.1
		late := 0.0
		if i/64 == 10 || i/64 == 11 {
			late = 2.5
		}
		spans = append(spans, Span{from, from + 2.9 + late})
	}
	if c := CurveOf(spans); math.Abs(c.RatePerS/(64/3.0)-1) > 0.1 {
		t.Errorf("%.2f a second of %.2f", c.RatePerS, 64/3.0)
	}
}

// TestHugeDegreesOfFreedom: a load that hardly counts, known from two starts, must not make the interval explode.
func TestHugeDegreesOfFreedom(t *testing.T) {
	series := []Series{{Start: "a", Launches: []Launch{{Requests: 100, DurationS: 30}}}}
	f, _ := New(series, []Start{{Key: "a", LoadS: new(4.0)}, {Key: "a", LoadS: new(4.4)}}).Finish(0, 2_000_000)
	if f.High/f.Low > 3 {
		t.Errorf("%+v", f)
	}
}

// TestWhatIsUnderWay: the stretches are those between any two moments, counted one by one, whatever begins and ends at once.
func TestWhatIsUnderWay(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	for range 200 {
		var spans []Span
		for range 1 + r.IntN(12) {
			from := float64(r.IntN(8)) // few moments, so that many coincide
			spans = append(spans, Span{from, from + 1 + float64(r.IntN(4))})
		}
		slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.FromS, b.FromS) })
		at, end := spans[0].FromS, spans[0].FromS
		levelsOf(spans).steps(func(from, to float64, n int) {
			want := 0
			for _, s := range spans {
				if s.FromS <= from && to <= s.ToS {
					want++
				}
			}
			if from != at || to <= from || n != want {
				t.Errorf("%v: %d under way from %v to %v, want %d from %v", spans, n, from, to, want, at)
			}
			at = to
		})
		for _, s := range spans {
			end = max(end, s.ToS)
		}
		if at != end {
			t.Errorf("%v: told until %v, want %v", spans, at, end)
		}
	}
}
