package decision

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"matrix/experiments"
)

// example is the worked example of docs/decision.md: 1,000 requests, one launch each.
func example() []*cell {
	one := func(platform string, values map[string]float64) *cell {
		return &cell{platform: platform, model: "m", size: 1000, origin: "e", place: "gpu", asked: "prompts", form: form{dtype: "bfloat16"},
			source:   Source{Cell: platform + "-m-1000", Name: platform + "/m/1000", BatchSize: 1000, Attempts: []string{"01" + platform}},
			complete: 1, ok: 1000, planned: 1000, launches: []launch{{attempt: "01" + platform, values: values}}}
	}
	return []*cell{
		one("vllm_serve", map[string]float64{mRate: 36000, mMemory: 10e9, mEnergy: 0.05, mCPU: 2, mFootprint: 6e9, mPackages: 170, mSettings: 5, "load_s": 60, "request_throughput": 25}),
		one("ollama", map[string]float64{mRate: 12000, mMemory: 9e9, mEnergy: 0.12, mCPU: 0.5, mFootprint: 1.5e9, mPackages: 1, mSettings: 2, "load_s": 10, "request_throughput": 3.5}),
	}
}

// table is a ranking as the page prints it.
func tableOf(k Ranking) string {
	var b strings.Builder
	b.WriteString("| | metric | weight | value | best | score | points |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range k.Standings {
		for _, c := range s.Criteria {
			for _, m := range c.Metrics {
				fmt.Fprintf(&b, "| %s | %s | %.4g%% × %.4g%% | %.5g | %.5g | %.3f | %.2f |\n", s.Contender, m.Name, 100*c.Share, 100*m.Share, *m.Value, *m.Best, *m.Score, 100*m.Contribution)
			}
		}
		fmt.Fprintf(&b, "| **%s** | | | | | | **%.2f** |\n", s.Contender, 100**s.Score)
	}
	return b.String()
}

func TestWorkedExample(t *testing.T) {
	res := decided(example(), nil)
	page, err := os.ReadFile("../../docs/decision.md")
	if err != nil {
		t.Fatal(err)
	}
	g := res.Groups[0]
	want := []string{tableOf(g.Overall), g.Answer.Sentences[0]}
	for _, f := range g.Overall.Sensitivity {
		if f.Lower != nil {
			want = append(want, fmt.Sprintf("below %.3g, %s is first", *f.Lower, f.LowerTo))
		}
	}
	for _, w := range want {
		if !strings.Contains(string(page), w) {
			t.Errorf("docs/decision.md lacks:\n%s", w)
		}
	}
	for _, s := range g.Overall.Standings { // points add up to the score
		var sum float64
		for _, c := range s.Criteria {
			for _, m := range c.Metrics {
				sum += m.Contribution
			}
		}
		if d := sum - *s.Score; d > 1e-12 || d < -1e-12 {
			t.Errorf("%s: the points add up to %g, not %g", s.Contender, sum, *s.Score)
		}
	}
}

// The flip is where the order turns: a hair to either side says so.
func TestSensitivityIsWhereTheOrderTurns(t *testing.T) {
	for _, f := range decided(example(), nil).Groups[0].Overall.Sensitivity {
		if f.Lower == nil {
			continue
		}
		for factor, first := range map[float64]string{0.99: f.LowerTo, 1.01: "vllm_serve"} {
			weights := map[string]float64{Performance: 40, Reliability: 30, Efficiency: 20, Simplicity: 10}
			weights[f.Criterion] = *f.Lower * factor
			if got := decided(example(), weights).Groups[0].Overall.Standings[0].Contender; got != first {
				t.Errorf("%s at %g: %s is first", f.Criterion, weights[f.Criterion], got)
			}
		}
	}
}

func TestRequirement(t *testing.T) {
	decide := func(require map[string]float64) Group {
		return rulesOf(Options{Rules: &experiments.Decision{Require: require}, Resamples: 8}).decide(example(), nil).Groups[0]
	}
	g := decide(map[string]float64{"success_rate": 0.999}) // 1,000 clean requests do not show it
	if g.Answer.Kind != Undecided || !strings.Contains(g.Answer.Sentences[0], "about 2995 requests without a failure would show 0.999") {
		t.Errorf("not shown: %+v", g.Answer)
	}
	g = decide(map[string]float64{"success_rate": 0.99, mRate: 20000})
	if g.Answer.Kind != Winner || g.Answer.Contender != "vllm_serve" || g.Overall.Standings[1].Rank != 0 {
		t.Errorf("ollama is too slow: %+v", g.Answer)
	}
	if g = decide(map[string]float64{mRate: 1e9}); g.Answer.Kind != Nobody {
		t.Errorf("nobody is that fast: %+v", g.Answer)
	}
}

