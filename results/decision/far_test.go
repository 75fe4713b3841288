package decision

import (
	"strings"
	"testing"
)

// A lead among small batches, however sure, is no winner at more than 100 times the largest of them; up to that it is.
func TestNoWinnerFarBeyondWhatWasRun(t *testing.T) {
	a, b := engine{name: "a", load: 10, rate: 100, noise: quiet}, engine{name: "b", load: 10, rate: 60, noise: quiet}
	g := pair(t, a, b, []int64{50, 500}, 6, nil, 5_000, 50_000, 50_001, 200_000)
	for i, want := range []string{Winner, Winner, Provisional, Provisional} {
		if q := g.Questions[i]; q.Verdict != want || platform(q) != "a" {
			t.Errorf("%d requests: %s %s", q.Requests, q.Verdict, platform(q))
		}
	}
	far := g.Questions[3]
	if !strings.Contains(far.Sentences[0], "The launches show it up to 50,000 requests: 200,000 are 400 times the largest batch that a ran") {
		t.Errorf("%q", far.Sentences[0])
	}
	if len(far.Missing) != 1 || !strings.Contains(far.Missing[0].Command, "batch_size=5000") || !strings.Contains(far.Missing[0].Command, "platform=a,b") {
		t.Errorf("the smallest batch asked about that is near enough: %+v", far.Missing)
	}
	if text := strings.Join(far.Sentences[1:], " "); strings.Contains(text, "times the largest batch") {
		t.Errorf("the distance is said twice: %s", text)
	}
}

// Who had its largest batch under way all at once may be faster with more: nobody wins against it, third or not, by what it was not
// given to do. Up to what was run they do, and so does it against others.
func TestNoWinnerOverWhoWasNeverFull(t *testing.T) {
	r := randOf(5)
	engines := []engine{{name: "a", load: 10, rate: 5, noise: quiet}, {name: "b", load: 10, rate: 4, noise: quiet}, {name: "c", load: 10, rate: 2, noise: quiet}}
	var cells []*tally
	for _, e := range engines {
		for _, at := range e.measured(r, []int64{10, 40}, 6) {
			for i := range at.runs {
				if c := &at.runs[i].Curve; e.name == "c" { // twenty seconds an answer: ten and forty at once
					c.AnswerS, c.RatePerS = 20, min(2, float64(at.size)/20)
				}
			}
			cells = append(cells, at)
		}
	}
	g := decided(t, r, cells, engines, nil, 40, 1000)
	if q := g.Questions[0]; q.Verdict != Winner || platform(q) != "a" {
		t.Errorf("of so many as were run: %s %q", q.Verdict, q.Sentences)
	}
	q := g.Questions[1]
	if q.Verdict != Provisional || platform(q) != "a" || !says(q, "c had all 40 requests of its largest batch under way at once: a larger one may go faster.") {
		t.Errorf("%s %q", q.Verdict, q.Sentences)
	}
	if len(q.Missing) != 1 || q.Missing[0].Command != "matrix apply --launches 6 --only platform=a,c --only model=m --only batch_size=1000" {
		t.Errorf("%+v", q.Missing)
	}
}

// The one that ran the smaller batches sets how far an answer reaches.
func TestFarIsOfTheOneThatRanLess(t *testing.T) {
	a, b := engine{name: "a", load: 10, rate: 100, noise: quiet}, engine{name: "b", load: 10, rate: 60, noise: quiet}
	r := randOf(7)
	cells := append(a.measured(r, []int64{500, 5000}, 6), b.measured(r, []int64{500}, 6)...)
	g := decided(t, r, cells, []engine{a, b}, nil, 200_000)
	if q := g.Questions[0]; q.Verdict != Provisional || !strings.Contains(q.Sentences[0], "that b ran") {
		t.Errorf("%s: %v", q.Verdict, q.Sentences)
	}
}

