package main

import (
	"bytes"
	"strings"
	"testing"

	"matrix/results/decision"
)

// Every number of a ranking is printed with its cell, attempt, scale and weight; nothing is wider than the terminal.
func TestDecisionView(t *testing.T) {
	one := func(x float64) *float64 { return &x }
	m := decision.Metric{Name: "evaluations_per_hour", Unit: "1/h", Value: one(36000), Low: one(35000), High: one(37000), N: 3, Best: one(72000), Scale: "measured / best",
		Score: one(0.5), Share: 1, Contribution: 0.5, Sources: []decision.Source{{Cell: "ollama-m-100-ab", Attempts: []string{"01M85D"}}}}
	d := &decision.Result{Weights: []decision.Weight{{Criterion: "performance", Given: 40}}, Method: "bootstrap", Groups: []decision.Group{{Model: "m", Precision: "4-bit",
		Answer: decision.Answer{Sentences: []string{"Choose ollama."}},
		Overall: decision.Ranking{Weights: []decision.Weight{{Criterion: "performance", Given: 40, Share: 1}},
			Dropped:     []decision.Dropped{{Criterion: "efficiency", Metric: "j_per_output_token", Lacking: []string{"ollama"}}},
			Sensitivity: []decision.Flip{{Criterion: "performance", Weight: 40, Lower: one(12), LowerTo: "vllm"}},
			Standings: []decision.Standing{{Contender: "ollama", Rank: 1, Score: one(0.5), Low: one(0.4), High: one(0.6), First: one(1),
				Criteria: []decision.Criterion{{Name: "performance", Share: 1, Score: one(0.5), Metrics: []decision.Metric{m}}}},
				{Contender: "vllm", Why: "failed: out of memory"}}},
		Projections: []decision.Projection{{Contender: "ollama", Requests: 50000, Seconds: 1000, Rate: 50, FromSize: 100}, {Contender: "vllm", Requests: 50000, Seconds: 500, Rate: 100, FromSize: 100, LoadS: one(1)}}}}}
	var out bytes.Buffer
	a := &app{style: style{}}
	a.writeExplanation(&out, d)
	for _, want := range []string{
		"evaluations_per_hour 36,000 1/h (35,000 to 37,000 over 3 launches), best 72,000; score 0.500 = measured / best; × 100% → 50.00",
		"ollama-m-100-ab: 01M85D", "1. ollama: 50.0 of 100 (40.0 to 60.0; first in 100% of the draws)", "not ranked: vllm: failed: out of memory",
		"dropped for all: j_per_output_token (efficiency), lacking on ollama", "weight of performance, now 40: vllm is first at 12 or less",
		"ollama, 50,000 requests: 1,000 s without its load, which is not known, from", "vllm, 50,000 requests: 500 s, from",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	out.Reset()
	a.style.ascii = true
	a.writeExplanation(&out, d)
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r > 126 }); i >= 0 {
		t.Errorf("not ASCII: %q", out.String()[i:min(len(out.String()), i+20)])
	}
}