// Small batches are ollama's (it loads in no time), large ones vllm's; between lies a break-even that is said to be
// interpolated.
func TestHybrid(t *testing.T) {
	var cells []*cell
	for _, size := range []int64{10, 1000} {
		for _, c := range example() {
			c.size, c.source.Cell, c.source.BatchSize = size, fmt.Sprint(c.platform, size), size
			if size == 10 {
				c.launches[0].values[mRate] = map[string]float64{"ollama": 5000, "vllm_serve": 500}[c.platform]
			}
			cells = append(cells, c)
		}
	}
	a := decided(cells, nil).Groups[0].Answer
	if a.Kind != Hybrid || len(a.Ranges) != 2 || a.Ranges[0].Contender != "ollama" || a.Ranges[0].BreakEven == nil {
		t.Fatalf("%+v", a)
	}
	if x := *a.Ranges[0].BreakEven; x <= 10 || x >= 1000 || !strings.Contains(a.Sentences[0], "interpolated, not measured") {
		t.Errorf("break-even %g: %s", x, a.Sentences[0])
	}
}

// An answer that rests on another tool's figures says so before all else.
func TestImportedAnswer(t *testing.T) {
	for imported, want := range map[int]string{0: "", 1: "Partly on imported figures", 2: "Nothing here was measured by matrix"} {
		cells := example()
		all := len(cells)
		if imported == 2 {
			imported = all
		}
		for _, c := range cells[:imported] {
			c.imported = true
		}
		first := decided(cells, nil).Groups[0].Answer.Sentences[0]
		if !strings.HasPrefix(first, want) || want == "" && strings.Contains(first, "mported") {
			t.Errorf("%d of %d imported: %s", imported, all, first)
		}
	}
}

// How sure: launches that differ by more than the lead make the two level, and the answer asks for launches.
func TestLevelLaunches(t *testing.T) {
	cells := example()
	cells[1].launches[0].values = cells[0].launches[0].values
	spread := func(c *cell, rates ...float64) {
		first := c.launches[0]
		c.launches = nil
		for _, rate := range rates {
			c.launches = append(c.launches, first.scaled(rate/36000))
		}
	}
	spread(cells[0], 30000, 42000, 37000)
	spread(cells[1], 41000, 31000, 36000)
	g := decided(cells, nil).Groups[0]
	if l := g.Overall.Lead; l == nil || !l.Level || l.Sure == nil || g.Answer.Kind != Undecided || !strings.Contains(g.Answer.Missing[0].What, "launches") {
		t.Errorf("%+v, lead %+v", g.Answer, g.Overall.Lead)
	}
	for _, s := range g.Overall.Standings {
		if s.Low == nil || *s.Low > *s.Score || *s.High < *s.Score {
			t.Errorf("%s: %v in %v to %v", s.Contender, *s.Score, s.Low, s.High)
		}
	}
}

func TestPrecisions(t *testing.T) {
	forms := []form{{dtype: "bfloat16", bytes: 8.6e9}, {quantization: "F16", bytes: 7.8e9}, {quantization: "Q4_K_M", bytes: 3.3e9}, {dtype: "bfloat16", quantization: "compressed-tensors", bytes: 3.9e9},
		{quantization: "w4a16"}, {quantization: "fp8"}, {quantization: "Q8_0"}, {quantization: "awq"}, {dtype: "float32"}, {}}
	want := []string{"16-bit", "16-bit", "4-bit", "4-bit", "4-bit", "8-bit", "8-bit", "4-bit", "32-bit", ""}
	if got := precisions(forms); !slices.Equal(got, want) {
		t.Errorf("precisions = %v, want %v", got, want)
	}
}

// Two precisions of a model are two groups, with a price between them; what crashed before it told its weights goes with
// its platform's other sizes.
func TestGroups(t *testing.T) {
	cells := example()
	cells[1].form = form{quantization: "Q4_K_M"}
	crashed := &cell{platform: "ollama", model: "m", size: 5000, origin: "e", place: "gpu", asked: "prompts", failed: 1, planned: 5000, reason: "out of memory",
		source: Source{Cell: "ollama-m-5000", Name: "ollama/m/5000"}}
	res := decided(append(cells, crashed), nil)
	if len(res.Groups) != 2 || res.Groups[0].Precision != "16-bit" || !slices.Equal(res.Groups[1].Sizes, []int64{1000, 5000}) || len(res.Prices) != 1 {
		t.Fatalf("%+v", res)
	}
	if p := res.Prices[0]; p.Throughput == nil || p.Quality != nil || !strings.Contains(p.Words, "quality not measured") {
		t.Errorf("%+v", p)
	}
}
