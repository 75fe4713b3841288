package report

import (
	"context"
	"fmt"

	"matrix/cmd/matrix/cli/app"
	"matrix/results/decision"
	"matrix/results/quality"
	"matrix/results/summary"
)

// decide weighs what a set holds, answers included, by what is declared; requests nil: those that the declaration asks about.
// Both results are of the same set. Answers are compared once and kept beside the results, unless they are only read.
func (d declaration) decide(ctx context.Context, set *summary.Set, requests []int64) (*decision.Result, *quality.Report, error) {
	// references may have been added since; they need no new measurement
	prompts, err := d.prompts(ctx)
	if err != nil {
		return nil, nil, err
	}
	answers, err := quality.Kept(ctx, set, prompts, d.app.ReadOnly, comparing(d.app))
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

// manyPrompts is from how many on their comparison takes long enough to be watched.
const manyPrompts = 1000

// comparing tells on a terminal how far the comparison of answers is, while it lasts.
// nil where nobody looks: quality.Kept takes that for nothing to tell.
func comparing(a *app.App) func(done, all int) {
	if !a.TTY || a.JSON {
		return nil
	}
	return func(done, all int) {
		switch {
		// done before anybody has read it
		case all < manyPrompts:
		case done < all:
			fmt.Fprintf(a.Err, "\r%d of %d prompts compared", done, all)
		default:
			fmt.Fprint(a.Err, "\r\x1b[K")
		}
	}
}
