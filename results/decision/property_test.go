package decision

import (
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"matrix/experiments/cell"
	"matrix/results/predict"
)

// trees is how many random trees each property is held against; MATRIX_TREES=10000 is the full form.
func trees() int {
	if n, err := strconv.Atoi(os.Getenv("MATRIX_TREES")); err == nil {
		return n
	}
	return 150
}

// world is a random tree: two to four engines, their cells, and the loads that their starts took.
type world struct {
	engines []engine
	cells   []*tally
}

func randomWorld(r *rand.Rand) world {
	var w world
	for i := range 2 + r.IntN(3) {
		e := engine{name: string(rune('a' + i)), load: 1 + 200*r.Float64(), rate: math.Exp(6 * r.Float64()), noise: normal(0.05),
			figures: map[string]float64{mCPU: 0.1 + r.Float64(), mEnergy: 5 + 20*r.Float64(), mMemory: 1e9 * (1 + r.Float64()),
				mFootprint: 1e8 * (1 + 50*r.Float64()), mPackages: float64(r.IntN(200)), mSettings: float64(r.IntN(12))}}
		cells := e.measured(r, threeSizes, 1+r.IntN(3))
		if r.IntN(4) == 0 {
			at := cells[r.IntN(3)]
			at.answered -= int64(r.IntN(6))
		}
		if r.IntN(6) == 0 {
			at := cells[r.IntN(3)]
			at.failed, at.planned = at.failed+1, at.planned+at.size
		}
		w.engines, w.cells = append(w.engines, e), append(w.cells, cells...)
	}
	return w
}

// changed is the world with one engine and its cells altered; the rest is as it was.
func (w world) changed(name string, e func(*engine), c func(*tally)) world {
	out := world{engines: slices.Clone(w.engines)}
	for i := range out.engines {
		if out.engines[i].name == name && e != nil {
			e(&out.engines[i])
		}
	}
	for _, old := range w.cells {
		at := *old
		at.launches, at.runs = nil, slices.Clone(old.runs)
		for _, l := range old.launches {
			at.launches = append(at.launches, launch{l.attempt, maps.Clone(l.values)})
		}
		if at.platform == name && c != nil {
			c(&at)
		}
		out.cells = append(out.cells, &at)
	}
	return out
}

// speed makes launches so many times as fast.
func (c *tally) speed(by float64) {
	for i, run := range c.runs {
		c.runs[i] = predict.Launch{Requests: run.Requests, DurationS: run.DurationS / by, Curve: predict.Curve{RatePerS: run.Curve.RatePerS * by, Waves: run.Curve.Waves, AnswerS: run.Curve.AnswerS / by}}
	}
}

func (w world) decided(t *testing.T, rules *cell.Decision, requests ...int64) Group {
	return decided(t, nil, w.cells, w.engines, rules, requests...)
}

// places are who is where, by number of requests: 0 = out.
func places(g Group) []map[string]int {
	var out []map[string]int
	for _, q := range g.Questions {
		at := map[string]int{}
		for _, s := range q.Standings {
			at[s.Contender] = s.Rank
		}
		out = append(out, at)
	}
	return out
}

