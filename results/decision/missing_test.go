package decision

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/predict"
)

// Where a batch that is asked about tells in less time than many launches of a small one, it is asked for. How long it takes is
// said.
func TestLargerBatchTellsSooner(t *testing.T) {
	short := []int64{100} // a wave or two: its rate is chance
	a, b := engine{name: "a", load: 10, rate: 50, noise: quiet}, engine{name: "b", load: 10, rate: 47, noise: quiet}
	q := pair(t, a, b, short, 2, nil, 5000).Questions[0]
	if m := q.Missing[0]; q.Verdict != Provisional || !strings.Contains(m.Text, "3 launches each of a and b at 5,000 requests (about 11") ||
		m.Command != "matrix apply --launches 3 --only platform=a,b --only model=m --only batch_size=5000" {
		t.Errorf("%s: %+v", q.Verdict, q.Missing)
	}
	q = pair(t, a, b, short, 2, nil, 200_000).Questions[0] // itself would take hours, and a hundredth of it tells too little
	if m := q.Missing[0]; q.Verdict != Provisional || !strings.HasSuffix(m.Command, "--only batch_size=20000") {
		t.Errorf("%s: %+v", q.Verdict, q.Missing)
	}
}

// One command takes both of a pair that differ in one axis, whichever it is; else each need names the one that its command launches.
func TestCommandTakesWhomItsTextNames(t *testing.T) {
	for _, c := range []struct {
		platforms, flights [2]string
		texts, commands    []string
	}{
		{[2]string{"a", "a"}, [2]string{"4", "16"}, []string{"2 more launches each of a, in_flight="}, []string{"matrix apply --launches 3 --only platform=a --only model=m --only in_flight=16,4 --only batch_size=100"}},
		{[2]string{"a", "b"}, [2]string{"4", "16"}, []string{"2 more launches of a, in_flight=4 at 100 requests", "2 more launches of b, in_flight=16 at 100 requests"},
			[]string{"matrix apply --launches 3 --only platform=a --only model=m --only in_flight=4 --only batch_size=100", "matrix apply --launches 3 --only platform=b --only model=m --only in_flight=16 --only batch_size=100"}},
	} {
		var cells []*tally
		for i, platform := range c.platforms {
			e := engine{name: platform, load: 10, rate: 50 - float64(i)}
			for _, at := range e.measured(nil, []int64{100}, 1) {
				at.settings = map[string]string{"in_flight": c.flights[i]}
				at.source.Cell += c.flights[i]
				cells = append(cells, at)
			}
		}
		q := decided(t, nil, cells, []engine{{name: "a", load: 10}, {name: "b", load: 10}}, nil, 100).Questions[0]
		if q.Verdict != Provisional || len(q.Missing) != len(c.texts) {
			t.Fatalf("%s: %+v", q.Verdict, q.Missing)
		}
		for i, m := range q.Missing {
			if !strings.HasPrefix(m.Text, c.texts[i]) || m.Command != c.commands[i] {
				t.Errorf("%+v", m)
			}
		}
	}
}

// Launches that differ by far more than the platforms do are not asked for by the dozen: it says so, with nothing to type.
func TestTooManyLaunches(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	noisy := normal(0.4)
	engines := []engine{{name: "a", load: 10, rate: 50, noise: noisy}, {name: "b", load: 10, rate: 51, noise: noisy}}
	q := decided(t, r, append(engines[0].measured(r, threeSizes, 3), engines[1].measured(r, threeSizes, 3)...), engines, nil, 5000).Questions[0]
	if m := q.Missing; q.Verdict != Provisional || len(m) != 1 || m[0].Command != "" || !strings.HasPrefix(m[0].Text, "It takes more than 40 launches each of ") {
		t.Errorf("%s: %+v", q.Verdict, m)
	}
}

