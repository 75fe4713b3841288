package decision

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/predict"
	"matrix/results/summary"
)

// quiet is noise of 1%: six launches tell a tenth easily.
var quiet = normal(0.01)

// pair makes two engines' cells and asks about them.
func pair(t *testing.T, a, b engine, sizes []int64, launches int, rules *cell.Decision, requests ...int64) Group {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	return decided(t, r, append(a.measured(r, sizes, launches), b.measured(r, sizes, launches)...), []engine{a, b}, rules, requests...)
}

func platform(q Question) string {
	if q.Platform == nil {
		return ""
	}
	return *q.Platform
}

// slowStart and fastRate turn at 7,500 requests.
var slowStart, fastStart = engine{name: "b", load: 60, rate: 100, noise: quiet}, engine{name: "a", load: 10, rate: 60, noise: quiet}

// The answer is about the batch that is asked for: a loads fast and runs slowly, b the other way round.
func TestAnswerIsAboutTheBatch(t *testing.T) {
	g := pair(t, fastStart, slowStart, threeSizes, 6, nil)
	for i, want := range []string{"a", "b", "b"} {
		if q := g.Questions[i]; platform(q) != want || q.Verdict != Hybrid {
			t.Errorf("%d requests: %s %s", q.Requests, q.Verdict, platform(q))
		}
	}
	if s := g.Lead()[0]; !strings.HasPrefix(s, "It depends on the number of requests: a below about 7,") || !strings.Contains(s, "b from about 7,") {
		t.Error(s)
	}
	last := g.Questions[2].Answer
	if *last.Seconds < 1950 || *last.Seconds > 2180 || *last.Ratio < 1.5 || *last.Ratio > 1.75 || *last.RunnerUp != "a" {
		t.Errorf("%+v", last)
	}
	if one := pair(t, fastStart, slowStart, threeSizes, 6, nil, 200_000); len(one.Questions) != 1 || one.Questions[0].Verdict != Winner || platform(one.Questions[0]) != "b" {
		t.Errorf("%+v", one.Questions)
	}
}

// What a small batch takes says nothing for a large one: a load of 4,000 s is paid at every size.
func TestSlowStartIsNoMerit(t *testing.T) {
	g := pair(t, engine{name: "a", load: 4000, rate: 50, noise: quiet}, engine{name: "b", load: 40, rate: 50, noise: quiet}, threeSizes, 3, nil)
	for _, q := range g.Questions {
		if platform(q) != "b" {
			t.Errorf("%d requests: %s", q.Requests, platform(q))
		}
	}
}

// An attempt in several segments is one: nobody is out for a ^C.
func TestSegmentsDisqualifyNobody(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	engines := []engine{{name: "a", load: 10, rate: 50, noise: quiet}, {name: "b", load: 10, rate: 95, noise: quiet}}
	cells := append(engines[0].measured(r, threeSizes, 3), engines[1].measured(r, threeSizes, 3)...)
	for _, c := range cells {
		if c.platform == "b" {
			for i := range c.runs {
				c.runs[i].Segments = 2
				c.runs[i].DurationS += c.runs[i].Curve.AnswerS // each segment had a ramp of its own
			}
		}
	}
	for _, q := range decided(t, r, cells, engines, nil).Questions {
		if q.Verdict != Winner || platform(q) != "b" || len(q.Standings) != 2 || q.Standings[1].Rank != 2 {
			t.Errorf("%d requests: %s %s", q.Requests, q.Verdict, platform(q))
		}
	}
}

// One launch each shows nothing, and it is said what would: launches.
func TestOneLaunchEachIsProvisional(t *testing.T) {
	q := pair(t, engine{name: "a", load: 10, rate: 50}, engine{name: "b", load: 10, rate: 50.25}, threeSizes, 1, nil, 5000).Questions[0]
	if q.Verdict != Provisional || platform(q) != "b" || q.RatioLow != nil {
		t.Fatalf("%+v", q.Answer)
	}
	if !strings.Contains(q.Sentences[0], "Identical launches would have to differ by 0.4% to turn it") && !strings.Contains(q.Sentences[0], "by 0.5% to turn it") {
		t.Error(q.Sentences[0])
	}
	if len(q.Missing) != 1 || q.Missing[0].Command != "matrix apply --launches 3 --only platform=a,b --only model=m --only batch_size=5000" {
		t.Errorf("%+v", q.Missing)
	}
	if far := pair(t, engine{name: "a", load: 10, rate: 50}, engine{name: "b", load: 10, rate: 2000}, threeSizes, 1, nil, 200_000).Questions[0]; !strings.Contains(far.Change, " times as long") {
		t.Errorf("forty times as fast: %q", far.Change)
	}
}

