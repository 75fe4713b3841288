package decision

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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
	r := rulesOf(o)
	var cells []*cell
	for _, c := range set.Cells {
		at := cellOf(c, r.columns())
		at.simulated = c.Simulated
		if q := o.quality(c); q != nil {
			for i := range at.launches {
				at.launches[i].values[mQuality] = q.Value
			}
		}
		cells = append(cells, at)
	}
	out := r.decide(cells, o.Difference)
	for _, p := range set.Problems {
		out.LeftOut = append(out.LeftOut, Finding{Kind: "damaged", Cell: p.Slug, Text: p.Experiment + "/" + p.Slug + "/" + p.Attempt + ": " + p.Detail})
	}
	return out
}

func (o Options) quality(c *summary.Cell) *Quality {
	if o.Quality == nil {
		return nil
	}
	return o.Quality(c)
}

// decide is Decide once the files are read.
func (r *rules) decide(cells []*cell, difference func(of, less *summary.Cell) *Difference) *Result {
	out := &Result{Decision: r.id, Weights: r.weightsAs(nil), Method: fmt.Sprintf(
		"percentile bootstrap over launches, %d draws; a cell launched once is drawn from the pooled spread of its group, where any cell was launched twice", r.draws)}
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
	r.twice = widestOf(real)
	var groups []*built
	for _, cells := range groupsOf(real) {
		groups = append(groups, r.build(cells))
	}
	titles(groups)
	for _, g := range groups {
		out.Groups = append(out.Groups, g.Group)
	}
	out.Prices = prices(groups, difference)
	return out
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

func (g *built) cells() []*cell {
	var out []*cell
	for _, c := range g.contenders {
		out = append(out, c.within(scope{})...)
	}
	return out
}

func widestOf(cells []*cell) widest {
	var out widest
	for _, c := range cells {
		values := c.values(mRate)
		if len(values) < 2 || slices.Min(values) <= 0 {
			continue
		}
		if x := slices.Max(values)/slices.Min(values) - 1; x > out.ratio {
			out = widest{x, c.source.Name}
		}
	}
	return out
}

func rulesOf(o Options) *rules {
	r := &rules{weights: defaultWeights, draws: cmp.Or(o.Resamples, resamples), apply: cmp.Or(o.Apply, "matrix apply")}
	if d := o.Rules; d != nil {
		r.id, r.require, r.goals = d.ID, d.Require, d.Goals
		if len(d.Weights) > 0 {
			r.weights = d.Weights
		}
	}
	r.metrics = withGoals(table(), r.goals)
	return r
}

// columns are those that a requirement or a goal names.
func (r *rules) columns() []string { return slices.Concat(sortedKeys(r.require), sortedKeys(r.goals)) }