// More launches lessen the chance, not what a window of few waves leaves open: how many would tell reckons with both.
func TestLaunchesLessenChanceAlone(t *testing.T) {
	ratio := predict.Ratio{Ratio: 1.02, Low: math.Exp(-0.2), High: math.Exp(0.2), DF: 10}
	if n := launchesFor(ratio, 3, 4, 0.05, 0.95); n < 30 || n > mostLaunches {
		t.Errorf("by chance alone: %d launches", n)
	}
	if ratio.Fixed = 0.06; launchesFor(ratio, 3, 4, 0.05, 0.95) <= mostLaunches {
		t.Error("no launch narrows it below what is fixed")
	}
}

// Two of a hundred that failed may be chance: it says so, and how many launches would show it.
func TestFewFailuresMayBeChance(t *testing.T) {
	q := pair(t, engine{name: "a", load: 10, rate: 90, fail: 0.02, noise: quiet}, engine{name: "b", load: 10, rate: 50, noise: quiet}, []int64{100}, 2, nil, 5000).Questions[0]
	if q.Verdict != Provisional || platform(q) != "b" || !strings.Contains(q.Sentences[0], "may be chance: it answered 196 of 200 requests") ||
		len(q.Missing) != 1 || !strings.Contains(q.Missing[0].Command, "--launches ") || !strings.Contains(q.Missing[0].Text, "would show that it fails so often") {
		t.Errorf("%s: %v %+v", q.Verdict, q.Sentences, q.Missing)
	}
}

// What more launches are to tell is the lead that there is, no less than 5%, and less where they tell that much already.
func TestToTell(t *testing.T) {
	for _, c := range []struct {
		ratio predict.Ratio
		want  string
	}{
		{predict.Ratio{Ratio: 1.13, Low: 0.97, High: 1.31}, "tell a lead of 13%"}, {predict.Ratio{Ratio: 0.96, Low: 0.80, High: 1.15}, "tell a 5% difference"},
		{predict.Ratio{Ratio: 1.02, Low: 0.99, High: 1.05}, "tell so small a difference"},
	} {
		half, what := toTell(c.ratio)
		if what != c.want || half <= 0 {
			t.Errorf("%+v: %v, %s", c.ratio, half, what)
		}
		if n := launchesFor(c.ratio, 3, 4, half, 0.95); n < 4 || n > mostLaunches {
			t.Errorf("%+v: %d launches", c.ratio, n)
		}
	}
}

// What the first sentence says of a requirement that is not shown is not said again as a check.
func TestNotShownIsSaidOnce(t *testing.T) {
	q := pair(t, engine{name: "a", load: 10, rate: 90, noise: quiet}, engine{name: "b", load: 10, rate: 50, noise: quiet}, []int64{100}, 2,
		&cell.Decision{Require: map[string]float64{mSuccess: 0.999}}, 1000).Questions[0]
	said := 0
	for _, s := range q.Sentences {
		if strings.Contains(s, "a would lead, but success_rate") || strings.Contains(s, "a: success_rate") {
			said++
		}
	}
	if q.Verdict != Undecided || said != 1 {
		t.Errorf("%s: %q", q.Verdict, q.Sentences)
	}
}

// A lead that a few launches do not show comes with how many would.
func TestHowManyLaunchesWouldTell(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	noisy := normal(0.05)
	engines := []engine{{name: "a", load: 10, rate: 50, noise: noisy}, {name: "b", load: 10, rate: 51, noise: noisy}}
	q := decided(t, r, append(engines[0].measured(r, threeSizes, 2), engines[1].measured(r, threeSizes, 2)...), engines, nil, 5000).Questions[0]
	if q.Verdict != Provisional || !strings.Contains(q.Missing[0].Text, "would tell a 5% difference") || !strings.Contains(q.Missing[0].Command, "--launches ") {
		t.Errorf("%s: %+v", q.Verdict, q.Missing)
	}
}

