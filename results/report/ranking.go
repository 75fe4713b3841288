package report

import (
	"fmt"
	"reflect"
	"strings"

	"matrix/results/decision"
)

// ranking tells how the answer came about, and what would change it.
// The formula is docs/decision.md's; the weights are the asker's, so what a changed weight would do stands here too.
func (m *maker) ranking() (Section, error) {
	s := Section{ID: "decision", Title: "How the choice was made"}
	if m.Decision == nil || len(m.Decision.Groups) == 0 {
		return s, nil
	}
	s.Blocks = append(s.Blocks, para("A score is 100 × the product of (best / value)^weight over the metrics. matrix report --explain tells each factor."))
	for _, g := range m.Decision.Groups {
		// The first question is open, the others folded: their tables are mostly alike.
		for i, q := range g.Questions {
			blocks := scores{m}.blocks(g, q)
			// what nobody is scored on hangs on the sizes that were run
			if all := dropped(q); len(all) > 0 && (i == 0 || !reflect.DeepEqual(all, dropped(g.Questions[i-1]))) {
				blocks = append(blocks, para("Nobody is scored on these, because somebody lacks them:"), Block{List: all})
			}
			if i == 0 {
				s.Blocks = append(s.Blocks, blocks...)
				continue
			}
			s.Blocks = append(s.Blocks, fold("The same for "+numbered(q), blocks...))
		}
		for _, f := range g.Findings {
			b := Block{Tone: "warn", Text: plain(f.Kind + ": " + f.Text)}
			if at := m.cellAt(f.Cell); at != nil {
				b.Text = append(b.Text, Span{Text: " "}, Span{Text: "(the cell)", Anchor: anchor(at)})
			}
			s.Blocks = append(s.Blocks, b)
		}
	}
	// Cells that no verdict looked at would else seem to be forgotten.
	if len(m.Decision.LeftOut) > 0 {
		var all []Text
		for _, f := range m.Decision.LeftOut {
			all = append(all, plain(f.Text))
		}
		s.Blocks = append(s.Blocks, fold(fmt.Sprintf("%s no part in the decision", counted(len(all), "cell")+" with"), Block{List: all}))
	}
	return s, nil
}

// scores are the tables of how a choice was made.
type scores struct{ m *maker }

func (r scores) blocks(g decision.Group, q decision.Question) []Block {
	blocks := []Block{tableBlock(r.standings(g, q))}
	if all := flips(q); len(all) > 0 {
		blocks = append(blocks, para("Another would be first:"), Block{List: all})
	}
	return blocks
}

// standings is a row a contender: rank, score, and a factor for each criterion.
func (r scores) standings(g decision.Group, q decision.Question) *Table {
	t := &Table{Caption: fmt.Sprintf("%s: scores for %s", g.Model, numbered(q)),
		Columns: []Column{{Title: "Platform"}, {Title: "Rank", Numeric: true}, {Title: "Score", Unit: "of 100", Numeric: true}}}
	for _, w := range q.Weights {
		t.Columns = append(t.Columns, Column{Title: w.Criterion, Unit: "factor, weight " + percent(w.Share), Numeric: true})
	}
	t.Columns = append(t.Columns, Column{Title: "Requirements"})
	for _, s := range q.Standings {
		t.Rows = append(t.Rows, r.standing(s, q.Weights))
	}
	return t
}

// standing multiplies the factors of one criterion: several metrics may share its weight. Rank 0 is out.
func (r scores) standing(s decision.Standing, weights []decision.Weight) Row {
	// the link leads to the cell that its figures are of
	name := Value{Text: s.Contender, Anchor: r.m.anchorOf(s.Sources)}
	if s.Imported {
		name.Detail = "imported"
	}
	row := Row{Values: []Value{name, {Text: fmt.Sprint(s.Rank)}, score(s.Score, "%.1f")}}
	if s.Rank == 0 {
		row.Values[1] = Value{Text: "out", Detail: s.Why, Tone: "warn"}
	}
	for _, w := range weights {
		// nil = no metric of the criterion was scored
		var factor *float64
		for _, l := range s.Lines {
			if l.Criterion != w.Criterion {
				continue
			}
			if factor == nil {
				factor = new(1.0)
			}
			*factor *= l.Factor
		}
		row.Values = append(row.Values, score(factor, "×%.3f"))
	}
	var required []string
	for _, r := range s.Requirements {
		required = append(required, strings.TrimSuffix(fmt.Sprintf("%s %s: %s", r.Metric, r.Status, r.Note), ": "))
	}
	return Row{Values: append(row.Values, Value{Text: strings.Join(required, "; ")})}
}

// score is a dash for who was not scored: out, or lacking what a criterion needs.
func score(v *float64, format string) Value {
	return figureOf(v, func(x float64) string { return fmt.Sprintf(format, x) }, "not scored")
}

// flips say which weights would put another first.
// Each weight alone, all others as declared; what no weight could turn is not listed.
func flips(q decision.Question) []Text {
	var all []Text
	for _, f := range q.Flips {
		var parts []string
		if f.Lower != nil {
			parts = append(parts, fmt.Sprintf("%s at %.3g or less", f.LowerTo, *f.Lower))
		}
		if f.Raise != nil {
			parts = append(parts, fmt.Sprintf("%s at %.3g or more", f.RaiseTo, *f.Raise))
		}
		if len(parts) > 0 {
			all = append(all, plain(fmt.Sprintf("weight of %s, now %.3g: %s", f.Criterion, f.Weight, strings.Join(parts, "; "))))
		}
	}
	return all
}

// dropped are the metrics that nobody is scored on: a lack must not count for or against anybody.
func dropped(q decision.Question) []Text {
	var all []Text
	for _, d := range q.Dropped {
		text := fmt.Sprintf("%s (%s), lacking on %s", d.Metric, d.Criterion, strings.Join(d.Lacking, ", "))
		if d.Why != "" {
			text += ": " + d.Why
		}
		all = append(all, plain(text))
	}
	return all
}
