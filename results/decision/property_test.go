package decision

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments"
)

// rounds is how many random trees each property is held against.
const rounds = 40

// made is a cell with plausible random figures.
func made(r *rand.Rand, platform string, size int64) *cell {
	c := &cell{platform: platform, model: "m", size: size, origin: "e", place: "gpu", asked: "prompts", form: form{dtype: "bfloat16", bytes: 8e9},
		source: Source{Cell: fmt.Sprintf("%s-%d", platform, size), Name: fmt.Sprintf("%s/m/%d", platform, size), BatchSize: size}}
	rate := math.Exp(8 + 3*r.Float64())
	for i := range 1 + r.IntN(3) {
		values := map[string]float64{mRate: rate * (0.9 + 0.2*r.Float64()), mCPU: 0.1 + r.Float64(), mEnergy: 0.05 + r.Float64(), mMemory: 1e9 * (1 + r.Float64()),
			mFootprint: 1e8 * (1 + 50*r.Float64()), mPackages: 1 + float64(r.IntN(200)), mSettings: float64(r.IntN(12)),
			"request_throughput": rate / 3600, "load_s": 30 * r.Float64(), "weight_bytes": 8e9}
		c.launches = append(c.launches, launch{attempt: fmt.Sprint(c.source.Cell, i), values: values})
		c.complete, c.ok, c.planned = c.complete+1, c.ok+size, c.planned+size
	}
	return c
}

var madeSizes = []int64{10, 100, 1000}

// tree is two to four platforms at all sizes, some with a failed launch beside the good ones.
func tree(r *rand.Rand) []*cell {
	var out []*cell
	for p := range 2 + r.IntN(3) {
		for _, size := range madeSizes {
			c := made(r, string(rune('a'+p)), size)
			if r.IntN(6) == 0 {
				fail(c)
			}
			out = append(out, c)
		}
	}
	return out
}

func fail(c *cell) {
	c.failed, c.planned, c.ok, c.reason = c.failed+1, c.planned+c.size, c.ok+c.size/3, "out of memory"
}

// copied is a tree that can be changed without touching the first.
func copied(cells []*cell) []*cell {
	var out []*cell
	for _, c := range cells {
		d := *c
		d.launches = nil
		for _, l := range c.launches {
			d.launches = append(d.launches, launch{l.attempt, maps.Clone(l.values)})
		}
		out = append(out, &d)
	}
	return out
}

func decided(cells []*cell, weights map[string]float64) *Result {
	o := Options{Resamples: 8}
	if weights != nil {
		o.Rules = &experiments.Decision{Weights: weights}
	}
	return rulesOf(o).decide(cells, nil)
}

// ranks are the overall places, and scores the overall scores, by contender.
func ranks(res *Result) (places map[string]int, scores map[string]float64) {
	places, scores = map[string]int{}, map[string]float64{}
	for _, g := range res.Groups {
		for _, s := range g.Overall.Standings {
			places[s.Contender] = s.Rank
			if s.Score != nil {
				scores[s.Contender] = *s.Score
			}
		}
	}
	return places, scores
}

func eachTree(t *testing.T, f func(t *testing.T, r *rand.Rand, cells []*cell)) {
	t.Helper()
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 7))
		f(t, r, tree(r))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// faster multiplies a platform's rate at the sizes that fit.
func fasterAt(cells []*cell, platform string, factor float64, fits func(int64) bool) []*cell {
	out := copied(cells)
	for _, c := range out {
		if c.platform == platform && fits(c.size) {
			for i := range c.launches {
				c.launches[i] = c.launches[i].scaled(factor)
			}
		}
	}
	return out
}

// More throughput never lowers a rank: overall, where it grows at every size or at the largest; at one batch size,
// wherever it grows. (Overall, more at the smallest batch of the scalability ratio alone may: the ratio falls.)
func TestMoreThroughputNeverLowersARank(t *testing.T) {
	eachTree(t, func(t *testing.T, r *rand.Rand, cells []*cell) {
		before := decided(copied(cells), nil)
		factor := 1 + 3*r.Float64()
		for name, fits := range map[string]func(int64) bool{
			"everywhere": func(int64) bool { return true }, "largest": func(n int64) bool { return n == 1000 }, "smallest": func(n int64) bool { return n == 10 },
		} {
			was, _ := ranks(before)
			now, _ := ranks(decided(fasterAt(cells, "a", factor, fits), nil))
			if was["a"] > 0 && now["a"] > was["a"] {
				t.Errorf("%s: faster by %g, and rank %d became %d", name, factor, was["a"], now["a"])
			}
		}
		after := decided(fasterAt(cells, "a", factor, func(n int64) bool { return n == 100 }), nil)
		if was, now := placeAt(before, "a", 100), placeAt(after, "a", 100); was > 0 && now > was {
			t.Errorf("at 100: faster by %g, and rank %d became %d", factor, was, now)
		}
	})
}

