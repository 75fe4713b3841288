package decision

import (
	"slices"

	"matrix/experiments/cell"
	"matrix/results/stats"
	"matrix/results/summary"
)

// Options say how to weigh and what else is known.
type Options struct {
	Rules    *cell.Decision // nil = the default weights, nothing required
	Requests []int64        // asked about, stronger than the rules'; nil = theirs, else DefaultRequests

	// Quality is the share of a cell's answers that are right, and of how many prompts; of 0 it is not known. Without it a weight of
	// quality is dropped for all.
	Quality func(*summary.Cell) (share float64, prompts int)
	// Difference is the quality of one cell less another's on the same prompts, nil = not to be had.
	Difference func(of, less *summary.Cell) *Difference
	// Command is what to type to get what is missing, "" = nothing would; nil = matrix apply with its selectors.
	Command func(Need) string
}

// DefaultRequests are asked about where nobody says otherwise.
var DefaultRequests = []int64{5_000, 50_000, 200_000}

// rules are the options with every default filled in.
type rules struct {
	id          string
	weights     map[string]float64
	require     map[string]float64
	goals       map[string]string
	requests    []int64
	perHour     *float64 // price
	electricity *float64 // price of a kWh
	currency    string
	metrics     []metric
	command     func(Need) string
	difference  func(of, less *summary.Cell) *Difference
}

func rulesOf(o Options) *rules {
	r := &rules{weights: defaultWeights, command: o.Command, difference: o.Difference, requests: DefaultRequests}
	if r.command == nil {
		r.command = Need.Command
	}
	if d := o.Rules; d != nil {
		r.id, r.require, r.goals = d.ID, d.Require, d.Goals
		r.perHour, r.electricity, r.currency = d.PricePerHour, d.ElectricityPerKWh, d.Currency
		if len(d.Weights) > 0 {
			r.weights = d.Weights
		}
		if len(d.Requests) > 0 {
			r.requests = d.Requests
		}
	}
	if len(o.Requests) > 0 {
		r.requests = o.Requests
	}
	r.requests = slices.Compact(slices.Sorted(slices.Values(r.requests)))
	r.metrics = withGoals(criteriaTable(), r.goals)
	return r
}

// columns are those that a requirement or a goal names.
func (r *rules) columns() []string { return slices.Concat(sortedKeys(r.require), sortedKeys(r.goals)) }

// level is the confidence of one interval, such that those of all numbers asked about hold together at stats.Level
// (Bonferroni): else two identical platforms, asked about three times, have a winner in one case of eight.
func (r *rules) level() float64 { return 1 - (1-stats.Level)/float64(len(r.requests)) }

// equal is how far from 1 a ratio of finish times may be, interval and all, to be called a tie.
const equal = 0.05
