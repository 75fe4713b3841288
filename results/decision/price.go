package decision

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/summary"
)

// prices compare the best of each two groups that ran the same prompts on the same machine, from the lighter weights to
// the heavier: what the better answers cost.
func prices(groups []*built, difference func(of, less *summary.Cell) *Difference) []Price {
	var out []Price
	for i, a := range groups {
		for _, b := range groups[i+1:] {
			if !agree(a.place, b.place) || !agree(a.asked, b.asked) || a.place == "" {
				continue
			}
			if p, ok := priceOf(a, b, difference); ok {
				out = append(out, p)
			}
		}
	}
	return out
}

// best is the contender that a group's ranking puts first; nil without one.
func (g *built) best() *contender {
	ranked := g.Overall.ranked()
	if len(ranked) == 0 {
		return nil
	}
	i := slices.IndexFunc(g.contenders, func(c *contender) bool { return c.name == ranked[0].Contender })
	return g.contenders[i]
}

func priceOf(a, b *built, difference func(of, less *summary.Cell) *Difference) (Price, bool) {
	from, to := a.best(), b.best()
	if from == nil || to == nil {
		return Price{}, false
	}
	if wa, wb := from.constant("weight_bytes"), to.constant("weight_bytes"); wa != nil && wb != nil && *wa > *wb {
		a, b, from, to = b, a, to, from
	}
	p := Price{From: a.title(), To: b.title(), FromBest: from.name, ToBest: to.name,
		Weights: over(1, to.constant("weight_bytes"), from.constant("weight_bytes"))}
	for _, size := range from.sizes() {
		if c, d := from.at[size], to.at[size]; d != nil && len(c.launches) > 0 && len(d.launches) > 0 {
			p.BatchSize = size
			p.Throughput = over(1, d.median(mRate), c.median(mRate))
			p.Memory = over(1, d.median(mMemory), c.median(mMemory))
			if difference != nil && c.of != nil && d.of != nil {
				p.Quality = difference(d.of, c.of)
			}
		}
	}
	if p.BatchSize == 0 {
		return Price{}, false
	}
	p.Words = p.words()
	return p, true
}

func (g *built) title() string { return strings.TrimSuffix(g.Model+", "+g.Precision, ", ") }

func (p Price) words() string {
	var parts []string
	switch q := p.Quality; {
	case q == nil:
		parts = append(parts, "quality not measured (reference answers or a judge would tell)")
	default:
		parts = append(parts, fmt.Sprintf("%s %+.3f (%+.3f to %+.3f, %d prompts)", q.Measure, q.Value, q.Low, q.High, q.N))
	}
	if p.Throughput != nil {
		parts = append(parts, fmt.Sprintf("%.2f times the evaluations per hour", *p.Throughput))
	}
	if p.Memory != nil {
		parts = append(parts, fmt.Sprintf("%.2f times the GPU memory in use", *p.Memory))
	} else if p.Weights != nil {
		parts = append(parts, fmt.Sprintf("%.2f times the bytes of weights", *p.Weights))
	}
	return fmt.Sprintf("%s (%s) instead of %s (%s), at %d requests: %s", p.To, p.ToBest, p.From, p.FromBest, p.BatchSize, strings.Join(parts, ", "))
}
