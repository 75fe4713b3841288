package decision

import (
	"math"
	"math/rand/v2"
	"slices"
)

// resamples is how often the launches are drawn anew for an interval.
const resamples = 2000

// certainty is what drawing the launches anew tells of a sheet.
type certainty struct {
	low, high []*float64 // by contender: 95% of its scores lie between; nil where a launch stands alone
	first     []*float64 // share of draws in which it comes first
	ahead     *float64   // share in which the first stays ahead of the second
	spread    *spread    // nil = no cell of the group was launched twice
}

// spread is the standard deviation of the logarithm of a rate between launches of one cell, pooled over cells.
type spread struct {
	sigma float64
	df    int
	cells int
}

// spreadOf pools the variance of log rates over the cells launched more than once: Σ(n−1)s² / Σ(n−1).
func spreadOf(cs []*contender, rate string) *spread {
	var sum float64
	out := spread{}
	for _, c := range cs {
		for _, size := range c.sizes() {
			logs := logsOf(c.at[size].values(rate))
			if len(logs) < 2 {
				continue
			}
			mean := 0.0
			for _, x := range logs {
				mean += x / float64(len(logs))
			}
			for _, x := range logs {
				sum += (x - mean) * (x - mean)
			}
			out.df, out.cells = out.df+len(logs)-1, out.cells+1
		}
	}
	if out.df == 0 {
		return nil
	}
	out.sigma = math.Sqrt(sum / float64(out.df))
	return &out
}

func logsOf(values []float64) []float64 {
	var out []float64
	for _, v := range values {
		if v > 0 {
			out = append(out, math.Log(v))
		}
	}
	return out
}

// sureOf draws the launches of every cell anew, with replacement, and scores again: the percentile bootstrap. A cell
// launched once is drawn from the pooled spread of its group (log-normal, Student's t): an assumption, and said.
func sureOf(t *sheet, all []metric, s scope, weights map[string]float64, draws int) certainty {
	n := len(t.contenders)
	out := certainty{low: make([]*float64, n), high: make([]*float64, n), first: make([]*float64, n)}
	out.spread = spreadOf(t.contenders, mRate)
	if out.spread == nil {
		out.spread = spreadOf(t.contenders, mRateBare)
	}
	if out.spread == nil || t.totals == nil || n == 0 {
		return out
	}
	order := t.order()
	r := rand.New(rand.NewPCG(1, 2)) // the same draws each time: a report does not change when it is made again
	scores, firsts, ahead := make([][]float64, n), make([]float64, n), 0.0
	for range draws {
		drawn := make([]*contender, n)
		for i, c := range t.contenders {
			drawn[i] = c.drawn(r, out.spread)
		}
		again := tally(drawn, all, s, weights)
		if again.totals == nil {
			return certainty{low: out.low, high: out.high, first: out.first, spread: out.spread}
		}
		for i, x := range again.totals {
			scores[i] = append(scores[i], x)
		}
		firsts[again.order()[0]]++
		if n > 1 && again.totals[order[0]] > again.totals[order[1]] {
			ahead++
		}
	}
	for i := range n {
		slices.Sort(scores[i])
		low, high, first := scores[i][draws*25/1000], scores[i][draws-1-draws*25/1000], firsts[i]/float64(draws)
		out.low[i], out.high[i], out.first[i] = &low, &high, &first
	}
	if n > 1 {
		share := ahead / float64(draws)
		out.ahead = &share
	}
	return out
}

// drawn is the contender with its launches drawn anew.
func (c *contender) drawn(r *rand.Rand, sp *spread) *contender {
	out := *c
	out.at = make(map[int64]*cell, len(c.at))
	for _, size := range c.sizes() { // in order: the draws must not depend on a map's
		at := *c.at[size]
		switch n := len(at.launches); {
		case n == 1:
			at.launches = []launch{at.launches[0].scaled(math.Exp(sp.sigma * student(r, sp.df)))}
		case n > 1:
			at.launches = make([]launch, n)
			for i := range at.launches {
				at.launches[i] = c.at[size].launches[r.IntN(n)]
			}
		}
		out.at[size] = &at
	}
	return &out
}

// scaled is a launch that was faster by a factor.
func (l launch) scaled(factor float64) launch {
	out := launch{attempt: l.attempt, values: make(map[string]float64, len(l.values))}
	for name, v := range l.values {
		if name == mRate || name == mRateBare {
			v *= factor
		}
		out.values[name] = v
	}
	return out
}

// student draws from Student's t: a normal over the root of a mean of df squared normals.
func student(r *rand.Rand, df int) float64 {
	var sum float64
	for range df {
		x := r.NormFloat64()
		sum += x * x
	}
	return r.NormFloat64() / math.Sqrt(sum/float64(df))
}
