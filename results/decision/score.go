package decision

import (
	"slices"
	"strings"
)

// sheet is the arithmetic of one ranking: contenders × metrics.
type sheet struct {
	contenders []*contender
	entries    []entry // in the table's order; dropped ones are not among them
	shares     map[string]float64
	dropped    []Dropped
	totals     []float64 // by contender, 0–1; nil when nothing is left to score
}

// entry is one metric that all contenders have.
type entry struct {
	metric
	share  float64     // within its criterion
	sizes  []int64     // where it was compared; 0 = at no size in particular
	values [][]float64 // by size, then contender
	best   []float64   // by size
	scores [][]float64 // as values
	mean   []float64   // by contender, over the sizes
	note   string
}

// tally scores contenders in a scope. Every metric that one of them lacks is dropped for all.
func tally(cs []*contender, all []metric, s scope, weights map[string]float64) *sheet {
	out := &sheet{contenders: cs, shares: map[string]float64{}}
	s.rate = mRate
	lacked := map[string]bool{}
	for _, m := range all {
		if m.name == mScale && s.size != 0 || m.instead != "" && !lacked[m.instead] {
			continue
		}
		e, lacking := compare(cs, m, s)
		if len(lacking) > 0 {
			lacked[m.name] = true
			if m.instead == "" && weights[m.criterion] > 0 {
				out.dropped = append(out.dropped, Dropped{Criterion: m.criterion, Metric: m.name, Lacking: lacking, Why: m.why(s)})
			}
			continue
		}
		if m.instead != "" {
			out.standsIn(m)
		}
		if m.name == mRateBare {
			s.rate = mRateBare
		}
		out.entries = append(out.entries, e)
	}
	out.weigh(weights)
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
	case m.name == mScale:
		return "it takes two batch sizes of at least 100 that all were tried at"
	case m.perSize && s.size == 0:
		return "no batch size has it for all"
	}
	return ""
}

// compare takes a metric's values at every size at which all have one; lacking are those for whom there is none.
func compare(cs []*contender, m metric, s scope) (e entry, lacking []string) {
	e = entry{metric: m}
	sizes := []int64{s.size}
	if m.perSize && s.size == 0 {
		sizes = s.sizes
	}
	for _, size := range sizes {
		at := s
		at.size = size
		values, without := valuesAt(cs, m, at)
		if len(without) == 0 {
			e.add(size, values)
			continue
		}
		for _, name := range without {
			if !slices.Contains(lacking, name) {
				lacking = append(lacking, name)
			}
		}
	}
	if len(e.sizes) == 0 {
		if len(lacking) == 0 { // no size at all
			for _, c := range cs {
				lacking = append(lacking, c.name)
			}
		}
		return e, lacking
	}
	if left := len(sizes) - len(e.sizes); left > 0 {
		e.note = "at the batch sizes that all have; lacking elsewhere: " + strings.Join(lacking, ", ")
	}
	e.average(len(cs))
	return e, nil
}

func valuesAt(cs []*contender, m metric, s scope) (values []float64, without []string) {
	comparable := !m.latency || sameShape(cs, s.size)
	for _, c := range cs {
		v := m.value(c, s)
		if v == nil || !comparable {
			without = append(without, c.name)
			continue
		}
		values = append(values, *v)
	}
	return values, without
}

func sameShape(cs []*contender, size int64) bool {
	for _, c := range cs {
		if at := c.at[size]; at == nil || at.shape == "" || at.shape != cs[0].at[size].shape {
			return false
		}
	}
	return true
}

func (e *entry) add(size int64, values []float64) {
	best := slices.Max(values)
	if e.less {
		best = slices.Min(values)
	}
	scores := make([]float64, len(values))
	for i, v := range values {
		scores[i] = e.scale.score(v, best)
	}
	e.sizes, e.values, e.best, e.scores = append(e.sizes, size), append(e.values, values), append(e.best, best), append(e.scores, scores)
}

func (e *entry) average(n int) {
	e.mean = make([]float64, n)
	for _, scores := range e.scores {
		for i, x := range scores {
			e.mean[i] += x / float64(len(e.scores))
		}
	}
}

// weigh spreads the weights over what is left, and adds up.
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
	t.totals = make([]float64, len(t.contenders))
	for i := range t.entries {
		e := &t.entries[i]
		t.shares[e.criterion] = weights[e.criterion] / all
		e.share = e.sub / left[e.criterion]
		for c := range t.contenders {
			t.totals[c] += t.shares[e.criterion] * e.share * e.mean[c]
		}
	}
}

// criterion is a contender's score in one criterion; nil when it was dropped.
func (t *sheet) criterion(name string, contender int) *float64 {
	var sum float64
	found := false
	for _, e := range t.entries {
		if e.criterion == name {
			sum, found = sum+e.share*e.mean[contender], true
		}
	}
	if !found {
		return nil
	}
	return &sum
}

// order are the contenders by score, best first; equal scores by name, so that nothing depends on the cells' order.
func (t *sheet) order() []int {
	out := make([]int, len(t.contenders))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int {
		switch {
		case t.totals == nil || t.totals[a] == t.totals[b]:
			return strings.Compare(t.contenders[a].name, t.contenders[b].name)
		case t.totals[a] > t.totals[b]:
			return -1
		}
		return 1
	})
	return out
}
