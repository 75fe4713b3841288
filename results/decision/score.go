package decision

import (
	"math"
	"slices"
	"strings"

	"matrix/results/stats"
)

// sheet is the arithmetic of one score: contenders × metrics.
//
//	S = 100 × Π (best / x)^weight
//
// a weighted geometric mean: how two compare does not depend on who else was measured, and a factor reads as a factor.
type sheet struct {
	contenders []*contender
	entries    []entry // in the table's order; dropped ones are not among them
	shares     map[string]float64
	dropped    []Dropped
	logs       []float64 // ln of the score / 100, by contender; nil when nothing is left to score
}

// entry is one metric that all contenders have.
type entry struct {
	metric
	weight  float64 // of all that is scored
	figures []*figure
	best    float64
}

// log is ln of a contender's factor before its weight: 0 for the best, below for all others.
func (e *entry) log(i int) float64 {
	x := math.Log((e.best + e.plus) / (e.figures[i].value + e.plus))
	if e.more {
		return -x
	}
	return x
}

// tally scores contenders in a scope. A metric that one of them lacks is dropped for all.
func (r *rules) tally(cs []*contender, s scope) *sheet {
	out := &sheet{contenders: cs, shares: map[string]float64{}}
	lacked := map[string]bool{}
	for _, m := range r.metrics {
		if m.instead != "" && !lacked[m.instead] {
			continue
		}
		e, lacking := compare(cs, m, s)
		switch {
		case len(lacking) == 0:
			out.standsIn(m)
			out.entries = append(out.entries, e)
		case m.instead == "" && r.weights[m.criterion] > 0:
			out.dropped = append(out.dropped, Dropped{Criterion: m.criterion, Metric: m.name, Lacking: lacking, Why: m.why(s)})
			fallthrough
		default:
			lacked[m.name] = true
		}
	}
	out.weigh(r.weights)
	return out
}

// standsIn says of the metric dropped what takes its place.
func (t *sheet) standsIn(m metric) {
	for i, d := range t.dropped {
		if d.Metric == m.instead {
			t.dropped[i].Why = strings.TrimPrefix(d.Why+"; ", "; ") + m.name + " stands in for it"
		}
	}
}

func (m metric) why(s scope) string {
	switch {
	case m.latency:
		return "not comparable: it takes the same load (closed or open, as many in flight) on all"
	case s.at == 0 && (m.criterion == Efficiency || m.criterion == QualityName):
		return "no batch size was completed by all"
	}
	return ""
}

// compare takes a metric's figures; lacking are those for whom there is none, or none that can be held against another's.
func compare(cs []*contender, m metric, s scope) (e entry, lacking []string) {
	e = entry{metric: m}
	for _, c := range cs {
		f := m.value(c, s)
		if f == nil || f.value+m.plus <= 0 || m.latency && !sameShape(cs, s.at) {
			lacking = append(lacking, c.name)
			continue
		}
		if better := m.more == (f.value > e.best); better || len(e.figures) == 0 {
			e.best = f.value
		}
		e.figures = append(e.figures, f)
	}
	return e, lacking
}

// sameShape reports that all were asked in the same way at a size, so that their latencies mean the same.
func sameShape(cs []*contender, size int64) bool {
	for _, c := range cs {
		if at := c.at[size]; at == nil || at.shape == "" || at.shape != cs[0].at[size].shape {
			return false
		}
	}
	return true
}

// common is the batch size at which figures per evaluation are compared: the largest up to n that all completed, else the
// smallest; 0 = there is none.
func common(cs []*contender, n int64) int64 {
	var out int64
	for _, size := range cs[0].sizes() {
		all := !slices.ContainsFunc(cs, func(c *contender) bool { return c.at[size] == nil || len(c.at[size].launches) == 0 })
		if all && (size <= n || out == 0) {
			out = size
		}
	}
	return out
}

// weigh spreads the weights over what is left, and multiplies.
func (t *sheet) weigh(weights map[string]float64) {
	left := map[string]float64{}
	var all float64
	for _, e := range t.entries {
		if left[e.criterion] == 0 {
			all += weights[e.criterion]
		}
		left[e.criterion] += e.sub
	}
	if all <= 0 {
		return
	}
	t.logs = make([]float64, len(t.contenders))
	for i := range t.entries {
		e := &t.entries[i]
		t.shares[e.criterion] = weights[e.criterion] / all
		e.weight = t.shares[e.criterion] * e.sub / left[e.criterion]
		for c := range t.contenders {
			if e.weight > 0 {
				t.logs[c] += e.weight * e.log(c)
			}
		}
	}
}

