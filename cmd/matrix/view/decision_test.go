package view

import (
	"bytes"
	"strings"
	"testing"

	"matrix/results/decision"
)

// Every factor of a score is printed with its cell, attempt and weight; nothing needs more than ASCII where there is no more.
func TestDecisionView(t *testing.T) {
	one := func(x float64) *float64 { return &x }
	line := decision.Line{Criterion: "performance", Metric: "finish_s", Unit: "s", Formula: "T", Value: 3600, Best: 1800, Weight: 0.4, Factor: 0.758,
		Sources: []decision.Source{{Cell: "ollama-m-100-ab", Attempts: []string{"01M85D"}}}}
	d := &decision.Result{Weights: []decision.Weight{{Criterion: "performance", Given: 40}}, Groups: []decision.Group{{Name: decision.Name{Model: "m", Precision: "4-bit"},
		Questions: []decision.Question{{Answer: decision.Answer{Requests: 5000, Verdict: decision.Winner, Sentences: []string{"Choose ollama."}},
			Weights: []decision.Weight{{Criterion: "performance", Given: 40, Share: 1}},
			Dropped: []decision.Dropped{{Criterion: "efficiency", Metric: "j_per_evaluation", Lacking: []string{"ollama"}}},
			Flips:   []decision.Flip{{Criterion: "performance", Weight: 40, Lower: one(12), LowerTo: "vllm"}},
			Standings: []decision.Standing{{Contender: "ollama", Rank: 1, Score: one(75.8), Lines: []decision.Line{line},
				Time: &decision.Time{Seconds: 3600, Low: 3500, High: 3700, LoadS: 12, LoadKnown: true, EnergyJ: one(1000), Cost: one(2), CostPer1000: one(0.4)}},
				{Contender: "vllm", Why: "failed at 100 requests (out of memory)"}}}}}}}
	var out bytes.Buffer
	p := NewPrinter(&out, &out)
	Decision(p, d)
	for _, want := range []string{
		"performance, finish_s = T: 3,600 s, best 1,800; weight 40%; factor 0.7580", "ollama-m-100-ab: 01M85D", "1. ollama: 75.8 of 100", "out: vllm failed at 100 requests (out of memory)",
		"dropped for all: j_per_evaluation (efficiency), lacking on ollama", "weight of performance, now 40: vllm is first at 12 or less",
		"takes 3,600 s (3,500 to 3,700), predicted; load 12 s", "GPU energy 1,000 J, without the load's", "costs 2: 0.4 per 1,000 evaluations",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	out.Reset()
	p.Style.ASCII = true
	Decision(p, d)
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r > 126 }); i >= 0 {
		t.Errorf("not ASCII: %q", out.String()[i:min(len(out.String()), i+20)])
	}
}