// Equally fast, as far as many launches tell: the other criteria decide, and it says which.
func TestTie(t *testing.T) {
	a := engine{name: "a", load: 10, rate: 50, noise: quiet, figures: map[string]float64{mFootprint: 6e9, mPackages: 170}}
	b := engine{name: "b", load: 10, rate: 50, noise: quiet, figures: map[string]float64{mFootprint: 1e9, mPackages: 1}}
	for _, q := range pair(t, a, b, threeSizes, 6, nil).Questions {
		if q.Verdict != Tie || platform(q) != "b" || !strings.Contains(q.Sentences[0], "Take b by number of packages and installed size") {
			t.Errorf("%s: %s", q.Verdict, q.Sentences[0])
		}
	}
}

// Two that are alike in all but the noise of their launches: nothing decides, and they stand by name, whoever came out ahead. What
// launches show, in the same figure, decides.
func TestTieOfIdenticalPlatforms(t *testing.T) {
	either := 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 5))
		platforms := []engine{{name: "a", load: 10, rate: 50, noise: quiet}, {name: "b", load: 10, rate: 50, noise: quiet}}
		noisy := func(more float64) []*tally {
			var cells []*tally
			for i, e := range platforms {
				for _, at := range e.measured(r, threeSizes, 6) {
					for _, l := range at.launches {
						l.values[mCPU] = 0.1 * math.Exp(normal(0.1)(r)) * (1 + more*float64(i))
						l.values[mEnergy] = 0.3 * math.Exp(normal(0.1)(r))
					}
					cells = append(cells, at)
				}
			}
			return cells
		}
		for _, q := range decided(t, r, noisy(0), platforms, nil).Questions {
			if q.Verdict == Tie && platform(q) == "a" && strings.Contains(q.Sentences[0], "Nothing else tells them apart: take either") {
				either++
			}
		}
		for _, q := range decided(t, r, noisy(1), platforms, nil).Questions {
			if q.Verdict != Tie || platform(q) != "a" || !strings.Contains(q.Sentences[0], "Take a by CPU time per evaluation") {
				t.Errorf("twice the CPU: %s: %s", q.Verdict, q.Sentences[0])
			}
		}
	}
	if either < 300*90/100 {
		t.Errorf("%d of 300 ties leave it open", either)
	}
}

// The default bar, over all requests and not by a median of launches; a bar of one's own must be shown.
func TestSuccessBar(t *testing.T) {
	slow, lossy := engine{name: "a", load: 10, rate: 50, noise: quiet}, engine{name: "b", load: 10, rate: 100, noise: quiet, fail: 0.02}
	q := pair(t, slow, lossy, threeSizes, 3, nil, 5000).Questions[0]
	if q.Verdict != Winner || platform(q) != "a" || q.Standings[1].Rank != 0 || !strings.Contains(strings.Join(q.Sentences, " "), "b answered 17,934 of 18,300") {
		t.Errorf("%s %s: %v", q.Verdict, platform(q), q.Sentences)
	}
	low := &cell.Decision{Require: map[string]float64{"success_rate": 0.9}, Weights: map[string]float64{Performance: 1}}
	if q := pair(t, slow, lossy, threeSizes, 3, low, 5000).Questions[0]; platform(q) != "b" {
		t.Errorf("with 0.9 asked for: %v", q.Sentences)
	}
	high := &cell.Decision{Require: map[string]float64{"success_rate": 0.9999}}
	lossy.fail = 0
	q = pair(t, slow, lossy, threeSizes, 3, high, 5000).Questions[0]
	if q.Verdict != Undecided || !strings.Contains(q.Sentences[0], "success_rate ≥ 0.9999 is not shown") || !strings.Contains(q.Missing[0].Command, "--launches 6") {
		t.Errorf("%s: %v %+v", q.Verdict, q.Sentences, q.Missing)
	}
	high.Require["success_rate"] = 0.99999
	for _, q := range pair(t, fastStart, slowStart, threeSizes, 6, high).Questions { // each side of a hybrid is asked
		if q.Verdict != Undecided {
			t.Errorf("%d requests: %s", q.Requests, q.Verdict)
		}
	}
	lossy.fail, slow.fail = 0.5, 0.5
	if q := pair(t, slow, lossy, threeSizes, 3, nil, 5000).Questions[0]; q.Verdict != Nobody || q.Platform != nil {
		t.Errorf("%s", q.Verdict)
	}
}

