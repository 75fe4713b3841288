package decision

import (
	"math"
	"slices"
	"strings"

	"matrix/results/format"
)

// perDecade is how many numbers of requests a curve has from one power of ten to the next.
const perDecade = 8

// curves are the finish times of those that are in at the largest number asked about, best first. Made when asked for: a
// hundred predictions a contender are many where a tree is only decided on.
func (r *rules) curves(g *contest) []Curve {
	last := g.asks[len(g.asks)-1]
	var out []Curve
	for _, c := range append(slices.Clone(last.order), last.aside...) {
		curve := Curve{Contender: c.name}
		for _, n := range spread(g, c, r.requests) {
			at := &inquiry{n: n, rules: r, scope: scope{times: g.times, without: last.scope.without}}
			if t := r.time(g, at, c); t != nil {
				curve.Points = append(curve.Points, CurvePoint{Requests: n, Time: *t})
			}
		}
		out = append(out, curve)
	}
	return out
}

// spread are the numbers of requests of a curve: even by ratio, from the smallest batch that was run to past the largest that
// is asked about, with those that the contender ran and those asked about among them. An import may tell of a batch of none.
func spread(g *contest, c *contender, asked []int64) []int64 {
	from, to := float64(max(1, g.Sizes[0])), 1.6*float64(max(slices.Max(asked), slices.Max(g.Sizes)))
	out := slices.Clone(asked)
	for _, at := range c.cells() {
		if at.complete > 0 {
			out = append(out, at.size)
		}
	}
	for k := 0.0; ; k++ {
		n := from * math.Pow(10, k/perDecade)
		if n > to {
			break
		}
		out = append(out, int64(math.Round(n)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// change says in a few words what would turn an answer.
func (a *inquiry) change(g *contest) string {
	switch {
	case a.verdict == NotComparable || a.verdict == Undecided || a.verdict == Nobody, a.verdict != Tie && a.alike != nil:
		return ""
	case a.second == nil:
		return a.metWouldLead(g)
	case a.verdict == Tie:
		return "their times differed by more than " + format.Percent(equal)
	case a.turn != nil && a.turn.above:
		return "about " + format.Whole(rounded(a.turn.at)) + " requests or more"
	case a.turn != nil:
		return "about " + format.Whole(rounded(a.turn.at)) + " requests or fewer"
	}
	if by := a.differ(a.second); by > 0 {
		return a.first.name + " took " + longer(by)
	}
	return ""
}

// metWouldLead names one that is out for nothing but what is required, and would be before the only one that is in; "" = there is none.
func (a *inquiry) metWouldLead(g *contest) string {
	for _, c := range g.contenders {
		var unmet []string
		for _, q := range a.admitted[c].held {
			if q.Status == Unmet {
				unmet = append(unmet, q.words())
			}
		}
		f, _ := g.times.Finish(c.series, a.n)
		if unmet != nil && f.Load.Known() && a.between(a.first, c).apart() < 0 {
			return c.name + " met " + strings.Join(unmet, " and ")
		}
	}
	return ""
}
