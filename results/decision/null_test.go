package decision

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// rounds of each combination; MATRIX_NULL_ROUNDS=2000 is the full form (minutes).
func nullRounds(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("MATRIX_NULL_ROUNDS"))
	if err != nil {
		n = 100
	}
	return n
}

// share of rounds in which platforms a and b, b being so many times as fast, get one of the verdicts for any number of
// requests asked about.
func share(t *testing.T, faster float64, noise func(*rand.Rand) float64, launches int, sizes []int64, rounds int, verdicts ...string) float64 {
	t.Helper()
	hits := 0
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 11))
		engines := []engine{{name: "a", load: 30, rate: 50, noise: noise}, {name: "b", load: 30 / faster, rate: 50 * faster, noise: noise}}
		cells := append(engines[0].measured(r, sizes, launches), engines[1].measured(r, sizes, launches)...)
		found := verdictsOf(t, r, cells, engines)
		if slices.ContainsFunc(found, func(v string) bool { return slices.Contains(verdicts, v) }) {
			hits++
		}
	}
	return float64(hits) / float64(rounds)
}

// verdictsOf asks the gate alone: no sentences.
func verdictsOf(t *testing.T, r *rand.Rand, cells []*tally, engines []engine) []string {
	t.Helper()
	rules, g := rulesOf(Options{}), gather(cells)
	for i, c := range g.contenders {
		c.series = i
	}
	var err error
	if g.times, err = modelOf(r, engines)(g.contenders); err != nil {
		t.Fatal(err)
	}
	for _, n := range rules.requests {
		g.asks = append(g.asks, rules.gate(g, n))
	}
	hybrids(g.asks)
	var out []string
	for _, a := range g.asks {
		out = append(out, a.verdict)
	}
	return out
}

var threeSizes = []int64{100, 1000, 5000}

// Two identical platforms get a winner, or a hybrid, in no more than 5% of all cases, whatever the noise, the launches and
// the sizes; one launch each is never one.
func TestIdenticalPlatformsHaveNoWinner(t *testing.T) {
	rounds := nullRounds(t)
	noises := []struct {
		name string
		of   func(*rand.Rand) float64
	}{{"log-normal 3%", normal(0.03)}, {"log-normal 10%", normal(0.10)}, {"t₃ 3%", heavy(0.03)}, {"t₃ 10%", heavy(0.10)}}
	table, hits, all := "share of winner or hybrid between identical platforms\n", 0.0, 0.0
	for _, sizes := range [][]int64{{1000}, threeSizes} {
		for _, noise := range noises {
			line := fmt.Sprintf("%-15s %d sizes:", noise.name, len(sizes))
			for _, launches := range []int{1, 2, 3, 5, 6} {
				got := share(t, 1, noise.of, launches, sizes, rounds, Winner, Hybrid)
				line += fmt.Sprintf("  %d launches %.1f%%", launches, 100*got)
				if got > 0.05+margin(rounds) || launches == 1 && got > 0 {
					t.Errorf("%s, %d sizes, %d launches: %.1f%%", noise.name, len(sizes), launches, 100*got)
				}
				hits, all = hits+got*float64(rounds), all+float64(rounds)
			}
			table += line + "\n"
		}
	}
	t.Log(table)
	if hits/all > 0.05+margin(int(all)) {
		t.Errorf("%.1f%% of all", 100*hits/all)
	}
}

// margin is the Monte Carlo error of a share near 5%, three standard deviations.
func margin(rounds int) float64 { return 3 * math.Sqrt(0.05*0.95/float64(rounds)) }

// What is faster is told to be, given launches.
func TestFasterPlatformsWin(t *testing.T) {
	rounds := nullRounds(t)
	for _, c := range []struct {
		faster   float64
		launches int
	}{{1.10, 3}, {1.05, 6}} {
		got := share(t, c.faster, normal(0.03), c.launches, threeSizes, rounds, Winner)
		t.Logf("%.0f%% faster, 3%% noise, %d launches, 3 sizes: winner in %.0f%%", 100*(c.faster-1), c.launches, 100*got)
		if got < 0.80 {
			t.Errorf("%.0f%% faster with %d launches wins in %.0f%% only", 100*(c.faster-1), c.launches, 100*got)
		}
	}
}
