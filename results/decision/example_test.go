package decision

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

var update = flag.Bool("update", false, "write the worked example into docs/decision.md")

// example is the worked example of docs/decision.md: invented figures, three launches at each of three sizes.
func example(t *testing.T) Question {
	t.Helper()
	price := 2.4
	a := engine{name: "vllm_serve", load: 60, rate: 25, noise: quiet, figures: map[string]float64{mMemory: 10e9, mEnergy: 12, mCPU: 0.4, mFootprint: 6e9, mPackages: 170, mSettings: 5, mTokens: 200}}
	b := engine{name: "ollama", load: 10, rate: 8, noise: quiet, figures: map[string]float64{mMemory: 9e9, mEnergy: 29, mCPU: 0.1, mFootprint: 1.5e9, mPackages: 1, mSettings: 2, mTokens: 200}}
	r := rand.New(rand.NewPCG(8, 8))
	cells := append(a.measured(r, threeSizes, 3), b.measured(r, threeSizes, 3)...)
	return decided(t, r, cells, []engine{a, b}, &cell.Decision{PricePerHour: &price, Currency: "EUR"}, 50_000).Questions[0]
}

// table is a score as the page prints it.
func (q Question) table() string {
	var b strings.Builder
	b.WriteString("| | metric | weight | value | best | factor |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, s := range q.Standings {
		for _, l := range s.Lines {
			fmt.Fprintf(&b, "| %s | %s | %.3g%% | %.5g | %.5g | %.4f |\n", s.Contender, l.Metric, 100*l.Weight, l.Value, l.Best, l.Factor)
		}
		fmt.Fprintf(&b, "| **%s** | | | | | **%.1f** of 100 |\n", s.Contender, *s.Score)
	}
	return b.String()
}

const exampleMark = "<!-- computed by a test of results/decision -->\n\n"

// The page's worked example is what this package computes: -update writes it.
func TestWorkedExample(t *testing.T) {
	const path = "../../docs/decision.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	q := example(t)
	text := exampleMark + q.table() + "\n"
	for _, s := range q.Sentences {
		text += "> " + s + "\n"
	}
	for _, f := range q.Flips {
		if f.Lower != nil {
			text += fmt.Sprintf("\nWith a weight of %s below %.3g, %s is first, the other weights as they are.\n", f.Criterion, *f.Lower, f.LowerTo)
		}
	}
	head, _, found := strings.Cut(string(page), exampleMark)
	if *update && found {
		if err := os.WriteFile(path, []byte(head+text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if head+text != string(page) {
		t.Errorf("docs/decision.md should end with (-update writes it):\n%s", text)
	}
	for _, s := range q.Standings { // the factors make the score
		product := 100.0
		for _, l := range s.Lines {
			product *= l.Factor
		}
		if math.Abs(product-*s.Score) > 1e-9 {
			t.Errorf("%s: the factors make %g, not %g", s.Contender, product, *s.Score)
		}
	}
}