func placeAt(res *Result, contender string, size int64) int {
	for _, k := range res.Groups[0].BySize {
		for _, s := range k.Standings {
			if k.BatchSize == size && s.Contender == contender {
				return s.Rank
			}
		}
	}
	return 0
}

func TestScalingAllWeightsChangesNothing(t *testing.T) {
	eachTree(t, func(t *testing.T, r *rand.Rand, cells []*cell) {
		weights, scaled := map[string]float64{}, map[string]float64{}
		factor := math.Exp(6*r.Float64() - 3)
		for _, name := range criteria[:4] {
			weights[name] = 1 + 50*r.Float64()
			scaled[name] = weights[name] * factor
		}
		places, scores := ranks(decided(copied(cells), weights))
		places2, scores2 := ranks(decided(copied(cells), scaled))
		if diff := cmp.Diff(places, places2); diff != "" {
			t.Error(diff)
		}
		for name, x := range scores {
			if math.Abs(x-scores2[name]) > 1e-12 {
				t.Errorf("%s: %g and %g", name, x, scores2[name])
			}
		}
	})
}

// A metric that one platform lacks is left out for all: the scores are those of a world without the metric, and no zero
// stands for it.
func TestMissingMetricIsNeverZero(t *testing.T) {
	eachTree(t, func(t *testing.T, r *rand.Rand, cells []*cell) {
		gone := []string{mRate, mCPU, mEnergy, mMemory, mFootprint, mPackages, mSettings}[r.IntN(7)]
		strip := func(only string) []*cell {
			out := copied(cells)
			for _, c := range out {
				for i := range c.launches {
					if only == "" || c.platform == only {
						delete(c.launches[i].values, gone)
					}
				}
			}
			return out
		}
		one, all := decided(strip("a"), nil), decided(strip(""), nil)
		_, a := ranks(one)
		_, b := ranks(all)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("without %s: %s", gone, diff)
		}
		if !slices.ContainsFunc(one.Groups[0].Overall.Dropped, func(d Dropped) bool { return d.Metric == gone && slices.Equal(d.Lacking, []string{"a"}) }) {
			t.Errorf("%s is gone, and not said: %+v", gone, one.Groups[0].Overall.Dropped)
		}
	})
}

func TestOrderOfCellsDoesNotMatter(t *testing.T) {
	eachTree(t, func(t *testing.T, r *rand.Rand, cells []*cell) {
		mixed := copied(cells)
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		a, _ := json.Marshal(decided(copied(cells), nil))
		b, _ := json.Marshal(decided(mixed, nil))
		if string(a) != string(b) {
			t.Errorf("the result depends on the order:\n%s", cmp.Diff(string(a), string(b)))
		}
	})
}

func TestSimulatedCellsChangeNothing(t *testing.T) {
	eachTree(t, func(t *testing.T, r *rand.Rand, cells []*cell) {
		more := copied(cells)
		for _, size := range madeSizes {
			sim := made(r, "sim", size)
			sim.simulated = true
			more = append(more, sim)
		}
		a, b := decided(copied(cells), nil), decided(more, nil)
		if len(b.LeftOut) != len(madeSizes) {
			t.Errorf("left out: %v", b.LeftOut)
		}
		b.LeftOut = a.LeftOut
		if diff := cmp.Diff(a, b); diff != "" {
			t.Error(diff)
		}
	})
}

// A failed cell, whether beside good launches or where nothing was tried before, never raises its platform.
func TestFailedCellNeverRaisesItsPlatform(t *testing.T) {
	eachTree(t, func(t *testing.T, r *rand.Rand, cells []*cell) {
		if r.IntN(2) == 0 { // a size that a was not tried at
			cells = slices.DeleteFunc(cells, func(c *cell) bool { return c.platform == "a" && c.size == 1000 })
		}
		more := copied(cells)
		size := append(madeSizes, 5000)[r.IntN(4)]
		at := slices.IndexFunc(more, func(c *cell) bool { return c.platform == "a" && c.size == size })
		if at < 0 {
			c := made(r, "a", size)
			c.launches, c.complete, c.ok, c.planned = nil, 0, 0, 0
			more, at = append(more, c), len(more)
		}
		fail(more[at])
		was, score := ranks(decided(copied(cells), nil))
		now, scored := ranks(decided(more, nil))
		if now["a"] > 0 && was["a"] > 0 && now["a"] < was["a"] {
			t.Errorf("a failure at %d, and rank %d became %d (%v → %v)", size, was["a"], now["a"], score, scored)
		}
		if scored["a"] > score["a"]+1e-12 {
			t.Errorf("a failure at %d, and the score %g became %g", size, score["a"], scored["a"])
		}
	})
}
