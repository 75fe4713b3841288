package decision

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"matrix/results/predict"
	"matrix/results/stats"
	"matrix/results/summary"
)

// equal is how far from 1 a ratio of finish times may be, interval and all, to be called a tie.
const equal = 0.05

// asking is one number of requests on its way to an answer.
type asking struct {
	n        int64
	rules    *rules
	verdict  string
	scope    scope
	admitted map[*contender]admission
	sheet    *sheet       // of those that are not out; nil = none
	order    []*contender // of the sheet, best first
	aside    []*contender // in, but behind, and compared without a load: its own is not known

	first, second *contender     // that lead; second is nil where one is alone
	ratio         *predict.Ratio // T of the second / T of the first
	rival         *contender     // from whom the first is not told apart; nil = from nobody
	red           []summary.Check
	untried       *cell // at which another broke, and the first was never tried
	turn          *turn
}

// gate is the one place that says what may be concluded of a number of requests: a winner, a tie and each side of a hybrid
// pass through it alike. In turn: who is out, what is not known of the first, what is not comparable, what is not told
// apart.
func (r *rules) gate(g *built, n int64) *asking {
	a := &asking{n: n, rules: r, admitted: map[*contender]admission{}}
	var in []*contender
	for _, c := range g.contenders {
		a.admitted[c] = r.admit(g, c, n)
		if a.admitted[c].why == "" {
			in = append(in, c)
		}
	}
	if len(in) == 0 {
		a.verdict = Nobody
		return a
	}
	r.weigh(g, a, in)
	a.red = g.reds(a.first, a.second)
	a.untried = g.untried(a.first, n)
	switch {
	case len(g.contenders) == 1, a.untried != nil, len(notShown(a.admitted[a.first].held)) > 0:
		a.verdict = Undecided
	case len(a.red) > 0:
		a.verdict = NotComparable
	case a.sheet.logs == nil:
		a.verdict = Undecided
	case a.second == nil:
		a.verdict = a.alone(g)
	case a.tied():
		a.verdict = Tie
		a.decideTie()
	default:
		a.verdict, a.rival = Winner, r.rival(g, a)
		if a.rival != nil {
			a.verdict = Provisional
		}
	}
	return a
}

// weigh puts those that are in into an order. Where somebody's load is not known all are compared without; who is behind
// even so does not take the load from the others.
func (r *rules) weigh(g *built, a *asking, in []*contender) {
	known := func(c *contender) bool {
		f, _ := g.times.Finish(c.series, a.n)
		return f.Load.Known()
	}
	a.score(r, g, in, slices.ContainsFunc(in, func(c *contender) bool { return !known(c) }))
	if lead := a.order[:min(2, len(a.order))]; a.scope.without && len(lead) == 2 && known(lead[0]) && known(lead[1]) {
		for _, c := range in {
			if !known(c) {
				a.aside = append(a.aside, c)
			}
		}
		a.score(r, g, slices.DeleteFunc(slices.Clone(in), func(c *contender) bool { return !known(c) }), false)
	}
	a.first = a.order[0]
	if len(a.order) > 1 {
		a.second = a.order[1]
		if ratio, ok := r.ratio(g, a.second, a.first, a.n); ok {
			a.ratio = &ratio
		}
	}
}

func (a *asking) score(r *rules, g *built, cs []*contender, without bool) {
	a.scope = scope{times: g.times, ns: []int64{a.n}, at: common(cs, a.n), without: without}
	a.sheet = r.tally(cs, a.scope)
	a.order = a.line()
}

func (a *asking) index(c *contender) int { return slices.Index(a.sheet.contenders, c) }

// reds are the red checks that stand between the two that lead. One that names two contenders or more stands between
// these; one of a single contender makes its figures no matter for comparison.
func (g *built) reds(first, second *contender) []summary.Check {
	var out []summary.Check
	for _, check := range g.Checks {
		if check.Level != summary.Red || check.Name == summary.CheckSuccess {
			continue
		}
		of := g.concerned(check)
		a, b := slices.Contains(of, first), second != nil && slices.Contains(of, second)
		if a && b || len(of) == 1 && (a || b) {
			out = append(out, check)
		}
	}
	slices.SortStableFunc(out, func(a, b summary.Check) int { return grave(a) - grave(b) })
	return out
}

// grave orders red checks: what was asked is the cause of all else, and an answer that is none makes all other figures no matter.
func grave(c summary.Check) int {
	switch {
	case c.Name == summary.CheckRequest:
		return 0
	case c.Name == summary.CheckEnds, c.Name == summary.CheckAnswers && len(c.Contenders) == 1:
		return 1
	}
	return 2
}

// concerned are the contenders whose cells a check names.
func (g *built) concerned(check summary.Check) []*contender {
	var out []*contender
	for _, c := range g.contenders {
		if slices.ContainsFunc(c.cells(), func(at *cell) bool { return slices.Contains(check.Cells, at.origin+"/"+at.source.Cell) }) {
			out = append(out, c)
		}
	}
	return out
}

