package decision

import (
	"fmt"
	"math"
	"slices"
)

// enough is the share of draws in which the first must stay ahead to be called ahead.
const enough = 0.95

// lead is the distance between the first two, and how sure it is.
func (r *rules) lead(t *sheet, s scope, sure certainty) *Lead {
	if t.totals == nil || len(t.contenders) < 2 {
		return nil
	}
	order := t.order()
	first, second := order[0], order[1]
	a, b := t.contenders[first], t.contenders[second]
	l := &Lead{First: a.name, Second: b.name, Score: t.totals[first] - t.totals[second], Sure: sure.ahead}
	l.Rate = t.rates(first, second)
	if r.twice.ratio > 0 {
		l.LaunchSpread, l.SpreadCell = &r.twice.ratio, r.twice.cell
	}
	ahead := fmt.Sprintf("%s is %s ahead of %s", a.name, points(l.Score), b.name)
	if l.Rate != nil {
		ahead += ", " + faster(*l.Rate)
	}
	fewest := min(a.fewest(s), b.fewest(s))
	switch {
	case l.Score == 0:
		l.Level, l.Words = true, a.name+" and "+b.name+" have the same score"
	case l.Sure != nil:
		l.Level = *l.Sure < enough
		l.Words = fmt.Sprintf("%s; it stays ahead in %s of the draws%s", ahead, percent(*l.Sure), assumed(fewest, sure.spread))
		if l.Level {
			l.Words += ": the two are not told apart"
		}
	case l.LaunchSpread == nil:
		l.Words = ahead + "; one launch each, and nothing here tells how much identical launches differ"
	default:
		l.Level = r.overtakes(t, s, first, second, r.twice.ratio)
		l.Words = fmt.Sprintf("%s; one launch each: that is %s the %s seen between identical launches of %s", ahead,
			map[bool]string{true: "within", false: "beyond"}[l.Level], percent(r.twice.ratio), r.twice.cell)
	}
	return l
}

// assumed says where an interval rests on the spread of other cells.
func assumed(fewest int, sp *spread) string {
	if fewest != 1 {
		return ""
	}
	return fmt.Sprintf(" (cells launched once are given the spread of %d launched more often, ± %s: an assumption)", sp.cells, percent(sp.sigma))
}

// rates is the ratio of two contenders' rates: the geometric mean over the sizes compared; nil where one got nothing
// done, or no rate was compared.
func (t *sheet) rates(first, second int) *float64 {
	for _, e := range t.entries {
		if e.name != mRate && e.name != mRateBare {
			continue
		}
		var sum float64
		for _, values := range e.values {
			if values[first] <= 0 || values[second] <= 0 {
				return nil
			}
			sum += math.Log(values[first] / values[second])
		}
		x := math.Exp(sum / float64(len(e.values)))
		return &x
	}
	return nil
}

// overtakes reports whether the second would be first, were it faster by what identical launches differ by.
func (r *rules) overtakes(t *sheet, s scope, first, second int, by float64) bool {
	again := slices.Clone(t.contenders)
	faster := *again[second]
	faster.at = map[int64]*cell{}
	for size, c := range t.contenders[second].at {
		at := *c
		at.launches = nil
		for _, l := range c.launches {
			at.launches = append(at.launches, l.scaled(1+by))
		}
		faster.at[size] = &at
	}
	again[second] = &faster
	u := tally(again, r.metrics, s, r.weights)
	return u.totals != nil && u.totals[second] >= u.totals[first]
}

// points writes a difference of scores, which are out of 100.
func points(x float64) string { return fmt.Sprintf("%.1f points of 100", 100*x) }

// faster says how much more is done in the same time.
func faster(ratio float64) string {
	switch {
	case ratio >= 2:
		return fmt.Sprintf("%.1f times as fast", ratio)
	case ratio >= 1.005:
		return percent(ratio-1) + " faster"
	case ratio > 0.995:
		return "as fast"
	}
	return percent(1-ratio) + " slower"
}

func percent(x float64) string {
	switch {
	case x >= 0.995 && x < 1: // never rounded up to certainty
		return fmt.Sprintf("%.1f%%", math.Floor(1000*x)/10)
	case math.Abs(x) < 0.095 && x != 0:
		return fmt.Sprintf("%.1f%%", 100*x)
	}
	return fmt.Sprintf("%.0f%%", 100*x)
}
