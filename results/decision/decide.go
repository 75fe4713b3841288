package decision

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"matrix/experiments"
	"matrix/results/predict"
	"matrix/results/summary"
)

// Options say how to weigh and what else is known.
type Options struct {
	Rules    *experiments.Decision // nil = the default weights, nothing required
	Requests []int64               // asked about, stronger than the rules'; nil = theirs, else DefaultRequests

	// Quality is what is known of a cell's answers, nil = nothing. Without it a weight of quality is dropped for all.
	Quality func(*summary.Cell) *Quality
	// Difference is the quality of one cell less another's on the same prompts, nil = not to be had.
	Difference func(of, less *summary.Cell) *Difference
	// Command is what to type to get what is missing, "" = nothing would; nil = matrix apply with its selectors.
	Command func(Need) string
}

// DefaultRequests are asked about where nobody says otherwise.
var DefaultRequests = []int64{5_000, 50_000, 200_000}

// Quality is how good a cell's answers are, with a 95% interval.
type Quality struct {
	Measure          string // "accuracy", "judge's preference" …
	Value, Low, High float64
	N                int // prompts
}

// times are the finish times of contenders, by their series; package predict's Model.
type times interface {
	Finish(series int, n int64) (predict.Finish, bool)
	First(series int, n int64) (predict.Finish, bool)
	Seconds(series int, n int64) (load, run float64, ok bool)
	RatioAt(a, b int, n int64, level float64) (predict.Ratio, bool)
}

// Decide says what a set holds. It needs no order of the cells and changes nothing; its errors are of reading.
func Decide(ctx context.Context, set *summary.Set, o Options) (*Result, error) {
	r := rulesOf(o)
	var cells []*cell
	for _, c := range set.Cells {
		at := cellOf(c, r.columns())
		if o.Quality != nil {
			if q := o.Quality(c); q != nil {
				for i := range at.launches {
					at.launches[i].values[mQuality] = q.Value
				}
			}
		}
		cells = append(cells, at)
	}
	out, err := r.decide(cells, func(all []*contender) (times, error) {
		series := make([][]*summary.Cell, len(all))
		for i, c := range all {
			for _, at := range c.cells() {
				series[i] = append(series[i], at.of)
			}
		}
		return set.FinishModel(ctx, series)
	})
	if err != nil {
		return nil, err
	}
	for _, p := range set.Problems {
		out.LeftOut = append(out.LeftOut, Finding{Kind: "damaged", Cell: p.Slug, Text: p.Experiment + "/" + p.Slug + "/" + p.Attempt + ": " + p.Detail})
	}
	return out, nil
}

// decide is Decide once the files are read.
func (r *rules) decide(cells []*cell, model func([]*contender) (times, error)) (*Result, error) {
	out := &Result{Decision: r.id, Weights: r.weightsAs(nil), Requests: r.requests, Currency: r.currency}
	slices.SortStableFunc(cells, func(a, b *cell) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.source.Cell, b.source.Cell))
	})
	var real []*cell
	for _, c := range cells {
		switch {
		case c.simulated:
			out.LeftOut = append(out.LeftOut, Finding{Kind: "simulated", Cell: c.source.Cell, Text: c.source.Name + ": simulated, no real engine ran"})
		case !c.tried():
			out.LeftOut = append(out.LeftOut, Finding{Kind: "stopped", Cell: c.source.Cell, Text: c.source.Name + ": every attempt was interrupted, or failed for the machine's fault"})
		default:
			real = append(real, c)
		}
	}
	var groups []*built
	var contenders []*contender
	for _, cells := range groupsOf(real) {
		g := gather(cells)
		groups = append(groups, g)
		for _, c := range g.contenders {
			c.series = len(contenders)
			contenders = append(contenders, c)
		}
	}
	titles(groups)
	finish, err := model(contenders)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		g.times = finish
		r.build(g)
		out.Groups = append(out.Groups, g.Group)
	}
	out.Prices = r.prices(groups)
	return out, nil
}

// build answers every question about a group.
func (r *rules) build(g *built) {
	g.Findings = g.findings()
	g.Checks = r.checks(g)
	for _, n := range r.requests {
		g.asks = append(g.asks, r.gate(g, n))
	}
	hybrids(g.asks)
	for _, a := range g.asks {
		g.Questions = append(g.Questions, r.question(g, a))
	}
}

// titles gives groups of one model and precision what tells them apart: the axes in which they differ; where none does,
// what was asked for or the machine; at the least their platforms.
func titles(groups []*built) {
	for _, g := range groups {
		var all []*cell
		for _, other := range groups {
			if other.Model == g.Model && other.Precision == g.Precision {
				all = append(all, other.cells()...)
			}
		}
		own := varying(g.cells())
		var parts []string
		for _, axis := range varying(all) {
			if !slices.Contains(own, axis) {
				parts = append(parts, axis+"="+g.cells()[0].settings[axis])
			}
		}
		if len(parts) == 0 && len(all) > len(g.cells()) {
			parts = apart(g.cells(), all)
		}
		g.Workload = strings.Join(parts, ", ")
	}
}

// ranked are aspects that cells of one group may differ in: they say nothing of the group.
var ranked = []string{"model", "batch size", "precision", "context", "load", "prefix cache", "engine version", "GPU driver", "page cache", "compile cache",
	"measured in", "neighbours", "client", "chat template"}

// apart says in what cells of one group are unlike those of the others: what was asked of them, or the machine.
func apart(own, all []*cell) []string {
	var parts []string
	for _, other := range all {
		if slices.Contains(own, other) || other.of == nil || own[0].of == nil {
			continue
		}
		for _, d := range summary.Unlike(own[0].of, other.of) {
			if text := d.Aspect + " " + d.A; !slices.Contains(ranked, d.Aspect) && !slices.Contains(parts, text) {
				parts = append(parts, text)
			}
		}
	}
	if len(parts) > 0 {
		return parts
	}
	for _, c := range own {
		if !slices.Contains(parts, c.platform) {
			parts = append(parts, c.platform)
		}
	}
	return parts
}

// findings are what to know of how the attempts ended.
func (g *built) findings() []Finding {
	var out []Finding
	for _, c := range g.contenders {
		for _, at := range c.cells() {
			add := func(kind, text string) {
				out = append(out, Finding{Kind: kind, Contender: c.name, Cell: at.source.Cell, Text: at.source.Name + ": " + text})
			}
			all := at.complete + at.failed + at.censored
			if at.failed > 0 {
				add("failed", fmt.Sprintf("%d of %d attempts failed: %s", at.failed, all, at.reason))
			}
			if at.censored > 0 {
				add("censored", fmt.Sprintf("%d of %d attempts ran into their limit: %s", at.censored, all, at.reason))
			}
			if at.imported {
				add("imported", "an earlier result, not measured here")
			}
			if at.of != nil {
				if grew := at.of.Leak(); grew != "" {
					add(leak, grew)
				}
			}
		}
	}
	return out
}

// leak is the kind of finding that belongs into the answer: a large batch may not come through.
const leak = "leak"

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
	r.metrics = withGoals(table(), r.goals)
	return r
}

// columns are those that a requirement or a goal names.
func (r *rules) columns() []string { return slices.Concat(sortedKeys(r.require), sortedKeys(r.goals)) }
