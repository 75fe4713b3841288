package decision

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

// asked measures engines six times at each size, lets a test change their cells, and asks about 5,000 requests.
func asked(t *testing.T, rules *cell.Decision, change func(*tally), engines ...engine) Question {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 2))
	var cells []*tally
	for _, e := range engines {
		for _, at := range e.measured(r, threeSizes, 6) {
			if change != nil {
				change(at)
			}
			cells = append(cells, at)
		}
	}
	return decided(t, r, cells, engines, rules, 5000).Questions[0]
}

func says(q Question, text string) bool {
	return slices.ContainsFunc(q.Sentences, func(s string) bool { return strings.Contains(s, text) })
}

// alikes are three engines that are alike, the last first: by name is not as they came.
func alikes() []engine {
	of := func(name string) engine {
		return engine{name: name, load: 10, rate: 50, noise: quiet, figures: map[string]float64{mCPU: 0.1}}
	}
	return []engine{of("c"), of("b"), of("a")}
}

// Three that are alike: none of them is left out, whoever the noise puts last. Nor does the answer say what would turn it where nothing did.
func TestTieOfThree(t *testing.T) {
	q := asked(t, nil, nil, alikes()...)
	if q.Verdict != Tie || !strings.HasPrefix(q.Sentences[0], "a, b or c for 5,000 requests: equally fast, ") || !says(q, "Nothing else tells them apart: take any.") {
		t.Errorf("%s: %q", q.Verdict, q.Sentences)
	}
	if !slices.Equal(q.Among, []string{"a", "b", "c"}) || platform(q) != "a" || *q.RunnerUp != "b" || q.Standings[0].Contender != "a" || q.Standings[2].Contender != "c" {
		t.Errorf("among %q: %s before %s", q.Among, platform(q), *q.RunnerUp)
	}
	if len(q.Flips) > 0 || q.Change != "their times differed by more than 5%" {
		t.Errorf("%+v, %q", q.Flips, q.Change)
	}
	cpu := alikes()
	cpu[2].figures = map[string]float64{mCPU: 0.2}
	if q := asked(t, nil, nil, cpu...); q.Verdict != Tie || platform(q) != "b" || !says(q, "Take b or c by CPU time per evaluation.") || !slices.Equal(q.Among, []string{"b", "c", "a"}) {
		t.Errorf("%s: %q, %q", q.Verdict, q.Sentences, q.Among)
	}
}

// A third is not in a tie by being equal to the second alone.
func TestTieIsOfAll(t *testing.T) {
	three := alikes()
	three[1].rate, three[0].rate, three[1].load, three[0].load = 50/1.03, 50/1.06, 10.3, 10.6
	if q := asked(t, nil, nil, three...); q.Verdict != Tie || !slices.Equal(q.Among, []string{"a", "b"}) || says(q, "told apart from") {
		t.Errorf("%s among %q: %q", q.Verdict, q.Among, q.Sentences)
	}
}

// Who is faster than those that tie is named, and so is who launches do not tell from them.
func TestBesidesTie(t *testing.T) {
	three := alikes()
	three[0].rate, three[0].figures = 80, map[string]float64{mCPU: 1000}
	if q := asked(t, nil, nil, three...); q.Verdict != Tie || !says(q, "c is faster, 7") || len(q.Missing) > 0 {
		t.Errorf("%s: %q", q.Verdict, q.Sentences)
	}
	three = alikes()
	three[0].rate, three[0].noise = 45, normal(0.2)
	if q := asked(t, nil, nil, three...); q.Verdict != Tie || !slices.Equal(q.Among, []string{"a", "b"}) || !says(q, "c is not told apart from a.") || len(q.Missing) != 1 {
		t.Errorf("%s among %q: %q", q.Verdict, q.Among, q.Sentences)
	}
}

// Of two that are equally fast who has not shown what is required is not to be taken, whatever else speaks for it.
func TestTieOfNotShown(t *testing.T) {
	rules := &cell.Decision{Require: map[string]float64{"success_rate": 0.9999}}
	two := alikes()[1:]
	two[0].figures = map[string]float64{mCPU: 0.01} // b is first by the score
	few := func(at *tally) {
		if at.platform == "b" {
			at.answered, at.planned = at.answered/100, at.planned/100
		}
	}
	more := func(at *tally) { at.answered, at.planned = 10*at.answered, 10*at.planned }
	if q := asked(t, rules, func(at *tally) { more(at); few(at) }, two...); q.Verdict != Tie || platform(q) != "a" || !says(q, "Take a; success_rate ≥ 0.9999 is not shown of b.") {
		t.Errorf("%s %s: %q", q.Verdict, platform(q), q.Sentences)
	}
}

// A latency that is a goal is no time to finish: it decides a tie.
func TestGoalDecidesTie(t *testing.T) {
	two := alikes()[1:]
	two[0].figures, two[1].figures = map[string]float64{"ttft_p50_s": 0.02}, map[string]float64{"ttft_p50_s": 0.05}
	q := asked(t, &cell.Decision{Goals: map[string]string{"ttft_p50_s": "min"}}, func(at *tally) { at.shape = "closed" }, two...)
	if q.Verdict != Tie || platform(q) != "b" || !says(q, "Take b by ttft_p50_s.") {
		t.Errorf("%s %s: %q", q.Verdict, platform(q), q.Sentences)
	}
}

