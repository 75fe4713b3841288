package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

func synthetic(in cell.Length) *cell.Dataset {
	return &cell.Dataset{ID: "made", Seed: 42, Synthetic: &cell.Synthetic{InputTokens: in, Count: 4000}}
}

// The sums of all prompts by distribution. They must be the same on every platform and for ever, or results of two
// machines would not be about the same prompts.
func TestSyntheticGolden(t *testing.T) {
	for name, golden := range syntheticGolden {
		l := cell.Length{Distribution: name, Mean: 100, Stddev: 30, Min: 10, Max: 400}
		h := sha256.New()
		for _, e := range entries(t, open(t, synthetic(l))) {
			h.Write([]byte(e.Prompt + "\n"))
		}
		if got := hex.EncodeToString(h.Sum(nil))[:16]; got != golden {
			t.Errorf("%s: %s, want %s", name, got, golden)
		}
	}
}

func TestSyntheticLengths(t *testing.T) {
	for _, test := range []struct {
		length       cell.Length
		mean, spread float64
	}{
		{cell.Length{Distribution: "constant", Mean: 64}, 64, 0},
		{cell.Length{Distribution: "uniform", Min: 10, Max: 30}, 20, 6.06},
		{cell.Length{Distribution: "normal", Mean: 200, Stddev: 20}, 200, 20},
		{cell.Length{Distribution: "lognormal", Mean: 200, Stddev: 100}, 200, 100},
	} {
		n, sum, squares := 0.0, 0.0, 0.0
		for _, e := range entries(t, open(t, synthetic(test.length))) {
			words := float64(len(strings.Fields(e.Prompt)))
			n, sum, squares = n+1, sum+words, squares+words*words
		}
		mean := sum / n
		spread := math.Sqrt(math.Max(0, squares/n-mean*mean))
		if math.Abs(mean-test.mean) > 0.03*test.mean || math.Abs(spread-test.spread) > 0.08*test.spread {
			t.Errorf("%+v: mean %.1f, deviation %.1f", test.length, mean, spread)
		}
	}
}

func TestSyntheticPrefixAndOutput(t *testing.T) {
	d := synthetic(cell.Length{Distribution: "constant", Mean: 5})
	d.Synthetic.Prefix = 20
	d.Synthetic.OutputTokens = cell.Length{Distribution: "uniform", Min: 3, Max: 9}
	all := entries(t, open(t, d))
	prefix := strings.Join(strings.Fields(all[0].Prompt)[:20], " ")
	for _, e := range all {
		if !strings.HasPrefix(e.Prompt, prefix+" ") || len(strings.Fields(e.Prompt)) != 25 || e.MaxTokens < 3 || e.MaxTokens > 9 {
			t.Fatalf("%+v", e)
		}
	}
	if all[0].Prompt == all[1].Prompt {
		t.Error("two prompts are the same")
	}
}

func TestSyntheticFaults(t *testing.T) {
	for want, l := range map[string]cell.Length{
		"mean must be 1":            {Distribution: "normal"},
		"needs min and max":         {Distribution: "uniform", Mean: 5},
		"not one of":                {Distribution: "zipf", Mean: 5},
		"min 9 is above max 3":      {Mean: 5, Min: 9, Max: 3},
		"not between 0 and 1048576": {Mean: 1e12},
	} {
		if _, err := Open(t.Context(), synthetic(l)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want … %s …", l, err, want)
		}
	}
}

func TestExpAndLn(t *testing.T) {
	for _, x := range []float64{-3, -0.1, 0, 0.5, 1, 4.6, 10} {
		if got := exp(x); math.Abs(got/math.Exp(x)-1) > 1e-11 {
			t.Errorf("exp(%g) = %g, want %g", x, got, math.Exp(x))
		}
	}
	for _, x := range []float64{0.01, 0.9, 1, 1.25, 7, 1e6} {
		if got := ln(x); math.Abs(got-math.Log(x)) > 1e-12 {
			t.Errorf("ln(%g) = %g, want %g", x, got, math.Log(x))
		}
	}
}