// More launches of the same are no merit.
func TestEvidenceIsNoMerit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	engines := []engine{{name: "a", load: 10, rate: 50}, {name: "b", load: 10, rate: 50}}
	for _, st := range decided(t, r, append(engines[0].measured(r, threeSizes, 3), engines[1].measured(r, threeSizes, 6)...), engines, nil, 5000).Questions[0].Standings {
		if *st.Score != 100 {
			t.Errorf("%s with %d launches: %g", st.Contender, st.Launches, *st.Score)
		}
	}
}

// crash lets a platform's launches at a size fail.
func crash(cells []*tally, platform string, size int64) []*tally {
	for _, c := range cells {
		if c.platform == platform && c.size == size {
			c.failed, c.complete, c.launches, c.runs, c.answered, c.reason = len(c.launches), 0, nil, nil, 0, "out of memory"
		}
	}
	return cells
}

// Who was never tried at 5,000 is not ahead of who crashed there.
func TestUnknownIsNotPassed(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	engines := []engine{{name: "a", load: 10, rate: 50, noise: quiet}, {name: "b", load: 10, rate: 80, noise: quiet}}
	cells := append(engines[0].measured(r, []int64{100, 1000}, 3), crash(engines[1].measured(r, threeSizes, 3), "b", 5000)...)
	g := decided(t, r, cells, engines, nil, 1000, 50_000)
	if q := g.Questions[0]; platform(q) != "b" || q.Verdict != Winner {
		t.Errorf("1,000 requests: %s %s: %v", q.Verdict, platform(q), q.Sentences)
	}
	// Nor is who crashed at 5,000 taken for 2,000, having come through 1,000.
	between := decided(t, r, cells, engines, nil, 2000).Questions[0]
	if between.Verdict != Undecided || !says(between, "b would lead, but came through no more than 1,000 requests, and failed at 5,000 requests") ||
		!strings.HasSuffix(between.Missing[0].Command, "platform=b --only model=m --only batch_size=2000") {
		t.Errorf("2,000 requests: %s %+v: %v", between.Verdict, between.Missing, between.Sentences)
	}
	if need := g.Need(); need.Text != "Try a at 5,000 requests" {
		t.Errorf("what the last number of requests lacks: %+v", need)
	}
	q := g.Questions[1]
	if q.Verdict != Undecided || platform(q) != "a" || q.Missing[0].Command != "matrix apply --only platform=a --only model=m --only batch_size=5000" {
		t.Errorf("50,000 requests: %s %s %+v", q.Verdict, platform(q), q.Missing)
	}
	if s := q.Sentences[0]; !strings.Contains(s, "not tried at 5,000 requests, where b failed") {
		t.Error(s)
	}
	if st := q.Standings[1]; st.Score == nil || *st.Score != 0 || st.Time != nil {
		t.Errorf("what never got done: %+v", st)
	}
	all := crash(crash(append(engines[0].measured(r, []int64{1000}, 1), engines[1].measured(r, []int64{1000}, 1)...), "b", 1000), "a", 1000)
	if q := decided(t, r, all, engines, nil, 1000).Questions[0]; q.Verdict != Nobody || !strings.Contains(q.Missing[0].Command, "--rerun failed,censored") {
		t.Errorf("%s %+v", q.Verdict, q.Missing)
	}
}

