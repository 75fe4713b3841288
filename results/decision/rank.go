package decision

import (
	"cmp"
	"slices"
)

// rules are the options with every default filled in.
type rules struct {
	id      string
	weights map[string]float64
	require map[string]float64
	goals   map[string]string
	metrics []metric
	draws   int
	apply   string
	// twice is the cell whose identical launches differed most, in the whole set.
	twice widest
}

// widest is the cell whose launches of the same thing differed most.
type widest struct {
	ratio float64 // largest rate / smallest − 1; 0 = no cell was launched twice
	cell  string
}

// rank puts a group's contenders in order, at one batch size or (size 0) overall.
func (r *rules) rank(cs []*contender, s scope) (Ranking, *sheet) {
	out := Ranking{BatchSize: s.size}
	var candidates []*contender
	var others []Standing
	held := map[string][]Requirement{}
	for _, c := range cs {
		if len(c.within(s)) == 0 {
			others = append(others, Standing{Contender: c.name, Platform: c.platform, Why: "not measured at this batch size"})
			continue
		}
		held[c.name] = r.requirements(c, s)
		why := c.unranked(s, held[c.name])
		if why == "" {
			candidates = append(candidates, c)
			continue
		}
		others = append(others, Standing{Contender: c.name, Platform: c.platform, Why: why, Requirements: held[c.name], Imported: c.imported(), Launches: c.fewest(s)})
	}
	if len(candidates) == 0 {
		out.Standings, out.Weights = others, r.weightsAs(nil)
		return out, nil
	}
	t := tally(candidates, r.metrics, s, r.weights)
	out.Dropped, out.Weights = t.dropped, r.weightsAs(t)
	sure := sureOf(t, r.metrics, s, r.weights, r.draws)
	for place, i := range t.order() {
		st := t.standing(i, place+1, sure)
		st.Requirements, st.Launches = held[st.Contender], candidates[i].fewest(s)
		out.Standings = append(out.Standings, st)
	}
	out.Standings = append(out.Standings, others...)
	out.Sensitivity = r.flips(t)
	out.Lead = r.lead(t, s, sure)
	return out, t
}

// unranked says why a contender has no rank in a scope, "" = it has one.
func (c *contender) unranked(s scope, held []Requirement) string {
	if !c.completed(s) {
		var why string
		for _, at := range c.within(s) {
			why = cmp.Or(at.trouble(), why)
		}
		return cmp.Or(why, "nothing completed")
	}
	for _, q := range held {
		if q.Status == Unmet {
			return "does not meet " + q.words()
		}
	}
	return ""
}

// trouble says why a cell has no launch to rank, "" = it has, or was never tried.
func (c *cell) trouble() string {
	switch {
	case len(c.launches) > 0:
		return ""
	case c.failed > 0:
		return "failed: " + cmp.Or(c.reason, "no reason recorded")
	case c.censored > 0:
		return "censored: " + cmp.Or(c.reason, "its limit ran out")
	case c.segmented:
		return "measured in several segments: not ranked against whole attempts"
	}
	return ""
}

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

// standing is what the arithmetic says of one contender, every number with where it came from.
func (t *sheet) standing(i, place int, sure certainty) Standing {
	c := t.contenders[i]
	st := Standing{Contender: c.name, Platform: c.platform, Imported: c.imported(), Low: sure.low[i], High: sure.high[i], First: sure.first[i]}
	if t.totals == nil {
		st.Why = "nothing is left that all could be scored on"
	} else {
		st.Rank, st.Score = place, &t.totals[i]
	}
	for _, name := range criteria {
		if t.shares[name] == 0 {
			continue
		}
		part := Criterion{Name: name, Share: t.shares[name], Score: t.criterion(name, i)}
		for _, e := range t.entries {
			if e.criterion == name {
				part.Metrics = append(part.Metrics, e.told(c, i, part.Share))
			}
		}
		st.Criteria = append(st.Criteria, part)
	}
	return st
}

// told is one metric of one contender with its evidence.
func (e *entry) told(c *contender, i int, weight float64) Metric {
	m := Metric{Name: e.name, Unit: e.unit, Formula: e.formula, Scale: e.scale.words, Share: e.share, Note: e.note, Score: &e.mean[i],
		Contribution: weight * e.share * e.mean[i]}
	if !e.perSize {
		m.Value, m.Best = &e.values[0][i], &e.best[0]
		m.Sources = c.sources(scope{size: e.sizes[0]})
		for _, s := range m.Sources {
			m.N += len(s.Attempts)
		}
		return m
	}
	for k, size := range e.sizes {
		part := Metric{Name: e.name, Unit: e.unit, Formula: e.formula, Scale: e.scale.words, Value: &e.values[k][i], Best: &e.best[k],
			Score: &e.scores[k][i], Share: 1 / float64(len(e.sizes)), Sources: c.sources(scope{size: size})}
		part.Contribution = weight * e.share * e.scores[k][i] / float64(len(e.sizes))
		if values := c.at[size].values(e.name); len(values) > 0 {
			low, high := slices.Min(values), slices.Max(values)
			part.N, part.Low, part.High = len(values), &low, &high
		} else if c.at[size].broken() {
			part.Note = "no launch came through: 0"
		}
		m.Parts = append(m.Parts, part)
	}
	if len(m.Parts) == 1 { // one size: no mean to explain
		one := m.Parts[0]
		one.Share, one.Contribution, one.Parts = m.Share, m.Contribution, nil
		return one
	}
	m.Scale = "mean of the batch sizes' scores"
	return m
}

func (c *contender) sources(s scope) []Source {
	var out []Source
	for _, at := range c.within(s) {
		out = append(out, at.source)
	}
	return out
}