// untried is the smallest batch up to n at which another broke or failed once, and to which the first never came: that it
// would come through is not known. nil = there is none.
func (g *built) untried(first *contender, n int64) *cell {
	reached := first.reached()
	for _, size := range g.Sizes {
		if size <= reached || size > n {
			continue
		}
		for _, c := range g.contenders {
			if at := c.at[size]; c != first && at != nil && at.failed+at.censored > 0 {
				return at
			}
		}
	}
	return nil
}

// alone is the verdict on the only one that is in: shown where it came through more than once, and the others are out for
// more than one attempt's sake.
func (a *asking) alone(g *built) string {
	for _, c := range g.contenders {
		if c != a.first && !a.admitted[c].sure {
			return Provisional
		}
	}
	if !a.first.repeated() {
		return Provisional
	}
	return Winner
}

// tied reports that the two that lead take equally long, as far as launches tell.
func (a *asking) tied() bool {
	return a.ratio != nil && a.sheet.shares[Performance] > 0 && !a.ratio.Assumed && a.first.repeated() && a.second.repeated() &&
		a.ratio.Low > 1-equal && a.ratio.High < 1+equal
}

// decideTie lets everything but the time decide between the two that lead.
func (a *asking) decideTie() {
	if log, _ := a.between(a.second, a.first).without(Performance, 0, 1); log <= 1e-12 {
		return
	}
	a.first, a.second = a.second, a.first
	a.ratio = &predict.Ratio{Ratio: 1 / a.ratio.Ratio, Low: 1 / a.ratio.High, High: 1 / a.ratio.Low, DF: a.ratio.DF, LoadLeftOut: a.ratio.LoadLeftOut}
}

// rival is the contender from whom launches do not tell the first apart, the nearest first; nil = they tell it from all.
func (r *rules) rival(g *built, a *asking) *contender {
	for _, other := range a.order[1:] {
		if !r.shown(g, a, other) {
			return other
		}
	}
	return nil
}

// shown reports that launches tell the first from another: the interval of their scores' difference excludes 0, that of
// their times' ratio excludes 1 (where time counts at all), and the order does not hang on failures that may be chance.
// A cell launched once says nothing of how much identical launches differ.
func (r *rules) shown(g *built, a *asking, other *contender) bool {
	if !a.first.repeated() || !other.repeated() {
		return false
	}
	pair := a.between(a.first, other)
	freedom := float64(a.first.launches() + other.launches() - 2)
	if pair.shares[Performance] > 0 {
		ratio, ok := r.ratio(g, other, a.first, a.n)
		if !ok || ratio.Assumed || ratio.Low <= 1 && ratio.High >= 1 {
			return false
		}
		freedom = ratio.DF
	}
	log, sd := pair.apart(0, 1)
	if log <= quantile(freedom, r.level())*sd {
		return false
	}
	chance, _ := pair.without(Reliability, 0, 1)
	return chance > 0 || a.fewerFail(other)
}

// fewerFail reports that the first's failures are fewer than another's by more than chance: Fisher's exact test at 5%, on
// requests and on attempts.
func (a *asking) fewerFail(other *contender) bool {
	okA, allA := a.first.requests(a.n)
	okB, allB := other.requests(a.n)
	if stats.Fisher(allA-okA, allA, allB-okB, allB) < 0.05 {
		return true
	}
	doneA, triesA := a.first.attempts(a.n)
	doneB, triesB := other.attempts(a.n)
	return stats.Fisher(int64(triesA-doneA), int64(triesA), int64(triesB-doneB), int64(triesB)) < 0.05
}

// ratio is T of one contender over T of another.
func (r *rules) ratio(g *built, over, under *contender, n int64) (predict.Ratio, bool) {
	return g.times.RatioAt(over.series, under.series, n, r.level())
}

// level is the confidence of one interval, such that those of all numbers asked about hold together at stats.Level
// (Bonferroni): else two identical platforms, asked about three times, have a winner in one case of eight.
func (r *rules) level() float64 { return 1 - (1-stats.Level)/float64(len(r.requests)) }

// quantile is t of a two-sided interval.
func quantile(freedom, level float64) float64 {
	q := (1 + level) / 2
	if math.IsInf(freedom, 1) {
		return distuv.UnitNormal.Quantile(q)
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: max(1, freedom)}.Quantile(q)
}

// hybrids joins what was found for each number: where two win, each at its own, both are sides of a hybrid.
func hybrids(asks []*asking) {
	winners := map[*contender]bool{}
	for _, a := range asks {
		if a.verdict == Winner {
			winners[a.first] = true
		}
	}
	if len(winners) < 2 {
		return
	}
	for _, a := range asks {
		if a.verdict == Winner {
			a.verdict = Hybrid
		}
	}
}