func (t *sheet) score(i int) *float64 {
	if t.logs == nil {
		return nil
	}
	return new(100 * math.Exp(t.logs[i]))
}

// order are the contenders by score, best first; equal scores by name, so that nothing depends on the cells' order.
func (t *sheet) order() []int {
	out := make([]int, len(t.contenders))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int {
		switch {
		case t.logs == nil || math.Abs(t.logs[a]-t.logs[b]) < 1e-12:
			return strings.Compare(t.contenders[a].name, t.contenders[b].name)
		case t.logs[a] > t.logs[b]:
			return -1
		}
		return 1
	})
	return out
}

// apart is ln of the first contender's score over the second's.
func (t *sheet) apart() float64 { return t.without("") }

// without is apart as if a criterion did not count.
func (t *sheet) without(criterion string) (log float64) {
	for _, e := range t.entries {
		if e.weight > 0 && e.criterion != criterion {
			log += e.weight * (e.log(0) - e.log(1))
		}
	}
	return log
}

// margin is half the interval of apart. The metrics of a launch go up and down together, so the margins of all are added, not
// their variances, each with its own t. That of the time has the freedom of the ratio of times.
func (t *sheet) margin(level, time float64) (half float64) {
	for _, e := range t.entries {
		if x, y := e.figures[0], e.figures[1]; e.weight > 0 && x.sd+y.sd > 0 {
			freedom := x.freedom + y.freedom
			if e.name == mTime {
				freedom = time
			}
			half += e.weight * stats.Student(freedom, level) * math.Hypot(x.sd, y.sd)
		}
	}
	return half
}

// lines are a contender's factors.
func (t *sheet) lines(i int) []Line {
	var out []Line
	for _, e := range t.entries {
		if e.weight == 0 {
			continue
		}
		f := e.figures[i]
		out = append(out, Line{Criterion: e.criterion, Metric: e.name, Unit: e.unit, Formula: e.formula, Value: f.value, Best: e.best, Weight: e.weight,
			Factor: math.Exp(e.weight * e.log(i)), Launches: f.launches, Sources: t.contenders[i].sources(f.cells)})
	}
	return out
}

// weightsAs are the weights as given, and as a score used them; nil = none was made.
func (r *rules) weightsAs(t *sheet) []Weight {
	var out []Weight
	for _, name := range criteria {
		w := Weight{Criterion: name, Given: r.weights[name]}
		if t != nil {
			w.Share = t.shares[name]
		}
		if w.Given > 0 || w.Share > 0 {
			out = append(out, w)
		}
	}
	return out
}

// flips are the nearest weights at which somebody else comes first. ln S is Σ w·l / Σ w, so the difference to the first is
// linear in each weight: it vanishes at w − Δ / (l_first − l_other), Δ = Σ w·(l_first − l_other).
func (r *rules) flips(t *sheet) []Flip {
	if t == nil || t.logs == nil || len(t.contenders) < 2 {
		return nil
	}
	first := t.order()[0]
	var out []Flip
	for _, name := range criteria {
		if t.shares[name] == 0 {
			continue
		}
		f := Flip{Criterion: name, Weight: r.weights[name]}
		for other := range t.contenders {
			if other != first {
				r.flip(&f, t, first, other)
			}
		}
		out = append(out, f)
	}
	return out
}

// flip holds one other contender against the first, and keeps the nearer weight.
func (r *rules) flip(f *Flip, t *sheet, first, other int) {
	var delta, slope float64
	for _, e := range t.entries {
		if share := t.shares[e.criterion]; share > 0 {
			d := e.weight / share * (e.log(first) - e.log(other)) // of its criterion
			delta += r.weights[e.criterion] * d
			if e.criterion == f.Criterion {
				slope += d
			}
		}
	}
	if math.Abs(slope) < 1e-12 {
		return
	}
	at := f.Weight - delta/slope // 0, but for rounding: the two are even without it, and none is first
	name := t.contenders[other].name
	switch {
	case slope > 0 && at > 1e-9 && (f.Lower == nil || at > *f.Lower):
		f.Lower, f.LowerTo = &at, name
	case slope < 0 && (f.Raise == nil || at < *f.Raise):
		f.Raise, f.RaiseTo = &at, name
	}
}