func eachWorld(t *testing.T, f func(*testing.T, *rand.Rand, world)) {
	t.Helper()
	for seed := range uint64(trees()) {
		r := rand.New(rand.NewPCG(seed, 7))
		f(t, r, randomWorld(r))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A shorter load, a higher rate, a failure less, a Joule less, all else as it is, never lowers a rank.
func TestBetterNeverLowersARank(t *testing.T) {
	eachWorld(t, func(t *testing.T, r *rand.Rand, w world) {
		by := 1 + r.Float64()
		before := places(w.decided(t, nil))
		for what, after := range map[string]world{
			"shorter load": w.changed("a", func(e *engine) { e.load /= by }, nil),
			"higher rate":  w.changed("a", nil, func(c *tally) { c.speed(by) }),
			"failure less": w.changed("a", nil, func(c *tally) { c.answered = min(c.planned, c.answered+1) }),
			"Joule less": w.changed("a", nil, func(c *tally) {
				for _, l := range c.launches {
					l.values[mEnergy]--
				}
			}),
		} {
			for i, now := range places(after.decided(t, nil)) {
				if was := before[i]["a"]; was > 0 && (now["a"] == 0 || now["a"] > was) {
					t.Errorf("%s: rank %d became %d", what, was, now["a"])
				}
			}
		}
	})
}

// Whether a third was measured never swaps the other two.
func TestThirdNeverSwapsTwo(t *testing.T) {
	eachWorld(t, func(t *testing.T, r *rand.Rand, w world) {
		gone := w.engines[len(w.engines)-1].name
		without := w.changed("", nil, nil)
		without.cells = slices.DeleteFunc(without.cells, func(c *tally) bool { return c.platform == gone })
		few := places(without.decided(t, nil))
		for i, all := range places(w.decided(t, nil)) {
			for x := range few[i] {
				for y := range few[i] {
					if (all[x] < all[y]) != (few[i][x] < few[i][y]) {
						t.Errorf("%s and %s were %d and %d, without %s %d and %d", x, y, all[x], all[y], gone, few[i][x], few[i][y])
					}
				}
			}
		}
	})
}

// Whether a small batch was run changes nobody who wins where T itself was measured.
func TestSmallBatchChangesNoMeasuredWinner(t *testing.T) {
	eachWorld(t, func(t *testing.T, r *rand.Rand, w world) {
		for _, c := range w.cells { // nothing went wrong
			c.failed, c.planned = 0, c.size*int64(c.complete)
			c.answered = c.planned
		}
		without := w.changed("", nil, nil)
		without.cells = slices.DeleteFunc(without.cells, func(c *tally) bool { return c.size == 100 })
		all, few := w.decided(t, nil).Questions[0], without.decided(t, nil).Questions[0]
		if all.Requests != 5000 || all.Verdict == Winner && platform(few) != platform(all) || few.Verdict == Winner && platform(all) != platform(few) {
			t.Errorf("%s %s, without the small one %s %s", all.Verdict, platform(all), few.Verdict, platform(few))
		}
	})
}

func TestScalingAllWeightsChangesNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, r *rand.Rand, w world) {
		weights, scaled := map[string]float64{}, map[string]float64{}
		factor := math.Exp(6*r.Float64() - 3)
		for _, name := range criteria[:4] {
			weights[name] = 1 + 50*r.Float64()
			scaled[name] = weights[name] * factor
		}
		a, b := w.decided(t, &cell.Decision{Weights: weights}), w.decided(t, &cell.Decision{Weights: scaled})
		if diff := cmp.Diff(places(a), places(b)); diff != "" {
			t.Error(diff)
		}
	})
}

// scoresOf are the scores of a question, by contender.
func scoresOf(q Question) map[string]float64 {
	out := map[string]float64{}
	for _, s := range q.Standings {
		if s.Score != nil {
			out[s.Contender] = *s.Score
		}
	}
	return out
}

// A metric that one platform lacks is left out for all, and said: no zero stands for it.
func TestMissingMetricIsNeverZero(t *testing.T) {
	eachWorld(t, func(t *testing.T, r *rand.Rand, w world) {
		gone := []string{mCPU, mEnergy, mMemory, mFootprint, mPackages, mSettings}[r.IntN(6)]
		strip := func(of ...string) Group {
			out := w
			for _, name := range of {
				out = out.changed(name, nil, func(c *tally) {
					for _, l := range c.launches {
						delete(l.values, gone)
					}
				})
			}
			return out.decided(t, nil)
		}
		var all []string
		for _, e := range w.engines {
			all = append(all, e.name)
		}
		one := strip("a")
		q := one.Questions[0]
		in := slices.ContainsFunc(q.Standings, func(s Standing) bool { return s.Contender == "a" && s.Rank > 0 })
		if !in { // then it takes nothing from the others
			return
		}
		for i, none := range strip(all...).Questions {
			if diff := cmp.Diff(scoresOf(one.Questions[i]), scoresOf(none), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("without %s: %s", gone, diff)
			}
		}
		if !slices.ContainsFunc(q.Dropped, func(d Dropped) bool { return d.Metric == gone && slices.Equal(d.Lacking, []string{"a"}) }) {
			t.Errorf("%s is gone, and not said: %+v", gone, q.Dropped)
		}
	})
}

