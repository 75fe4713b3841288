package report

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/decision"
	"matrix/results/quality"
	"matrix/results/summary"
)

// worth is each model and platform in one line: how many answers an hour can be used, how good they are, and what a batch of
// them takes: the question whether the larger model is worth its time. It has no rows where answers have no fields to compare.
// All agreements are with the first row: a common measure, not a judge.
func (m *maker) worth() *Table {
	t := &Table{Caption: "What each model is worth", Columns: []Column{{Title: "Model"}, {Title: "Platform"}, {Title: "Valid", Unit: "of planned", Numeric: true},
		{Title: "Valid", Unit: "evaluations/hour", Numeric: true}, {Title: "Accuracy", Numeric: true}, {Title: "Agreement", Unit: "with the first line"}}}
	if m.Decision == nil || m.Quality == nil || !m.structured() {
		return t
	}
	var first *summary.Cell
	// Of the largest number of requests that was asked about, as in the decision table.
	for _, g := range m.Decision.Groups {
		q := g.Questions[len(g.Questions)-1]
		if first == nil {
			t.Columns = append(t.Columns, Column{Title: "Time", Unit: "for " + whole(float64(q.Requests)) + " valid", Numeric: true},
				Column{Title: "Cost", Unit: strings.TrimSpace(m.Decision.Currency + " for them"), Numeric: true})
		}
		for _, s := range q.Standings {
			c := m.sourceOf(s.Sources)
			if c == nil {
				continue
			}
			if first == nil {
				first = c
			}
			// a dash stays, with its reason, where quality has not looked at the cell
			accuracy := missing("no prompt has a reference answer")
			if i := slices.IndexFunc(m.Quality.Cells, func(x quality.Cell) bool { return x.Cell == c.Slug }); i >= 0 {
				accuracy = shareValue(m.Quality.Cells[i].Accuracy, accuracy.Why)
			}
			cost := missing("the decision has no price_per_hour")
			if s.Time != nil {
				cost = figureOf(s.Time.Cost, three, cost.Why)
			}
			const unheld = "nobody held the answers against what was asked"
			t.Rows = append(t.Rows, Row{Values: []Value{{Text: g.Model}, {Text: s.Contender, Anchor: anchor(c)}, estimated(m.Set.Estimate(c, "valid_share"), percent, unheld),
				estimated(m.Set.Estimate(c, "valid_evaluations_per_hour"), whole, unheld), accuracy, agreements{m}.between(first, c), taking(s), cost}})
		}
	}
	return t
}

// structured reports that some answers have fields to compare.
// Free text has no fields: "valid" then says only that something came.
func (m *maker) structured() bool {
	return slices.ContainsFunc(m.Quality.Pairs, func(p quality.Pair) bool { return len(p.Fields) > 0 }) ||
		slices.ContainsFunc(m.Quality.Cells, func(c quality.Cell) bool { return len(c.Fields) > 0 })
}

// between is how far a cell says what the first one says: κ of choices, the mean distance of scores.
func (a agreements) between(first, c *summary.Cell) Value {
	if c == first {
		return Value{Text: "itself"}
	}
	var parts []string
	for _, p := range a.m.Quality.Pairs {
		// A pair stands once, in either order.
		if p.CellA != first.Slug || p.CellB != c.Slug {
			if p.CellA != c.Slug || p.CellB != first.Slug {
				continue
			}
		}
		for _, f := range p.Fields {
			switch {
			case f.Score != nil:
				parts = append(parts, fmt.Sprintf("%s ±%.2f", strings.TrimPrefix(f.Path, "/"), f.Score.MeanAbsolute))
			case f.Kappa != nil:
				parts = append(parts, fmt.Sprintf("%s κ %.2f", strings.TrimPrefix(f.Path, "/"), *f.Kappa))
			}
		}
	}
	if len(parts) == 0 {
		return missing("no prompt that both answered in fields")
	}
	return Value{Text: strings.Join(parts, ", ")}
}

// sourceOf is the largest cell behind a figure, nil = none is here.
func (m *maker) sourceOf(sources []decision.Source) *summary.Cell {
	for _, s := range slices.Backward(sources) {
		if c := m.cellAt(s.Cell); c != nil {
			return c
		}
	}
	return nil
}
