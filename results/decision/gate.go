package decision

import (
	"fmt"
	"slices"

	"matrix/results/format"
	"matrix/results/stats"
	"matrix/results/summary"
)

// gate is the one place that says what may be concluded of a number of requests: a winner, a tie and each side of a hybrid
// pass through it alike. In turn: who is out, what is not known of the first, what is not comparable, what is not told
// apart.
func (r *rules) gate(g *contest, n int64) *inquiry {
	a := &inquiry{n: n, rules: r, admitted: map[*contender]admission{}}
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
	if a.second != nil && a.sheet.logs != nil {
		a.rival = r.rival(g, a)
		// Where time does not count, a lead that is shown is one, however equal the times.
		if (a.rival != nil || a.sheet.shares[Performance] > 0) && g.equallyFast(a, a.first, a.second) {
			a.decideTie(g)
		}
	}
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
	case a.tied != nil:
		a.verdict = Tie
	case a.rival != nil:
		a.verdict = Provisional
		a.even()
	default:
		a.verdict = Winner
	}
	// A lead of two percent among tiny batches, however sure, tells little of a batch a thousand times as large: what fills a
	// cache, heats a card or leaks comes later.
	if a.verdict == Winner && a.distant() {
		a.verdict, a.onlyFar = Provisional, true
	}
	return a
}

// weigh puts those that are in into an order. Where somebody's load is not known all are compared without; who is behind
// even so does not take the load from the others.
func (r *rules) weigh(g *contest, a *inquiry, in []*contender) {
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

// score tallies some contenders at the size that all of them completed, and puts them into their order.
func (a *inquiry) score(r *rules, g *contest, cs []*contender, without bool) {
	a.scope = scope{times: g.times, ns: []int64{a.n}, at: common(cs, a.n), without: without}
	a.sheet = r.tally(cs, a.scope)
	a.order = a.line()
}

// reds are the red checks that stand between the two that lead. One that names two contenders or more stands between
// these; one of a single contender makes its figures no matter for comparison.
func (g *contest) reds(first, second *contender) []summary.Check {
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

// untried is the smallest batch up to n at which another broke or failed once, and to which the first never came; or the one beyond
// n at which it broke itself, where n is more than it ever came through: that it would come through is not known. nil = there is
// none.
func (g *contest) untried(first *contender, n int64) *tally {
	reached := first.reached()
	for _, size := range g.Sizes {
		if size <= reached || n <= reached {
			continue
		}
		for _, c := range g.contenders {
			if at := c.at[size]; at != nil && at.failed+at.censored > 0 && (c == first || size <= n) {
				return at
			}
		}
	}
	return nil
}

// notTried says of whom that is, and why it matters.
func (c *contender) notTried(at *tally) string {
	if c.at[at.size] == at {
		return fmt.Sprintf("came through no more than %s requests, and %s", format.Whole(c.reached()), at.trouble())
	}
	return fmt.Sprintf("was not tried at %s requests, where %s %s", format.Whole(at.size), at.platform, at.trouble())
}

// alone is the verdict on the only one that is in: shown where it came through more than once, and the others are out for
// more than one attempt's sake.
func (a *inquiry) alone(g *contest) string {
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

// rival is the contender from whom launches do not tell the first apart, the nearest first, those aside that tie with it;
// nil = they tell it from all.
func (r *rules) rival(g *contest, a *inquiry) *contender {
	for _, other := range a.order[1:] {
		if !slices.Contains(a.tied, other) && !r.shown(g, a, other) {
			return other
		}
	}
	return nil
}

// shown reports that launches tell the first from another: the interval of their scores' difference excludes 0, that of
// their times' ratio excludes 1 (where time counts at all), and the order does not hang on failures that may be chance.
// A cell launched once says nothing of how much identical launches differ.
func (r *rules) shown(g *contest, a *inquiry, other *contender) bool {
	if !a.first.repeated() || !other.repeated() {
		return false
	}
	pair := a.between(a.first, other)
	ratio, ok := r.ratio(g, other, a.first, a.n)
	if pair.shares[Performance] > 0 && (!ok || ratio.Assumed || ratio.Low <= 1 && ratio.High >= 1) {
		return false
	}
	if pair.apart() <= pair.margin(r.level(), ratio.DF) {
		return false
	}
	return pair.without(Reliability) > 0 || a.fewerFail(other)
}

// fewerFail reports that the first's failures are fewer than another's by more than chance, of requests or of attempts.
func (a *inquiry) fewerFail(other *contender) bool {
	return min(a.first.requestsChance(other, a.n), a.first.attemptsChance(other, a.n)) < 0.05
}

// requestsChance is the p of Fisher's exact test that as many of c's requests failed as of another's.
func (c *contender) requestsChance(other *contender, n int64) float64 {
	okA, allA := c.requests(n)
	okB, allB := other.requests(n)
	return stats.Fisher(allA-okA, allA, allB-okB, allB)
}

// attemptsChance is that p of attempts.
func (c *contender) attemptsChance(other *contender, n int64) float64 {
	doneA, triesA := c.attempts(n)
	doneB, triesB := other.attempts(n)
	return stats.Fisher(int64(triesA-doneA), int64(triesA), int64(triesB-doneB), int64(triesB))
}

// hybrids joins what was found for each number: where two win, each at its own, both are sides of a hybrid.
func hybrids(asks []*inquiry) {
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
