package quality

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// testdata/golden.json was computed by sacreBLEU and rouge-score (testdata/golden.py).
func TestAgainstSacrebleuAndRougeScore(t *testing.T) {
	doc, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Pairs []struct {
			Hypothesis, Reference string
			ChrF                  float64
			RougeL                float64 `json:"rouge_l"`
		}
	}
	if err := json.Unmarshal(doc, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Pairs) < 100 {
		t.Fatalf("%d pairs", len(golden.Pairs))
	}
	for _, p := range golden.Pairs {
		h, r := readingOf(p.Hypothesis), readingOf(p.Reference)
		if got := h.chrF(r); math.Abs(got-p.ChrF) > 1e-9 {
			t.Errorf("chrF(%q, %q) = %g, sacreBLEU has %g", p.Hypothesis, p.Reference, got, p.ChrF)
		}
		if got := h.rougeL(r); math.Abs(got-p.RougeL) > 1e-9 {
			t.Errorf("rougeL(%q, %q) = %g, rouge-score has %g", p.Hypothesis, p.Reference, got, p.RougeL)
		}
	}
}

func TestPrefixAgreement(t *testing.T) {
	for _, test := range []struct {
		a, b  string
		want  float64
		words int
	}{{"", " ", 1, 0}, {"a b c d", "a b x d", 0.5, 2}, {"a b", "a  b\n", 1, 2}, {"a", "", 0, 0}, {"x a", "a x", 0, 0}} {
		if got, words := prefixAgreement(strings.Fields(test.a), strings.Fields(test.b)); got != test.want || words != test.words {
			t.Errorf("%q %q: %g after %d words, want %g after %d", test.a, test.b, got, words, test.want, test.words)
		}
	}
}

func TestKinds(t *testing.T) {
	for text, want := range map[string]bool{"I'm sorry, but no": true, "**I cannot** help": true, "As an AI model": true, "Score: 7": false, "The apology: I can't": false, "I can do that": false} {
		if refuses(text) != want {
			t.Errorf("refuses(%q) = %v", text, !want)
		}
	}
	for text, want := range map[string]bool{`{"a": 1}`: true, "```json\n{\"a\": 1}\n```": true, "```\n[1]```": true, "```json\n{": false, "here: {}": false, "": false} {
		if validJSON(text) != want {
			t.Errorf("validJSON(%q) = %v", text, !want)
		}
	}
	for _, test := range []struct {
		answer, reference string
		want              bool
	}{{"Yes.", "yes", true}, {"Because of this.\n**YES**", "yes", true}, {"Yes\nsince", "Yes", true}, {"yesterday", "yes", false}, {"", "", false}, {"no", "yes", false}} {
		if correct(test.answer, test.reference) != test.want {
			t.Errorf("correct(%q, %q) = %v", test.answer, test.reference, !test.want)
		}
	}
}

// The interval of 8 of 10 is that of scipy.stats.binomtest(8, 10).proportion_ci(method="exact").
func TestShareOf(t *testing.T) {
	s := ShareOf(8, 10)
	if math.Abs(s.Low-0.44390454) > 1e-7 || math.Abs(s.High-0.97478927) > 1e-7 {
		t.Errorf("8 of 10: %+v", s)
	}
	if all := ShareOf(10, 10); all.High != 1 || all.Low < 0.69 {
		t.Errorf("10 of 10: %+v", all)
	}
	if ShareOf(0, 0) != nil {
		t.Error("0 of 0 is something")
	}
}

// Sorted grams are what slices.Sort and a count give, of evenly spread hashes and of those that fall into one bucket.
func TestGrams(t *testing.T) {
	for _, spread := range []uint64{0, 56} {
		hashes := make([]uint64, 700)
		want := map[uint64]int{}
		for i := range hashes {
			hashes[i] = uint64(i*7919%263) << spread
			want[hashes[i]]++
		}
		sorted := make([]uint64, len(hashes))
		sortHashes(sorted, hashes)
		grams := gramsOf(sorted)
		if !slices.IsSorted(sorted) || len(grams) != len(want) {
			t.Fatalf("%d grams of %d, sorted: %v", len(grams), len(want), slices.IsSorted(sorted))
		}
		for _, g := range grams {
			if g.count != want[g.hash] {
				t.Errorf("%x: %d times, want %d", g.hash, g.count, want[g.hash])
			}
		}
		if n := common(grams, grams[1:]); n != len(hashes)-grams[0].count {
			t.Errorf("%d in common", n)
		}
	}
}
