package decision

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"matrix/results/summary"
)

// Decide says what a set holds. It needs no order of the cells and changes nothing; its errors are of reading.
func Decide(ctx context.Context, set *summary.Set, o Options) (*Result, error) {
	r := rulesOf(o)
	var cells []*tally
	for _, c := range set.Cells {
		at := cellOf(c, r.columns())
		if o.Quality != nil {
			var share float64
			if share, at.graded = o.Quality(c); at.graded > 0 {
				for i := range at.launches {
					at.launches[i].values[mQuality] = share
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
func (r *rules) decide(cells []*tally, model func([]*contender) (times, error)) (*Result, error) {
	out := &Result{Decision: r.id, Weights: r.weightsAs(nil), Requests: r.requests, Currency: r.currency}
	slices.SortStableFunc(cells, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.source.Cell, b.source.Cell))
	})
	// Where nothing else is there the form is shown of simulated cells, and every sentence says so.
	out.Simulated = len(cells) > 0 && !slices.ContainsFunc(cells, func(c *tally) bool { return !c.simulated })
	var real []*tally
	for _, c := range cells {
		switch {
		case c.simulated && !out.Simulated:
			out.LeftOut = append(out.LeftOut, Finding{Kind: "simulated", Cell: c.source.Cell, Text: c.source.Name + ": simulated, no real engine ran"})
		case !c.tried():
			out.LeftOut = append(out.LeftOut, Finding{Kind: "stopped", Cell: c.source.Cell, Text: c.source.Name + ": every attempt was interrupted, or failed for the machine's fault"})
		default:
			real = append(real, c)
		}
	}
	var groups []*contest
	var contenders []*contender
	for _, cells := range groupsOf(real) {
		g := gather(cells)
		g.Simulated = out.Simulated
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
func (r *rules) build(g *contest) {
	g.Findings = g.findings()
	g.Checks = r.checks(g)
	for _, n := range r.requests {
		g.asks = append(g.asks, r.gate(g, n))
	}
	hybrids(g.asks)
	for _, a := range g.asks {
		g.Questions = append(g.Questions, r.question(g, a))
	}
	g.curves = func() []Curve { return r.curves(g) }
}

// findings are what to know of how the attempts ended.
func (g *contest) findings() []Finding {
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
