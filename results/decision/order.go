package decision

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"matrix/results/stats"
)

// line is the order of a sheet's contenders, best first: by how many of the others each is ahead of, two by two, and where that
// is equal by the scores. In these a metric that one lacks is dropped for all, so that a third without an energy counter would
// swap two that have one; what the two have between them it does not touch.
func (a *inquiry) line() []*contender {
	var out []*contender
	for _, i := range a.sheet.order() {
		out = append(out, a.sheet.contenders[i])
	}
	if len(out) < 3 || a.sheet.logs == nil {
		return out
	}
	ahead := map[*contender]int{}
	for i, x := range out {
		for _, y := range out[i+1:] {
			switch log := a.between(x, y).apart(); {
			case log > -1e-12:
				ahead[x]++
			default:
				ahead[y]++
			}
		}
	}
	slices.SortStableFunc(out, func(x, y *contender) int { return cmp.Compare(ahead[y], ahead[x]) })
	return out
}

// equallyFast reports that two take equally long, as far as launches tell, and may be compared.
func (g *contest) equallyFast(a *inquiry, x, y *contender) bool {
	ratio, ok := a.rules.ratio(g, y, x, a.n)
	return ok && !ratio.Assumed && x.repeated() && y.repeated() && ratio.Low > 1-equal && ratio.High < 1+equal && len(g.reds(x, y)) == 0
}

// decideTie lets what launches show beside the time decide among all that take as long as the two that lead, and of whom is
// known what has to be. Those between whom nothing decides stand by name: noise must not pick one of several that are alike.
func (a *inquiry) decideTie(g *contest) {
	var known []*contender
	for _, c := range a.order {
		if slices.ContainsFunc(a.tied, func(o *contender) bool { return !g.equallyFast(a, o, c) }) {
			continue
		}
		if a.tied = append(a.tied, c); g.unknown(a, c) == "" {
			known = append(known, c)
		}
	}
	if known == nil { // what is missing comes before who is chosen
		a.tied = nil
		return
	}
	for _, c := range known {
		if !slices.ContainsFunc(known, func(o *contender) bool { return gain(a.beyondTime(o, c)) > 0 }) {
			a.alike = append(a.alike, c)
		}
	}
	if a.alike == nil { // each is behind another
		a.alike = known
	}
	slices.SortFunc(a.alike, func(x, y *contender) int { return cmp.Compare(x.name, y.name) })
	a.tied = once(slices.Clone(a.alike), a.tied)
	a.order = once(slices.Clone(a.tied), a.order)
	a.first, a.second = a.order[0], a.order[1]
	if ratio, ok := a.rules.ratio(g, a.second, a.first, a.n); ok {
		a.ratio = &ratio
	}
	a.rival = a.rules.rival(g, a)
}

// even finds who is exactly like the first in all that is weighed, where time is not and nothing varies between launches: equal
// installations, no failure. No launch would tell them apart.
func (a *inquiry) even() {
	for _, c := range a.order[1:] {
		if pair := a.between(a.first, c); pair.shares[Performance] == 0 && math.Abs(pair.apart()) < 1e-12 && pair.margin(a.rules.level(), 1) == 0 {
			a.alike = once(a.alike, []*contender{a.first, c})
		}
	}
}

// unknown says what is not known of a contender and has to be before it is taken; "" = nothing.
func (g *contest) unknown(a *inquiry, c *contender) string {
	if at := g.untried(c, a.n); at != nil {
		return c.name + " " + c.notTried(at)
	}
	if held := notShown(a.admitted[c].held); len(held) > 0 {
		return fmt.Sprintf("%s is not shown of %s", held[0].words(), c.name)
	}
	return ""
}

// advantage is ln of one contender's weighted factor in a metric over another's.
type advantage struct {
	words string
	log   float64
}

func gain(all []advantage) (log float64) {
	for _, p := range all {
		log += p.log
	}
	return log
}

// beyondTime are the metrics beside the time in which two differ by more than equal, as far as launches tell. Several are asked at
// once, so that each has to be that much surer (Bonferroni).
func (a *inquiry) beyondTime(x, y *contender) []advantage {
	asked := a.between(x, y)
	asked.entries = slices.DeleteFunc(asked.entries, func(e entry) bool { return e.name == mTime || e.weight == 0 })
	each := 1 - (1-a.rules.level())/max(1, float64(len(asked.entries)))
	var out []advantage
	for _, e := range asked.entries {
		if log := e.log(0) - e.log(1); math.Abs(log) > math.Log1p(equal) && e.told(x, y, a.n, each) {
			out = append(out, advantage{e.words, e.weight * log})
		}
	}
	return out
}

// told reports that the difference of two is more than chance at a level. What an installation is made of is no matter of chance.
func (e *entry) told(x, y *contender, n int64, level float64) bool {
	switch f, g := e.figures[0], e.figures[1]; {
	case e.criterion == Simplicity:
		return true
	case e.name == mFailures:
		return x.requestsChance(y, n) < 1-level
	case e.name == mLaunches:
		return x.attemptsChance(y, n) < 1-level
	default:
		return f.freedom > 0 && g.freedom > 0 && math.Abs(e.log(0)-e.log(1)) > stats.Student(f.freedom+g.freedom, level)*math.Hypot(f.sd, g.sd)
	}
}

// besides are the metrics by which the two that lead stand otherwise than their scores say, for somebody else lacks them; nil =
// they stand as their scores say.
func (a *inquiry) besides() []string {
	if a.second == nil || a.sheet.logs == nil || a.sheet.logs[a.sheet.index(a.first)] >= a.sheet.logs[a.sheet.index(a.second)]-1e-12 {
		return nil
	}
	var out []string
	for _, e := range a.between(a.first, a.second).entries {
		scored := func(other entry) bool { return other.name == e.name }
		if e.weight > 0 && !slices.ContainsFunc(a.sheet.entries, scored) {
			out = append(out, e.words)
		}
	}
	return out
}
