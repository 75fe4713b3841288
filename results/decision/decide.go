package decision

import (
	"matrix/experiments"
	"matrix/results/summary"
)

// Options say how to weigh and what else is known.
type Options struct {
	Rules *experiments.Decision // nil = the default weights, nothing required

	// Quality is what is known of a cell's answers, nil = nothing. Without it a weight of quality is dropped for all.
	Quality func(*summary.Cell) *Quality
	// Difference is the quality of one cell less another's on the same prompts, nil = not to be had.
	Difference func(of, less *summary.Cell) *Difference

	Apply     string // what a suggested command begins with; "" = "matrix apply"
	Resamples int    // of the launches, for the intervals; 0 = 2,000
}

// Quality is how good a cell's answers are, with a 95% interval.
type Quality struct {
	Measure          string // "accuracy", "judge's preference" …
	Value, Low, High float64
	N                int // prompts
}

// Decide ranks what a set holds. It needs no order of the cells and changes nothing.
func Decide(set *summary.Set, o Options) *Result {
	return &Result{}
}
