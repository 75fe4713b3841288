package decision

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"matrix/results/record"
	"matrix/results/summary/summarytest"
)

// TestCountsValid: where a form was asked for, the answer is about so many valid evaluations: half as many of them take twice
// as long, none at all puts a platform out, in words that say so.
func TestCountsValid(t *testing.T) {
	cell := func(platform string, scale float64, valid func(i int) bool) summarytest.Cell {
		row := func(i int, r *record.RequestRow) {
			ok := valid(i)
			r.Valid = &ok
		}
		return summarytest.Cell{Platform: platform, Size: 200, Spec: map[string]any{"generate": map[string]any{"max_tokens": 64, "json_schema": `{"type":"object"}`}},
			Launches: []summarytest.Launch{{Row: row, Scale: scale}, {Row: row, Scale: scale * 1.01}, {Row: row, Scale: scale * 0.99}}}
	}
	all, half, none := func(int) bool { return true }, func(i int) bool { return i%2 == 0 }, func(int) bool { return false }
	q := decidedOf(t, cell("a", 1, all), cell("b", 0.9, half), cell("c", 0.5, none)).Groups[0].Questions[0]
	said := strings.Join(q.Sentences, "\n")
	for _, want := range []string{"Choose a for 5,000 valid evaluations", "Of the answers 100% of a's and 50% of b's can be used, and the times count those alone.", "Out: c gave no answer that can be used."} {
		if !strings.Contains(said, want) {
			t.Errorf("does not say %q:\n%s", want, said)
		}
	}
	if q.Counts != countsValid || q.ValidShare == nil || *q.ValidShare != 1 || *q.standing("b").Usable != 0.5 {
		t.Errorf("%s, %v", q.Counts, q.ValidShare)
	}
	free := decidedOf(t, cell("a", 1, all), cell("b", 0.9, all)).Groups[0].Questions[0]
	if x := q.standing("b").Time.Seconds - q.standing("b").Time.LoadS; math.Abs(x/(free.standing("b").Time.Seconds-free.standing("b").Time.LoadS)-2) > 1e-6 {
		t.Errorf("half of the answers take ×%g", x)
	}
}

// TestRepeatedAlike: an answer that repeats itself counts alike where the engine ends it and where it goes on to max_tokens. Neither
// platform is out for it, neither wins by it, and the card names it for both.
func TestRepeatedAlike(t *testing.T) {
	cell := func(platform, status string) summarytest.Cell {
		row := func(i int, r *record.RequestRow) {
			ok := i%4 > 0
			if r.Valid = &ok; !ok {
				r.Status, r.InvalidReason = status, "repeated"
			}
		}
		return summarytest.Cell{Platform: platform, Size: 200, Launches: []summarytest.Launch{{Row: row}, {Row: row, Scale: 1.01}, {Row: row, Scale: 0.99}}}
	}
	g := decidedOf(t, cell("a", record.StatusRepeated), cell("b", record.StatusOK)).Groups[0]
	q := g.Questions[0]
	if q.Counts != countsValid || !strings.Contains(q.Sentences[0], "5,000 valid evaluations") { // the times are those of more requests
		t.Errorf("%s: %s", q.Counts, q.Sentences[0])
	}
	for _, s := range q.Standings {
		if s.Rank == 0 || s.Answered != s.Planned || *s.Usable != 0.75 {
			t.Errorf("%s: rank %d (%s), %d of %d answered, %g can be used", s.Contender, s.Rank, s.Why, s.Answered, s.Planned, *s.Usable)
		}
	}
	if x, y := q.standing("a"), q.standing("b"); q.Verdict == Winner || math.Abs(x.Time.Seconds/y.Time.Seconds-1) > 1e-6 {
		t.Errorf("%s: %g s against %g s", q.Verdict, x.Time.Seconds, y.Time.Seconds)
	}
	said := strings.Join(q.Sentences, "\n")
	for _, name := range []string{"a", "b"} {
		if want := "Amber: " + name + ", 200 requests: 150 of 600 answers cannot be used (25%): 150 × repeated."; !strings.Contains(said, want) {
			t.Errorf("does not say %q:\n%s", want, said)
		}
	}
}

// TestCostOfValid: energy and cost are of all the requests that so many valid evaluations take.
func TestCostOfValid(t *testing.T) {
	of := func(usable float64) *Time {
		columns := map[string]float64{"energy_j": 300, "output_tokens": 10_000, "requests_ok": 100, "valid_evaluations": 100 * usable}
		figures := map[string]float64{}
		for _, name := range []string{mEnergy, mTokens, mUsable} {
			figures[name] = *derived[name](func(column string) *float64 {
				if v, told := columns[column]; told {
					return &v
				}
				return nil
			})
		}
		e := engine{name: "a", load: 10, rate: 10, figures: figures}
		c := &contender{name: "a", at: map[int64]*tally{}}
		for _, at := range e.measured(rand.New(rand.NewPCG(1, 1)), []int64{100}, 2) {
			c.at[at.size] = at
		}
		price, each := 0.0, 1.0
		r, out := &rules{electricity: &each, perHour: &price}, &Time{Seconds: 100}
		r.price(out, c, &inquiry{n: 1000})
		return out
	}
	if whole := of(1); *whole.EnergyJ != 3000 {
		t.Errorf("%g J", *whole.EnergyJ)
	}
	if whole, half := of(1), of(0.5); *half.EnergyJ != 2**whole.EnergyJ || math.Abs(*half.CostPer1000 / *whole.CostPer1000 - 2) > 1e-9 || math.Abs(*half.CostPerMTokens / *whole.CostPerMTokens - 1) > 1e-9 {
		t.Errorf("%g J and %g, of which half can be used %g J and %g", *whole.EnergyJ, *whole.Cost, *half.EnergyJ, *half.Cost)
	}
}
