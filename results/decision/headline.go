package decision

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"matrix/experiments/wording"
	"matrix/results/format"
)

// headline is the first sentence.
func (r *rules) headline(g *contest, a *inquiry, q *Question) string {
	n := q.Asked()
	switch a.verdict {
	case Nobody:
		return fmt.Sprintf("Nobody for %s: %s.", n, a.why(g))
	case NotComparable:
		return fmt.Sprintf("Not comparable: %s.", strings.TrimSuffix(a.red[0].Text, "."))
	}
	first := a.takes(r, q, a.first)
	if a.scope.without {
		first = "load left out, " + first
	}
	others := a.tied
	if others == nil && a.second != nil {
		others = []*contender{a.first, a.second}
	}
	second := ""
	for _, c := range others {
		if c != a.first {
			second += "; " + c.name + " takes " + a.takes(r, q, c)
		}
	}
	switch {
	case a.verdict == Tie:
		return fmt.Sprintf("%s for %s: equally fast, %s%s. %s.", wording.Either(names(a.tied)), n, first, second, a.decidedBy(g))
	case a.verdict == Provisional && a.alike != nil:
		return fmt.Sprintf("%s for %s: the weights do not tell them apart, %s%s.", wording.Either(names(a.alike)), n, first, second)
	}
	switch a.verdict {
	case Provisional:
		q.how = " " + a.unsure(g) + "."
		return fmt.Sprintf("%s leads for %s, not shown: %s%s.%s", a.first.name, n, first, second, q.how)
	case Undecided:
		return fmt.Sprintf("%s takes %s for %s%s. Undecided: %s.", a.first.name, first, n, second, a.open(g))
	}
	return fmt.Sprintf("Choose %s for %s: %s%s.", a.first.name, n, first, second)
}

// takes is "34 min (32–36 min), 1.90 EUR".
func (a *inquiry) takes(r *rules, q *Question, c *contender) string {
	t := q.standing(c.name).Time
	text := Span(t.Seconds)
	if !t.Assumed {
		text += " (" + Range(t.Low, t.High) + ")"
	}
	if t.Cost != nil {
		text += ", " + r.money(*t.Cost)
	}
	return text
}

// money writes two decimals; of less than ten cents two digits that count, so that a cheap batch does not cost 0.00.
func (r *rules) money(x float64) string {
	digits := 2
	if x > 0 && x < 0.1 {
		digits = min(6, 1-int(math.Floor(math.Log10(x))))
	}
	return strings.TrimSpace(format.Fixed(x, digits) + " " + r.currency)
}

// unsure says of a provisional lead how it could turn.
func (a *inquiry) unsure(g *contest) string {
	switch {
	case a.onlyFar:
		if c := a.unfilled(); c != nil {
			return fmt.Sprintf("%s had all %s requests of its largest batch under way at once: a larger one may go faster", c.name, format.Whole(c.reached()))
		}
		return fmt.Sprintf("The launches show it up to %s requests: %s are %s times the largest batch that %s ran", format.Whole(farFrom*a.nearest().reached()), format.Whole(a.n),
			format.Whole(a.n/a.nearest().reached()), a.nearest().name)
	case a.second == nil && !a.first.repeated():
		return "No size of it was launched twice"
	case a.second == nil:
		for _, c := range g.contenders {
			if adm := a.admitted[c]; adm.why != "" && !adm.sure && c.broke(a.n) == nil {
				return fmt.Sprintf("That %s is out may be chance: it %s", c.name, adm.why)
			}
		}
		return "One attempt of the others says little"
	}
	other := a.rival
	if by := a.differ(other); by > 0 && (!a.first.repeated() || !other.repeated() || a.ratio == nil || a.ratio.Assumed) {
		text := fmt.Sprintf("Identical launches would have to differ by %s to turn it", distance(by))
		if a.ratio != nil && other == a.second && a.ratio.Ratio > 1 && by > 1.2*(a.ratio.Ratio-1) { // other criteria hold it
			text += fmt.Sprintf(", by %s to be equally fast", distance(a.ratio.Ratio-1))
		}
		return text
	}
	if a.ratio != nil && other == a.second && a.sheet.shares[Performance] > 0 && a.ratio.Low <= 1 && a.ratio.High >= 1 {
		return fmt.Sprintf("The ratio of the times may be %.2f to %.2f", a.ratio.Low, a.ratio.High)
	}
	if by := a.differ(other); by > 0 {
		return fmt.Sprintf("It is not told apart from %s: times that differ by %s would turn it", other.name, distance(by))
	}
	return "It is not told apart from " + other.name
}

// distance writes how far two times are apart: 0.07 is 7%, 39 a factor of 40.
func distance(by float64) string {
	if by < 1 {
		return format.Percent(by)
	}
	return "a factor of " + multiple(1+by)
}

// longer is the same of what takes so much more time.
func longer(by float64) string {
	if by < 1 {
		return format.Percent(by) + " longer"
	}
	return multiple(1+by) + " times as long"
}

func multiple(factor float64) string {
	if factor < 10 {
		return fmt.Sprintf("%.1f", factor)
	}
	return format.Whole(int64(math.Round(factor)))
}

// open says what an undecided answer lacks.
func (a *inquiry) open(g *contest) string {
	switch held := notShown(a.admitted[a.first].held); {
	case len(g.contenders) == 1:
		if g.Workload != "" && g.Workload != a.first.platform {
			return "nothing else was measured with " + g.Workload
		}
		return "nothing else was measured like this"
	case a.untried != nil:
		return fmt.Sprintf("%s would lead, but %s", a.first.name, a.first.notTried(a.untried))
	case len(held) > 0:
		return fmt.Sprintf("%s would lead, but %s is not shown: %s", a.first.name, held[0].words(), held[0].Note)
	}
	return "nothing is left that all could be scored on"
}

// names of contenders.
func names(all []*contender) []string {
	out := []string{}
	for _, c := range all {
		out = append(out, c.name)
	}
	return out
}

// decidedBy names what decides a tie, the weightiest first.
func (a *inquiry) decidedBy(g *contest) string {
	switch {
	case len(a.alike) < len(a.tied):
	case len(a.tied) == 2:
		return "Nothing else tells them apart: take either"
	default:
		return "Nothing else tells them apart: take any"
	}
	text, why := "Take "+wording.Either(names(a.alike)), ""
	var parts []advantage
	for _, c := range a.tied {
		if unknown := g.unknown(a, c); unknown != "" {
			why += "; " + unknown
		} else if parts == nil && !slices.Contains(a.alike, c) {
			parts = slices.DeleteFunc(a.beyondTime(a.first, c), func(p advantage) bool { return p.log < 0 })
		}
	}
	slices.SortStableFunc(parts, func(x, y advantage) int { return cmp.Compare(y.log, x.log) })
	var by []string
	for _, p := range parts[:min(2, len(parts))] {
		by = append(by, p.words)
	}
	if len(by) > 0 {
		text += " by " + strings.Join(by, " and ")
	}
	return text + why
}

// behindWithout is why one is aside.
const behindWithout = "is behind even with no load counted (its own is not known)"

// why lists who is out or aside, each with the reason.
func (a *inquiry) why(g *contest) string {
	var parts []string
	for _, c := range g.contenders {
		if why := a.admitted[c].why; why != "" {
			parts = append(parts, c.name+" "+why)
		}
	}
	for _, c := range a.aside {
		parts = append(parts, c.name+" "+behindWithout)
	}
	return strings.Join(parts, "; ")
}