// A red check between those that lead makes them not comparable, one of a third contender does not; an amber one is said.
func TestRedChecks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	engines := []engine{{name: "a", load: 10, rate: 50, noise: quiet}, {name: "b", load: 10, rate: 80, noise: quiet}, {name: "c", load: 10, rate: 20, noise: quiet}}
	var cells []*tally
	for _, e := range engines {
		cells = append(cells, e.measured(r, threeSizes, 3)...)
	}
	for _, test := range []struct {
		level string
		of    []string
		want  string
	}{{summary.Red, []string{"a", "b"}, NotComparable}, {summary.Red, []string{"b"}, NotComparable}, {summary.Red, []string{"a"}, NotComparable},
		{summary.Red, []string{"c"}, Winner}, {summary.Red, []string{"a", "c"}, Winner}, {summary.Amber, []string{"a", "b"}, Winner}} {
		rules, g := rulesOf(Options{Requests: []int64{5000}}), gather(cells)
		for i, c := range g.contenders {
			c.series = i
		}
		g.times, _ = modelOf(r, engines)(g.contenders)
		check := summary.Check{Name: "prompt tokens", Level: test.level, Contenders: test.of, Text: "twice the prompt tokens"}
		for _, name := range test.of {
			check.Cells = append(check.Cells, "e/"+name+"-1000")
		}
		g.Checks = []summary.Check{check}
		a := rules.gate(g, 5000)
		q := rules.question(g, a)
		said := slices.ContainsFunc(q.Sentences, func(s string) bool { return strings.Contains(s, check.Text) })
		if a.verdict != test.want || (a.verdict == NotComparable) != (q.Platform == nil) || said != (slices.Contains(test.of, "a") || slices.Contains(test.of, "b")) {
			t.Errorf("%s on %v: %s, %v", test.level, test.of, a.verdict, q.Sentences)
		}
	}
}

// A load that nobody recorded is left out of all times, and the first sentence says so; who is behind even so does not
// take it from the others.
func TestUnknownLoad(t *testing.T) {
	load := engine{name: "a", load: 40, rate: 50, noise: quiet}
	q := pair(t, load, engine{name: "b", rate: 52, noise: quiet}, threeSizes, 3, nil, 100).Questions[0]
	if !strings.Contains(q.Sentences[0], "load left out") || *q.Seconds > 10 {
		t.Errorf("%v", q.Sentences)
	}
	r := rand.New(rand.NewPCG(3, 2))
	engines := []engine{load, {name: "b", load: 10, rate: 48, noise: quiet}, {name: "c", rate: 10, noise: quiet}}
	var cells []*tally
	for _, e := range engines {
		cells = append(cells, e.measured(r, threeSizes, 3)...)
	}
	q = decided(t, r, cells, engines, nil, 100).Questions[0]
	if strings.Contains(q.Sentences[0], "load left out") || platform(q) != "b" || *q.Seconds < 10 {
		t.Errorf("%v", q.Sentences)
	}
}

// The first start compiles: it is named, and no part of what every later start takes.
func TestColdStartIsNamed(t *testing.T) {
	cold, warm := 145.0, 48.0
	model := func(all []*contender) (times, error) {
		var series []predict.Series
		for _, c := range all {
			s := predict.Series{Start: c.name, Kin: c.name, Pool: c.name}
			for _, at := range c.cells() {
				s.Launches = append(s.Launches, at.runs...)
			}
			series = append(series, s)
		}
		start := func(key string, load, compile float64) predict.Start {
			return predict.Start{Key: key, Kin: key, Cache: key, LoadS: &load, PhasesS: map[string]float64{"compile": compile}}
		}
		return predict.New(series, []predict.Start{start("a", cold, 100), start("a", warm, 3), start("b", 60, 3), start("b", 61, 3)}), nil
	}
	r := rand.New(rand.NewPCG(3, 2))
	cells := append(engine{name: "a", rate: 50, noise: quiet}.measured(r, threeSizes, 3), engine{name: "b", rate: 50, noise: quiet}.measured(r, threeSizes, 3)...)
	res, err := rulesOf(Options{Requests: []int64{100}}).decide(cells, model)
	if err != nil {
		t.Fatal(err)
	}
	q := res.Groups[0].Questions[0]
	if platform(q) != "a" || !slices.ContainsFunc(q.Sentences, func(s string) bool { return strings.Contains(s, "a loads 2.4 min instead of 48 s") }) {
		t.Errorf("%v", q.Sentences)
	}
}

