package report

import (
	"context"

	"matrix/results/decision"
	"matrix/results/quality"
	"matrix/results/summary"
)

// manyPrompts is from how many on their comparison takes long enough to be watched.
const manyPrompts = 1000

// decide weighs what a set holds, answers included, by what is declared; requests nil: those that the declaration asks about.
// Both results are of the same set. Answers are compared once and kept beside the results, unless they are only read.
func (d declaration) decide(ctx context.Context, set *summary.Set, requests []int64) (*decision.Result, *quality.Report, error) {
	// references may have been added since; they need no new measurement
	prompts, err := d.prompts(ctx)
	if err != nil {
		return nil, nil, err
	}
	observe, stop := d.app.Counter("prompts compared", manyPrompts)
	answers, err := quality.Kept(ctx, set, prompts, d.app.ReadOnly, observe)
	stop()
	if err != nil {
		return nil, nil, err
	}
	o := decision.Options{Rules: d.rules(), Requests: requests, Command: d.command(ctx), Quality: accuracyOf(answers)}
	// A pair stands once, so it may have to be turned round.
	o.Difference = func(of, less *summary.Cell) *decision.Difference {
		for _, p := range answers.Pairs {
			forward := p.CellA == less.Slug && p.CellB == of.Slug
			if c := p.Accuracy; c != nil && forward {
				return &decision.Difference{Measure: "accuracy", Value: c.Value, Low: c.Low, High: c.High, N: c.N}
			} else if c != nil && p.CellA == of.Slug && p.CellB == less.Slug {
				return &decision.Difference{Measure: "accuracy", Value: -c.Value, Low: -c.High, High: -c.Low, N: c.N}
			}
		}
		return nil
	}
	// accuracy may be among the requirements, so answers come first
	weighed, err := decision.Decide(ctx, set, o)
	return weighed, answers, err
}

// accuracyOf looks up a cell's share of answers that are the reference.
// Of no prompt where none of the cell has a reference.
func accuracyOf(answers *quality.Report) func(*summary.Cell) (float64, int) {
	bySlug := map[string]*quality.Share{}
	for _, c := range answers.Cells {
		bySlug[c.Cell] = c.Accuracy
	}
	return func(c *summary.Cell) (float64, int) {
		if a := bySlug[c.Slug]; a != nil {
			return a.Value, a.N
		}
		return 0, 0
	}
}
