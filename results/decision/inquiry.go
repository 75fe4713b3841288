package decision

import (
	"math"
	"slices"

	"matrix/results/predict"
	"matrix/results/summary"
)

// inquiry is one number of requests on its way to an answer.
type inquiry struct {
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
	tied          []*contender   // of a tie: all who take equally long, the first among them
	alike         []*contender   // between whom nothing decides, by name, the first among them; nil = the first alone
	red           []summary.Check
	untried       *tally // at which another broke, and the first was never tried
	onlyFar       bool   // nothing but the distance, or who was never full, keeps the lead from being shown
	turn          *turn
}

// farFrom is how many times the largest batch that was run a number of requests may be before it is said, and no lead is shown.
const farFrom = 100

// distant reports that what is asked about lies beyond farFrom times the largest batch that one of those that lead ran, or
// that somebody behind the first may be faster than its batches let it be.
func (a *inquiry) distant() bool {
	return a.n > farFrom*a.nearest().reached() || a.unfilled() != nil
}

// unfilled is the first behind who leads whose largest batch was under way all at once, so that with more it may be faster; nil = there is
// none.
func (a *inquiry) unfilled() *contender {
	for _, c := range a.order[1:] {
		if f, _ := a.scope.times.Finish(c.series, a.scope.most()); f.Unfilled {
			return c
		}
	}
	return nil
}

// nearest is the one of those that lead whose largest batch is the smaller.
func (a *inquiry) nearest() *contender {
	if a.second != nil && a.second.reached() < a.first.reached() {
		return a.second
	}
	return a.first
}

func (s *sheet) index(c *contender) int { return slices.Index(s.contenders, c) }

// between is the sheet of two contenders alone, by all that these two have.
func (a *inquiry) between(x, y *contender) *sheet {
	pair := []*contender{x, y}
	s := a.scope
	s.at = common(pair, a.n)
	return a.rules.tally(pair, s)
}

// admission is what a contender has to show before it is weighed.
type admission struct {
	why  string        // it is out: it broke, has no rate, or does not meet a requirement; "" = it is not
	sure bool          // that it is out: more than one attempt says so
	held []Requirement // against it
}

// contest is a group with its arithmetic.
type contest struct {
	Group
	contenders []*contender
	times      times
	place      string
	asked      string
	asks       []*inquiry
}

// cells are those of all contenders.
func (g *contest) cells() []*tally {
	var out []*tally
	for _, c := range g.contenders {
		out = append(out, c.cells()...)
	}
	return out
}

// concerned are the contenders whose cells a check names.
func (g *contest) concerned(check summary.Check) []*contender {
	var out []*contender
	for _, c := range g.contenders {
		if slices.ContainsFunc(c.cells(), func(at *tally) bool { return slices.Contains(check.Cells, at.origin+"/"+at.source.Cell) }) {
			out = append(out, c)
		}
	}
	return out
}

// gather makes a contest of the cells of one group. There is one at least.
func gather(cells []*tally) *contest {
	g := &contest{contenders: contendersOf(cells), place: cells[0].place, asked: cells[0].asked}
	g.Model = cells[0].model
	g.Precision = precisionOf(cells)
	for _, c := range cells {
		if c.tried() && !slices.Contains(g.Sizes, c.size) {
			g.Sizes = append(g.Sizes, c.size)
		}
	}
	slices.Sort(g.Sizes)
	return g
}

// differ is by how much the time of the first would have to change for the other to be first.
func (a *inquiry) differ(other *contender) float64 {
	pair := a.between(a.first, other)
	log := pair.apart()
	for _, e := range pair.entries {
		if e.name == mTime && e.weight > 0 {
			return math.Exp(log/e.weight) - 1
		}
	}
	return 0
}

// leading are the one or two that an answer is about; none where they cannot be compared.
func (a *inquiry) leading() []*contender {
	out := []*contender{}
	for _, c := range []*contender{a.first, a.second} {
		if c != nil && a.verdict != NotComparable {
			out = append(out, c)
		}
	}
	return out
}

// ratio is T of one contender over T of another.
func (r *rules) ratio(g *contest, over, under *contender, n int64) (predict.Ratio, bool) {
	return g.times.Ratio(over.series, under.series, n, r.level())
}
