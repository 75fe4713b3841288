package report

import (
	"fmt"
	"strings"

	"matrix/results/decision"
)

// ranking tells how the answer came about, what would change it, and what larger batches would take.
func (m *maker) ranking() (Section, error) {
	s := Section{ID: "decision", Title: "How the choice was made"}
	if m.Decision == nil || len(m.Decision.Groups) == 0 {
		return s, nil
	}
	s.Blocks = append(s.Blocks, para("Intervals: "+m.Decision.Method+". matrix report --explain tells each number line by line."))
	for _, g := range m.Decision.Groups {
		s.Blocks = append(s.Blocks, m.rankings(g)...)
		if t := m.projections(g); len(t.Rows) > 0 {
			s.Blocks = append(s.Blocks, table(t))
		}
	}
	if len(m.Decision.LeftOut) > 0 {
		var all []Text
		for _, f := range m.Decision.LeftOut {
			all = append(all, plain(f.Text))
		}
		s.Blocks = append(s.Blocks, fold(fmt.Sprintf("%s no part in the decision", counted(len(all), "cell")+" with"), Block{List: all}))
	}
	return s, nil
}

func (m *maker) rankings(g decision.Group) []Block {
	blocks := []Block{table(m.standings(g, g.Overall))}
	for _, w := range []decision.Ranking{g.Overall} {
		if w.Lead != nil {
			blocks = append(blocks, para(w.Lead.Words+"."))
		}
		if all := flips(w); len(all) > 0 {
			blocks = append(blocks, para("What would change who is first:"), Block{List: all})
		}
		if all := dropped(w); len(all) > 0 {
			blocks = append(blocks, para("Nobody is scored on these, because somebody lacks them:"), Block{List: all})
		}
	}
	if len(g.BySize) > 1 {
		var by []Block
		for _, k := range g.BySize {
			by = append(by, table(m.standings(g, k)))
		}
		blocks = append(blocks, fold("The ranking at each batch size", by...))
	}
	return blocks
}

func (m *maker) standings(g decision.Group, k decision.Ranking) *Table {
	where := "overall"
	if k.BatchSize > 0 {
		where = "at " + counted(int(k.BatchSize), "request")
	}
	t := &Table{Caption: g.Model + ": ranking " + where, Columns: []Column{{Title: "Platform"}, {Title: "Rank", Numeric: true}, {Title: "Score", Unit: "of 100", Numeric: true}, {Title: "First in", Unit: "of the draws", Numeric: true}}}
	for _, w := range k.Weights {
		t.Columns = append(t.Columns, Column{w.Criterion, "weight " + percent(w.Share), true})
	}
	t.Columns = append(t.Columns, Column{Title: "Requirements"})
	for _, s := range k.Standings {
		t.Rows = append(t.Rows, m.standing(s, k.Weights))
	}
	return t
}

func (m *maker) standing(s decision.Standing, weights []decision.Weight) Row {
	name := Value{Text: s.Contender}
	if s.Imported {
		name.Detail = "imported"
	}
	if cells := m.sourcesOf(s); len(cells) > 0 {
		name.Anchor = anchor(cells[len(cells)-1])
	}
	row := Row{Values: []Value{name, {Text: fmt.Sprint(s.Rank)}, score(s.Score), score(nil)}}
	if s.Rank == 0 {
		row.Values[1] = Value{Text: "not ranked", Detail: s.Why, Tone: "warn"}
	}
	if s.Low != nil && s.High != nil {
		row.Values[2].Detail = fmt.Sprintf("%.0f–%.0f, 95%%", 100**s.Low, 100**s.High)
	}
	if s.First != nil {
		row.Values[3] = Value{Text: percent(*s.First)}
	}
	for _, w := range weights {
		v := score(nil)
		for _, c := range s.Criteria {
			if c.Name == w.Criterion {
				v = score(c.Score)
			}
		}
		row.Values = append(row.Values, v)
	}
	var required []string
	for _, q := range s.Requirements {
		required = append(required, strings.TrimSpace(fmt.Sprintf("%s %s %s", q.Metric, q.Status, q.Note)))
	}
	return Row{Values: append(row.Values, Value{Text: strings.Join(required, "; ")})}
}

func score(v *float64) Value {
	if v == nil {
		return Value{Text: "–", Tone: "missing", Why: "not scored"}
	}
	return Value{Text: fmt.Sprintf("%.0f", 100**v)}
}

func flips(k decision.Ranking) []Text {
	var all []Text
	changes := false
	for _, f := range k.Sensitivity {
		changes = changes || f.Lower != nil || f.Raise != nil
	}
	if !changes && len(k.Sensitivity) > 0 {
		return []Text{plain("no weight does, wherever it is moved by itself")}
	}
	for _, f := range k.Sensitivity {
		var parts []string
		if f.Lower != nil {
			parts = append(parts, fmt.Sprintf("%s is first at %.3g or less", f.LowerTo, *f.Lower))
		}
		if f.Raise != nil {
			parts = append(parts, fmt.Sprintf("%s is first at %.3g or more", f.RaiseTo, *f.Raise))
		}
		if len(parts) == 0 {
			parts = []string{"no weight changes who is first"}
		}
		all = append(all, plain(fmt.Sprintf("weight of %s, now %.3g: %s", f.Criterion, f.Weight, strings.Join(parts, "; "))))
	}
	return all
}

func dropped(k decision.Ranking) []Text {
	var all []Text
	for _, d := range k.Dropped {
		text := fmt.Sprintf("%s (%s), lacking on %s", d.Metric, d.Criterion, strings.Join(d.Lacking, ", "))
		if d.Why != "" {
			text += ": " + d.Why
		}
		all = append(all, plain(text))
	}
	return all
}

// projections of larger batches, which nobody measured.
func (m *maker) projections(g decision.Group) *Table {
	t := &Table{Caption: g.Model + ": PROJECTED, not measured: load + requests / rate of the largest batch that was run", Columns: []Column{
		{Title: "Platform"}, {Title: "Requests", Numeric: true}, {Title: "Would take", Numeric: true}, {Title: "Rate", Unit: "requests/s", Numeric: true}, {Title: "Measured at", Unit: "requests", Numeric: true}},
		Notes: []string{"A projection assumes that the rate holds and that nothing fails: memory that grows, heat, or a crash at that size would not show here."}}
	for _, p := range g.Projections {
		v := Value{Text: "≈ " + span(p.Seconds), Tone: "warn"}
		if p.Low != nil && p.High != nil {
			v.Detail = span(*p.Low) + "–" + span(*p.High)
		}
		name := Value{Text: p.Contender, Detail: "projected"}
		if p.LoadS == nil {
			name.Detail = "projected without its load, which is not known"
		}
		if c := m.cellAt(p.Source.Cell); c != nil {
			name.Anchor = anchor(c)
		}
		t.Rows = append(t.Rows, Row{Values: []Value{name, {Text: whole(float64(p.Requests))}, v, {Text: three(p.Rate)}, {Text: whole(float64(p.FromSize))}}})
	}
	return t
}