// A curve goes through what the answers say, and is measured where it was.
func TestCurvesAreTheAnswers(t *testing.T) {
	g := pair(t, fastStart, slowStart, threeSizes, 3, nil)
	curves := g.Curves()
	if len(curves) != 2 {
		t.Fatalf("%d curves", len(curves))
	}
	for _, c := range curves {
		at := map[int64]CurvePoint{}
		for i, p := range c.Points {
			at[p.Requests] = p
			if p.Low > p.Seconds || p.High < p.Seconds || i > 0 && p.Seconds < c.Points[i-1].Seconds*0.9 {
				t.Errorf("%s: %+v", c.Contender, p)
			}
		}
		for _, size := range threeSizes {
			if !at[size].Measured {
				t.Errorf("%s: %d requests were measured", c.Contender, size)
			}
		}
		for _, q := range g.Questions {
			for _, s := range q.Standings {
				if s.Contender == c.Contender && at[q.Requests].Seconds != s.Time.Seconds {
					t.Errorf("%s, %d requests: the curve says %g s, the answer %g s", c.Contender, q.Requests, at[q.Requests].Seconds, s.Time.Seconds)
				}
			}
		}
	}
	if q := g.Questions[2]; !strings.Contains(q.Change, "requests or fewer") {
		t.Errorf("what would turn it: %q", q.Change)
	}
	if (Group{}).Curves() != nil {
		t.Error("a group of nothing has curves")
	}
}

// Simulated cells alone are shown in the form of an answer, and every first sentence and record says that it is none.
func TestSimulatedAlone(t *testing.T) {
	r := randOf(3)
	a, b := engine{name: "a", load: 10, rate: 100, noise: quiet}, engine{name: "b", load: 10, rate: 60, noise: quiet}
	cells := append(a.measured(r, threeSizes, 3), b.measured(r, threeSizes, 3)...)
	for _, c := range cells {
		c.simulated = true
	}
	res, err := rulesOf(Options{}).decide(cells, modelOf(r, []engine{a, b}))
	if err != nil || !res.Simulated || len(res.Groups) != 1 || len(res.LeftOut) != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, q := range res.Groups[0].Questions {
		if !q.Simulated || !strings.HasPrefix(q.Sentences[0], "SIMULATED") {
			t.Errorf("%v: %q", q.Simulated, q.Sentences[0])
		}
	}
}

// What is required is held against everybody at the largest batch that tells of the number asked about, the worst of all.
func TestOneRequirementUnmetPerRange(t *testing.T) {
	a, b := engine{name: "a", load: 10, rate: 100, fail: 0.02, noise: quiet}, engine{name: "b", load: 10, rate: 60, noise: quiet}
	g := pair(t, a, b, threeSizes, 3, nil)
	for _, q := range g.Questions {
		if platform(q) != "b" {
			t.Errorf("%d requests: %s %s, though a fails 2 of 100", q.Requests, q.Verdict, platform(q))
		}
		for _, s := range q.Standings {
			if s.Contender == "a" && (s.Rank != 0 || s.Answered >= s.Planned || s.Planned == 0 || !strings.Contains(s.Why, "answered")) {
				t.Errorf("%+v", s)
			}
		}
	}
}

// A load that nobody recorded is left out of all times, and said: it takes no lead.
func TestMissingLoadIsLeftOut(t *testing.T) {
	a, b := engine{name: "a", rate: 100, noise: quiet}, engine{name: "b", load: 1000, rate: 60, noise: quiet}
	g := pair(t, a, b, threeSizes, 6, nil)
	for _, q := range g.Questions {
		for _, s := range q.Standings {
			if s.Contender == "a" && s.Time.LoadKnown {
				t.Errorf("a's load is called known: %+v", s.Time)
			}
		}
		if platform(q) == "a" && !strings.Contains(strings.Join(q.Sentences, " "), "load left out") {
			t.Errorf("%d requests: %v", q.Requests, q.Sentences)
		}
	}
}