// A percentile that a small batch is too small for is that of the largest. Where the largest is too small, a batch that is large
// enough is asked for; what is never told is not asked for again.
func TestRequiredPercentile(t *testing.T) {
	tells := map[string]float64{"ttft_p99_s": 0.2, "energy_j": 5}
	for _, c := range []struct {
		metric        string
		largest       map[string]float64 // of the batch of 1,000; nil = it was not run
		asked         []int64
		verdict, text string
		command       string // "" = none
	}{
		{"ttft_p99_s", tells, []int64{1000}, Winner, "", ""},
		{"ttft_p99_s", nil, []int64{500, 5000}, Undecided, "ttft_p99_s takes a batch of 662 requests", "matrix apply --only platform=a --only model=m --only batch_size=5000"},
		{"ttft_p99_s", nil, []int64{500}, Undecided, "ttft_p99_s takes a batch of 662 requests", "matrix apply --only platform=a --only model=m --only batch_size=662"},
		{"energy_j", map[string]float64{}, []int64{1000}, Undecided, "A does not tell energy_j: leave it out of require", ""},
	} {
		engines := []engine{{name: "a", load: 10, rate: 90, noise: quiet}, {name: "b", load: 10, rate: 30, noise: quiet}}
		r := randOf(4)
		var cells []*tally
		for _, e := range engines {
			small := e.measured(r, []int64{100}, 3)
			if c.largest != nil {
				e.figures = c.largest
				small = append(small, e.measured(r, []int64{1000}, 3)...)
			}
			cells = append(cells, small...)
		}
		q := decided(t, r, cells, engines, &cell.Decision{Require: map[string]float64{c.metric: 6}}, c.asked...).Questions[len(c.asked)-1]
		switch {
		case q.Verdict != c.verdict || len(q.Missing) != min(1, len(c.text)):
			t.Errorf("%+v: %s, %+v", c, q.Verdict, q.Missing)
		case c.text != "" && (q.Missing[0].Text != c.text || q.Missing[0].Command != c.command):
			t.Errorf("%+v: %+v", c, q.Missing[0])
		case c.verdict == Undecided && q.Change != "":
			t.Errorf("%+v: would change if %s", c, q.Change)
		}
	}
}

// One who is in alone, because a faster one does not meet what is required, is told so; a slower one changes nothing.
func TestWhoWouldLeadIfItMetWhatIsRequired(t *testing.T) {
	for rate, want := range map[float64]string{90: "a met energy_j ≤ 6", 10: ""} {
		engines := []engine{{name: "a", load: 10, rate: rate, noise: quiet, figures: map[string]float64{"energy_j": 9}}, {name: "b", load: 10, rate: 30, noise: quiet, figures: map[string]float64{"energy_j": 5}}}
		r := randOf(4)
		q := decided(t, r, append(engines[0].measured(r, threeSizes, 3), engines[1].measured(r, threeSizes, 3)...), engines, &cell.Decision{Require: map[string]float64{"energy_j": 6}}, 5000).Questions[0]
		if platform(q) != "b" || q.RunnerUp != nil || q.Change != want {
			t.Errorf("%s: %q, want %q: %q", q.Verdict, q.Change, want, q.Sentences)
		}
	}
}

// What no reasonable number of launches tells has no command, and what one platform lacks is another.
func TestNothingToRun(t *testing.T) {
	r, at := randOf(7), 0.0
	wide := func(*rand.Rand) float64 { at++; return 0.4 * (math.Mod(at, 3) - 1) } // the same of both
	engines := []engine{{name: "a", load: 10, rate: 50, noise: wide}, {name: "b", load: 10, rate: 50, noise: wide}}
	cells := append(engines[0].measured(r, threeSizes, 3), engines[1].measured(r, threeSizes, 3)...)
	if q := decided(t, r, cells, engines, nil, 5000).Questions[0]; q.Verdict != Provisional || len(q.Missing) != 1 || q.Missing[0].Command != "" ||
		!strings.Contains(q.Missing[0].Text, "t takes more than 40 launches each of a and b to tell them apart") {
		t.Errorf("%s: %+v", q.Verdict, q.Missing)
	}
	if q := decided(t, r, engines[0].measured(r, threeSizes, 3), engines[:1], nil, 5000).Questions[0]; q.Verdict != Undecided || len(q.Missing) != 1 || q.Missing[0] != (Missing{Text: "Measure another platform in the same way"}) {
		t.Errorf("%s: %+v", q.Verdict, q.Missing)
	}
}
