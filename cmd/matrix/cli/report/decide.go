package report

import (
	"context"
	"fmt"

	"matrix/cmd/matrix/cli/app"
	"matrix/experiments/cell"
	"matrix/results/decision"
	"matrix/results/quality"
	"matrix/results/summary"
)

// question is what a report was asked.
// The zero value asks for the default decision.
type question struct {
	rules    *cell.Decision             // nil = the default weights
	requests []int64                    // nil = the rules'
	prompts  quality.Prompts            // nil = no references
	command  func(decision.Need) string // nil = no declaration is at hand
	readOnly bool                       // nothing is kept in the results
	observe  func(done, all int)        // how far the comparison of answers is; may be nil
}

// decide weighs what a set holds, answers included.
// Both results are of the same set. Answers are compared once and kept beside the results, unless readOnly.
func decide(ctx context.Context, set *summary.Set, q question) (*decision.Result, *quality.Report, error) {
	answers, err := quality.Kept(ctx, set, q.prompts, q.readOnly, q.observe)
	if err != nil {
		return nil, nil, err
	}
	o := decision.Options{Rules: q.rules, Requests: q.requests, Command: q.command, Quality: accuracyOf(answers)}
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