// Where time does not count: a lead that is shown is one though the times are equal; equal times leave it open; and where all that
// counts is equal nobody leads, and no launch would tell.
func TestWithoutTime(t *testing.T) {
	simple := &cell.Decision{Weights: map[string]float64{Simplicity: 1}}
	two := alikes()[1:]
	two[0].figures, two[1].figures = map[string]float64{mPackages: 10}, map[string]float64{mPackages: 100}
	if q := asked(t, simple, nil, two...); q.Verdict != Winner || platform(q) != "b" || says(q, "faster") {
		t.Errorf("fewer packages: %s %s: %q", q.Verdict, platform(q), q.Sentences)
	}
	two[1].figures[mPackages] = 10
	if q := asked(t, simple, nil, two...); q.Verdict != Tie || !says(q, "take either") {
		t.Errorf("equal: %s: %q", q.Verdict, q.Sentences)
	}
	two[0].rate = 100
	if q := asked(t, simple, nil, two...); q.Verdict != Provisional || !says(q, "a or b for 5,000 requests: the weights do not tell them apart") || !says(q, "b is faster") || len(q.Missing) > 0 || q.Change != "" {
		t.Errorf("twice as fast: %s: %q %+v", q.Verdict, q.Sentences, q.Missing)
	}
	noisy := func(at *tally) {
		for i, l := range at.launches {
			l.values[mCPU] = 0.1 * (1 + 0.1*float64(i%3))
			if at.platform == "a" {
				l.values[mCPU] *= 1.01
			}
		}
	}
	if q := asked(t, &cell.Decision{Weights: map[string]float64{Efficiency: 1}}, noisy, two...); q.Verdict != Provisional || says(q, "The ratio of the times") || says(q, "failures") || len(q.Missing) != 1 {
		t.Errorf("noise of the CPU time: %s: %q", q.Verdict, q.Sentences)
	}
}

// Two that are alike have no winner by figures that vary between launches, be the launches few and the sizes many.
func TestIdenticalFiguresHaveNoWinner(t *testing.T) {
	rounds := nullRounds(t)
	for _, launches := range []int{2, 3, 6} {
		wins := 0
		for seed := range rounds {
			r := rand.New(rand.NewPCG(uint64(seed), 13))
			engines := []engine{{name: "a", load: 30, rate: 50, noise: quiet}, {name: "b", load: 30, rate: 50, noise: quiet}}
			var cells []*tally
			for _, e := range engines {
				for _, at := range e.measured(r, threeSizes, launches) {
					for _, l := range at.launches {
						l.values[mCPU] = math.Exp(normal(0.1)(r))
					}
					cells = append(cells, at)
				}
			}
			if q := decided(t, r, cells, engines, &cell.Decision{Weights: map[string]float64{Efficiency: 1}}, 5000).Questions[0]; q.Verdict == Winner {
				wins++
			}
		}
		if share := float64(wins) / float64(rounds); share > 0.05+margin(rounds) {
			t.Errorf("%d launches: a winner in %.0f%%", launches, 100*share)
		}
	}
}

// Six right answers of ten and five are no difference, of a thousand they are; and none right is no lack of a figure.
func TestQualityIsOfPrompts(t *testing.T) {
	rules := &cell.Decision{Weights: map[string]float64{QualityName: 1}}
	two := alikes()[1:]
	graded := func(prompts int, a, b float64) func(*tally) {
		return func(at *tally) {
			at.graded = prompts
			for _, l := range at.launches {
				l.values[mQuality] = map[string]float64{"a": a, "b": b}[at.platform]
			}
		}
	}
	for _, c := range []struct {
		prompts int
		a, b    float64
		want    string
	}{{10, 0.6, 0.5, Tie}, {1000, 0.6, 0.5, Winner}, {1000, 0.6, 0, Winner}, {10, 0, 0, Tie}} {
		if q := asked(t, rules, graded(c.prompts, c.a, c.b), two...); q.Verdict != c.want || platform(q) != "a" || len(q.Dropped) > 0 {
			t.Errorf("%d prompts, %g and %g: %s %s: %q", c.prompts, c.a, c.b, q.Verdict, platform(q), q.Sentences)
		}
	}
	rules.Weights = nil
	rules.Weights = map[string]float64{Performance: 1, QualityName: 1}
	if q := asked(t, rules, graded(10, 0.5, 0.6), two...); q.Verdict != Tie || !says(q, "take either") {
		t.Errorf("%s: %q", q.Verdict, q.Sentences)
	}
}

// What decides a smaller number says so, for it stands beside the answer to the largest.
func TestNeedOfAnotherNumber(t *testing.T) {
	g := Group{Questions: []Question{{Answer: Answer{Requests: 100, Counts: countsValid, Missing: []Missing{{Text: "Try b at 100 requests"}}}}, {Answer: Answer{Requests: 5000}}}}
	if need := g.Need(); need.Text != "For 100 valid evaluations: Try b at 100 requests" || g.Questions[0].Missing[0].Text != "Try b at 100 requests" {
		t.Errorf("%+v", need)
	}
}

// A tie that leaves it open is no turn of the order: who is first by name there and another later is no dependence.
func TestTieIsNoTurn(t *testing.T) {
	name := func(s string) *string { return &s }
	g := Group{Questions: []Question{{Answer: Answer{Requests: 10, Verdict: Tie, Platform: name("a")}, either: true}, {Answer: Answer{Requests: 100, Verdict: Winner, Platform: name("b")}}}}
	if s := g.turnover(); s != "" {
		t.Error(s)
	}
}
