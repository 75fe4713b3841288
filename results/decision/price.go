package decision

import (
	"fmt"
	"strings"

	"matrix/results/format"
	"matrix/results/stats"
)

// prices compare the best of each two groups that ran the same prompts on the same machine, from the lighter weights to
// the heavier: what the better answers cost.
func (r *rules) prices(groups []*contest) []Price {
	var out []Price
	for i, a := range groups {
		for _, b := range groups[i+1:] {
			if !agree(a.place, b.place) || !agree(a.asked, b.asked) || a.place == "" {
				continue
			}
			if p, ok := r.priceOf(a, b); ok {
				out = append(out, p)
			}
		}
	}
	return out
}

// best is who leads at the most requests asked about; nil = nobody.
func (g *contest) best() *contender { return g.asks[len(g.asks)-1].first }

// priceOf holds the best of two groups against each other; false where a group has nobody, or the two no size in common.
func (r *rules) priceOf(a, b *contest) (Price, bool) {
	from, to := a.best(), b.best()
	if from == nil || to == nil {
		return Price{}, false
	}
	if wa, wb := from.constant(mWeights), to.constant(mWeights); wa != nil && wb != nil && *wa > *wb {
		a, b, from, to = b, a, to, from
	}
	n := r.requests[len(r.requests)-1]
	p := Price{From: a.title(), To: b.title(), FromBest: from.name, ToBest: to.name, Requests: n, Weights: over(to.constant(mWeights), from.constant(mWeights))}
	if ratio, ok := a.times.Ratio(to.series, from.series, n, stats.Level); ok {
		p.Seconds = &ratio.Ratio
	}
	size := common([]*contender{from, to}, n)
	if size == 0 {
		return Price{}, false
	}
	c, d := from.at[size], to.at[size]
	p.Memory = over(d.median(mMemory), c.median(mMemory))
	if r.difference != nil && c.of != nil && d.of != nil {
		p.Quality = r.difference(d.of, c.of)
	}
	p.Words = p.words()
	return p, true
}

func (g *contest) title() string { return strings.TrimSuffix(g.Model+", "+g.Precision, ", ") }

func (p Price) words() string {
	var parts []string
	switch q := p.Quality; {
	case q == nil:
		parts = append(parts, "quality not measured (reference answers or a judge would tell)")
	default:
		parts = append(parts, fmt.Sprintf("%s %+.3f (%+.3f to %+.3f, %d prompts)", q.Measure, q.Value, q.Low, q.High, q.N))
	}
	if p.Seconds != nil {
		parts = append(parts, fmt.Sprintf("%.2f times the time", *p.Seconds))
	}
	if p.Memory != nil {
		parts = append(parts, fmt.Sprintf("%.2f times the GPU memory in use", *p.Memory))
	} else if p.Weights != nil {
		parts = append(parts, fmt.Sprintf("%.2f times the bytes of weights", *p.Weights))
	}
	return fmt.Sprintf("%s (%s) instead of %s (%s), for %s requests: %s", p.To, p.ToBest, p.From, p.FromBest, format.Whole(p.Requests), strings.Join(parts, ", "))
}