// Money: the machine's hour and its electricity.
func TestCost(t *testing.T) {
	price, kwh := 3.0, 0.3
	rules := &cell.Decision{PricePerHour: &price, ElectricityPerKWh: &kwh, Currency: "EUR"}
	figures := map[string]float64{mEnergy: 36, mTokens: 100}
	q := pair(t, engine{name: "a", load: 10, rate: 50, figures: figures}, engine{name: "b", load: 10, rate: 100, figures: figures}, []int64{1000}, 1, rules, 5000).Questions[0]
	tm := q.Standings[0].Time
	want := 3*tm.Seconds/3600 + 0.3*36*5000/3.6e6
	if q.Cost == nil || *q.Cost != want || *tm.CostPer1000 != want/5 || *tm.CostPerMTokens != want*2 || !strings.Contains(q.Sentences[0], " EUR; a takes") {
		t.Errorf("%+v of %g: %v", tm, want, q.Sentences)
	}
}

// Where the score's first is not the fastest, both times are said.
func TestSlowerFirst(t *testing.T) {
	rules := &cell.Decision{Weights: map[string]float64{Performance: 1, Simplicity: 10}}
	a := engine{name: "a", load: 10, rate: 50, noise: quiet, figures: map[string]float64{mPackages: 0}}
	b := engine{name: "b", load: 10, rate: 80, noise: quiet, figures: map[string]float64{mPackages: 200}}
	q := pair(t, a, b, threeSizes, 3, rules, 5000).Questions[0]
	if platform(q) != "a" || q.Verdict != Winner || !slices.ContainsFunc(q.Sentences, func(s string) bool {
		return strings.HasPrefix(s, "b is faster, 7") && strings.Contains(s, " against 11") && strings.Contains(s, "a first by the weights (number of packages)")
	}) {
		t.Errorf("%s %v", q.Verdict, q.Sentences)
	}
}

// An order that hangs on one failure more is not shown.
func TestOneFailureShowsNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	engines := []engine{{name: "a", load: 10, rate: 50, noise: quiet}, {name: "b", load: 9.5, rate: 53, noise: quiet}}
	cells := append(engines[0].measured(r, []int64{1000}, 6), engines[1].measured(r, []int64{1000}, 6)...)
	cells[1].answered--
	weights := &cell.Decision{Weights: map[string]float64{Performance: 1, Reliability: 99}}
	if q := decided(t, r, cells, engines, weights, 1000).Questions[0]; platform(q) != "a" || q.Verdict != Provisional {
		t.Errorf("%s %s: %v", q.Verdict, platform(q), q.Sentences)
	}
	cells[1].answered -= 50
	if q := decided(t, r, cells, engines, weights, 1000).Questions[0]; platform(q) != "a" || q.Verdict != Winner {
		t.Errorf("with 51: %s %s: %v", q.Verdict, platform(q), q.Sentences)
	}
}

// Figures of another tool are said to be such before all else.
func TestImportedAnswer(t *testing.T) {
	for imported, want := range map[int]string{0: "", 1: "Partly on imported figures", 2: "Nothing here was measured by matrix"} {
		r := rand.New(rand.NewPCG(3, 2))
		engines := []engine{{name: "a", load: 10, rate: 50}, {name: "b", load: 10, rate: 80}}
		cells := append(engines[0].measured(r, []int64{1000}, 1), engines[1].measured(r, []int64{1000}, 1)...)
		for _, c := range cells[:imported] {
			c.imported = true
		}
		first := decided(t, r, cells, engines, nil, 1000).Questions[0].Sentences[0]
		if !strings.HasPrefix(first, want) || want == "" && strings.Contains(first, "mported") {
			t.Errorf("%d imported: %s", imported, first)
		}
	}
}

// Two that differ in time alone are even without it: no weight of it puts the other first.
func TestNoWeightTurnsEven(t *testing.T) {
	q := pair(t, engine{name: "a", load: 10, rate: 90}, engine{name: "b", load: 10, rate: 50}, threeSizes, 3, nil, 5000).Questions[0]
	for _, f := range q.Flips {
		if f.Lower != nil || f.Raise != nil {
			t.Errorf("%s: %+v", f.Criterion, f)
		}
	}
	if len(q.Flips) == 0 || platform(q) != "a" {
		t.Errorf("%+v of %s", q.Flips, platform(q))
	}
}