func TestOrderOfCellsDoesNotMatter(t *testing.T) {
	eachWorld(t, func(t *testing.T, r *rand.Rand, w world) {
		mixed := w.changed("", nil, nil)
		r.Shuffle(len(mixed.cells), func(i, j int) { mixed.cells[i], mixed.cells[j] = mixed.cells[j], mixed.cells[i] })
		a, _ := json.Marshal(w.decided(t, nil))
		b, _ := json.Marshal(mixed.decided(t, nil))
		if string(a) != string(b) {
			t.Errorf("the result depends on the order:\n%s", cmp.Diff(string(a), string(b)))
		}
	})
}

func TestSimulatedCellsChangeNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, r *rand.Rand, w world) {
		more := w.changed("", nil, nil)
		for _, c := range (engine{name: "sim", load: 1, rate: 1e6}).measured(r, threeSizes, 1) {
			c.simulated = true
			more.cells = append(more.cells, c)
		}
		a, _ := json.Marshal(w.decided(t, nil))
		b, _ := json.Marshal(more.decided(t, nil))
		if string(a) != string(b) {
			t.Error(cmp.Diff(string(a), string(b)))
		}
	})
}

// What failed once, beside good launches or where nothing was tried before, never raises its platform.
func TestFailedCellNeverRaisesItsPlatform(t *testing.T) {
	eachWorld(t, func(t *testing.T, r *rand.Rand, w world) {
		if r.IntN(2) == 0 { // a size that a was not tried at
			w.cells = slices.DeleteFunc(w.cells, func(c *tally) bool { return c.platform == "a" && c.size == 1000 })
		}
		more := w.changed("", nil, nil)
		size := append(slices.Clone(threeSizes), 20_000)[r.IntN(4)]
		at := slices.IndexFunc(more.cells, func(c *tally) bool { return c.platform == "a" && c.size == size })
		if at < 0 {
			c := engine{name: "a", load: 1, rate: 1}.measured(r, []int64{size}, 1)[0]
			c.launches, c.runs, c.complete, c.answered, c.planned = nil, nil, 0, 0, 0
			more.cells, at = append(more.cells, c), len(more.cells)
		}
		c := more.cells[at]
		c.failed, c.planned, c.answered, c.reason = c.failed+1, c.planned+c.size, c.answered+c.size/3, "out of memory"
		was := places(w.decided(t, nil))
		for i, now := range places(more.decided(t, nil)) {
			if now["a"] > 0 && was[i]["a"] > 0 && now["a"] < was[i]["a"] {
				t.Errorf("a failure at %d, and rank %d became %d", size, was[i]["a"], now["a"])
			}
		}
	})
}

// The flip is where the order turns: a hair to either side says so.
func TestSensitivityIsWhereTheOrderTurns(t *testing.T) {
	tried := 0
	eachWorld(t, func(t *testing.T, r *rand.Rand, w world) {
		q := w.decided(t, nil).Questions[0]
		for _, f := range q.Flips {
			if f.Lower == nil || q.Verdict == Nobody || *f.Lower < 0.01 {
				continue
			}
			tried++
			for factor, first := range map[float64]string{0.999: f.LowerTo, 1.001: q.Standings[0].Contender} {
				weights := maps.Clone(defaultWeights)
				weights[f.Criterion] = *f.Lower * factor
				if got := w.decided(t, &cell.Decision{Weights: weights}).Questions[0].Standings[0].Contender; got != first {
					t.Errorf("%s at %g: %s is first, not %s", f.Criterion, weights[f.Criterion], got, first)
				}
			}
		}
	})
	if tried < trees()/10 {
		t.Errorf("only %d turns tried", tried)
	}
}

// TestMetricsHaveWords: a sentence never shows a column's name.
func TestMetricsHaveWords(t *testing.T) {
	for _, m := range criteriaTable() {
		if m.words == "" || strings.Contains(m.words, "_") {
			t.Errorf("%s is said as %q", m.name, m.words)
		}
	}
}
