package decision

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/format"
	"matrix/results/predict"
	"matrix/results/summary"
)

// checks are those of the group's cells; what is required, and how launches ended, is added.
func (r *rules) checks(g *contest) []summary.Check {
	var cells []*summary.Cell
	for _, at := range g.cells() {
		if at.of != nil {
			cells = append(cells, at.of)
		}
	}
	out := summary.Checks(cells)
	n := slices.Max(r.requests)
	for _, c := range g.contenders {
		note := func(level, text string) {
			check := summary.Check{Name: summary.CheckSuccess, Level: level, Contenders: []string{c.name}, Text: c.name + ": " + text}
			for _, at := range c.evidence(n) {
				check.Cells = append(check.Cells, at.origin+"/"+at.source.Cell)
			}
			out = append(out, check)
		}
		switch complete, all := c.attempts(n); {
		case complete == 0 && all > 0:
			note(summary.Red, fmt.Sprintf("none of %s came through", format.Count(all, "launch")))
		case complete < all:
			note(summary.Amber, fmt.Sprintf("%d of %s came through", complete, format.Count(all, "launch")))
		}
		for _, q := range r.requirements(c, n) {
			if q.Metric == mSuccess && !q.Default && q.Status != Met {
				note(summary.Red, q.words()+" is "+strings.ReplaceAll(q.Status, "unmet", "not met")+": "+q.Note)
			}
		}
	}
	return out
}

// question is what was found, as plain data.
func (r *rules) question(g *contest, a *inquiry) Question {
	q := Question{Weights: r.weightsAs(a.sheet), Flips: r.flips(a.sheet)}
	if len(a.order) > 0 && (a.verdict == Tie || a.alike != nil || a.first != a.sheet.contenders[a.sheet.order()[0]]) {
		q.Flips = nil // they are of who is first by the score
	}
	if a.sheet != nil {
		q.Dropped = a.sheet.dropped
	}
	r.findTurn(g, a)
	q.Change = a.change(g)
	q.Standings = r.standings(g, a)
	q.Answer = Answer{Type: "answer", Simulated: g.Simulated, Group: g.Name, Requests: a.n, Counts: g.counts(), Verdict: a.verdict, Among: []string{}, Checks: []Check{}, Missing: []Missing{}}
	for _, c := range g.Checks {
		q.Checks = append(q.Checks, Check{Check: c.Name, Level: c.Level, Cells: append([]string{}, c.Cells...), Text: c.Text})
	}
	for _, n := range (missing{r, g, a}).needs() {
		m := Missing{Text: n.Text}
		if n.Only != nil || n.Text == "" { // else no command does it
			m.Command = r.command(n)
		}
		switch {
		case m.Command == "" && n.Declare != "":
			m.Text = strings.TrimPrefix(n.Text+": "+n.Declare, ": ")
		case n.Text == "":
			m.Text = "The plan has more to measure"
		}
		m.Text = upper(m.Text)
		q.Missing = append(q.Missing, m)
	}
	if a.first != nil && a.verdict != NotComparable && a.verdict != Nobody {
		q.choose(g, a)
	}
	q.Sentences = r.sentences(g, a, &q)
	return q
}

// choose fills in what is said of the one that leads.
func (q *Question) choose(g *contest, a *inquiry) {
	st := q.standing(a.first.name)
	q.Platform, q.Score, q.ValidShare = &st.Contender, st.Score, st.Usable
	if t := st.Time; t != nil {
		q.Seconds, q.Cost = &t.Seconds, t.Cost
		q.SecondsLow, q.SecondsHigh = t.Interval()
	}
	if a.second == nil {
		return
	}
	q.RunnerUp = &a.second.name
	q.either = len(a.alike) > 1
	if q.Among = names(a.tied); a.tied == nil {
		q.Among = names(a.alike)
	}
	if a.ratio != nil {
		q.Ratio = &a.ratio.Ratio
		if !a.ratio.Assumed && a.first.repeated() && a.second.repeated() {
			q.RatioLow, q.RatioHigh = &a.ratio.Low, &a.ratio.High
		}
	}
}

// standings are all contenders, best first.
func (r *rules) standings(g *contest, a *inquiry) []Standing {
	var out []Standing
	add := func(c *contender) *Standing {
		adm := a.admitted[c]
		out = append(out, Standing{Contender: c.name, Platform: c.platform, Why: adm.why, Requirements: adm.held, Launches: c.launches(), Imported: c.imported(),
			Time: r.time(g, a, c), Sources: c.sources(c.evidence(a.n))})
		st := &out[len(out)-1]
		st.Answered, st.Planned = c.requests(a.n)
		at := c.at[common([]*contender{c}, a.n)]
		st.MemoryBytes, st.EnergyEachJ, st.Usable = at.median(mMemory), at.median(mEnergy), c.constant(mUsable)
		return st
	}
	for i, c := range a.order {
		st := add(c)
		st.Rank = i + 1
		st.Score, st.Lines = a.sheet.score(a.sheet.index(c)), a.sheet.lines(a.sheet.index(c))
	}
	for _, c := range a.aside {
		add(c).Why = behindWithout
	}
	for _, c := range g.contenders {
		if a.admitted[c].why == "" {
			continue
		}
		st := add(c)
		if c.broke(a.n) != nil {
			st.Time, st.Score = nil, new(float64)
		}
	}
	return out
}

// time is how long a contender takes, and what that costs.
func (r *rules) time(g *contest, a *inquiry, c *contender) *Time {
	f, ok := g.times.Finish(c.series, a.n)
	if !ok {
		return nil
	}
	t := &Time{Seconds: f.Seconds, Low: f.Low, High: f.High, LoadS: f.Load.Seconds, LoadKnown: f.Load.Known(), LoadLike: f.Load.Source == predict.LoadKin,
		Measured: f.Measured, Assumed: f.Assumed}
	if a.scope.without {
		by := f.RunS / f.Seconds
		t.Seconds, t.Low, t.High, t.LoadS, t.LoadKnown = f.RunS, f.Low*by, f.High*by, 0, false
	} else if first, ok := g.times.First(c.series, a.n); ok && first.Load.Cold && !f.Load.Cold {
		t.FirstS, t.FirstLoadS = &first.Seconds, &first.Load.Seconds
	}
	r.price(t, c, a)
	return t
}

// price adds the energy and what the batch costs.
func (r *rules) price(t *Time, c *contender, a *inquiry) {
	at := common([]*contender{c}, a.n)
	each := c.at[at].median(mEnergy)
	if each != nil {
		energy := *each * float64(a.n)
		if load := c.constant(mLoadJ); load != nil && t.LoadKnown {
			energy, t.EnergyLoad = energy+*load, true
		}
		t.EnergyJ = &energy
	}
	var cost float64
	switch {
	case r.perHour == nil && r.electricity == nil, r.electricity != nil && t.EnergyJ == nil:
		return
	case r.electricity != nil:
		cost = *r.electricity * *t.EnergyJ / 3.6e6
	}
	if r.perHour != nil {
		cost += *r.perHour * t.Seconds / 3600
	}
	t.Cost = &cost
	t.CostPer1000 = new(1000 * cost / float64(a.n))
	if tokens := c.at[at].median(mTokens); tokens != nil && *tokens > 0 {
		t.CostPerMTokens = new(1e6 * cost / (*tokens * float64(a.n)))
	}
}
