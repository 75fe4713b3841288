package report

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/decision"
	"matrix/results/summary"
)

// answer is the section that must suffice for who reads no further.
func (m *maker) answer() (Section, error) {
	s := Section{ID: "answer", Title: "The answer"}
	if m.Decision != nil {
		for _, g := range m.Decision.Groups {
			s.Blocks = append(s.Blocks, m.groupAnswer(g)...)
		}
		for _, p := range m.Decision.Prices {
			s.Blocks = append(s.Blocks, para(p.Words))
		}
	}
	if len(s.Blocks) == 0 {
		s.Blocks = append(s.Blocks, toned("lead", m.noAnswer()))
	}
	if len(m.Set.Problems) > 0 {
		s.Blocks = append(s.Blocks, toned("warn", fmt.Sprintf("%s damaged or unreadable and left out: see the inventory. matrix verify tells more.", counted(len(m.Set.Problems), "attempt"))))
	}
	if _, launches, _ := m.counts(); launches > 0 {
		s.Blocks = append(s.Blocks, Block{Tone: "note", Text: plain("A launch, one fresh start of the engine, is the sample: with one launch a figure has no interval, with 2 to 5 the range is shown, which is no confidence interval, and from 6 on a 95% interval.")})
	}
	return s, nil
}

func (m *maker) groupAnswer(g decision.Group) []Block {
	var out []Block
	if len(m.Decision.Groups) > 1 {
		title := g.Model
		for _, part := range []string{g.Precision, g.Workload} {
			if part != "" {
				title += ", " + part
			}
		}
		out = append(out, Block{Heading: title})
	}
	for _, s := range g.Lead() {
		out = append(out, toned("lead", s))
	}
	for _, s := range g.Rest() {
		b := para(s)
		if strings.HasPrefix(s, "Red: ") || strings.HasPrefix(s, "Amber: ") || strings.HasPrefix(s, "Leak: ") {
			b.Tone = "warn"
		}
		out = append(out, b)
	}
	if need := g.Need(); need != nil {
		out = append(out, para(need.Text+"."))
		if need.Command != "" {
			out = append(out, Block{Code: need.Command})
		}
	}
	if t := m.times(g); len(t.Rows) > 0 {
		out = append(out, table(t))
	}
	return append(out, checked(g.Checks)...)
}

// times is how long each contender takes for each number of requests: the same figures as in the sentences.
func (m *maker) times(g decision.Group) *Table {
	t := &Table{Caption: g.Model + ": time to finish, load included", Columns: []Column{{Title: "Platform"}},
		Notes: []string{"Below each time, what 95% of single runs stay within. PROJECTED, not measured, is marked ≈: it assumes that the rate holds and that nothing fails at that size."}}
	most := whole(float64(g.Questions[len(g.Questions)-1].Requests))
	rows := map[string]*Row{}
	var order []string
	for _, q := range g.Questions {
		t.Columns = append(t.Columns, Column{Title: counted(int(q.Requests), "request"), Numeric: true})
		for _, s := range q.Standings {
			if rows[s.Contender] == nil {
				rows[s.Contender] = &Row{Values: []Value{{Text: s.Contender, Anchor: m.anchorOf(s.Sources)}}}
				order = append(order, s.Contender)
			}
		}
	}
	t.Columns = append(t.Columns, Column{"Energy", "kWh for " + most, true}, Column{"Cost", strings.TrimSpace(m.Decision.Currency + " for " + most), true},
		Column{"Cost", "of 1,000 evaluations", true}, Column{"Cost", "of 1M output tokens", true})
	for _, name := range order {
		row := rows[name]
		var last *decision.Time
		for _, q := range g.Questions {
			i := slices.IndexFunc(q.Standings, func(s decision.Standing) bool { return s.Contender == name })
			last = q.Standings[i].Time
			row.Values = append(row.Values, taking(q.Standings[i]))
		}
		row.Values = append(row.Values, costs(last)...)
		t.Rows = append(t.Rows, *row)
	}
	t.drop()
	return t
}

// drop takes out columns in which no row has a figure.
func (t *Table) drop() {
	for i := len(t.Columns) - 1; i > 0; i-- {
		if !missing(t.Rows, i) {
			continue
		}
		t.Columns = slices.Delete(t.Columns, i, i+1)
		for k := range t.Rows {
			t.Rows[k].Values = slices.Delete(t.Rows[k].Values, i, i+1)
		}
	}
}

func taking(s decision.Standing) Value {
	t := s.Time
	if t == nil {
		return Value{Text: "–", Tone: "missing", Why: s.Why}
	}
	v := Value{Text: "≈ " + decision.Span(t.Seconds)}
	if t.Measured {
		v.Text = decision.Span(t.Seconds)
	}
	if !t.Assumed {
		v.Detail = decision.Range(t.Low, t.High)
	}
	if !t.LoadKnown {
		v.Detail = strings.TrimPrefix(v.Detail+", load left out", ", ")
	}
	if s.Rank == 0 {
		v.Tone = "warn"
	}
	return v
}

func costs(t *decision.Time) []Value {
	figure := func(v *float64, scale float64) Value {
		if v == nil {
			return Value{Text: "–", Tone: "missing", Why: "not told"}
		}
		return Value{Text: three(*v / scale)}
	}
	if t == nil {
		t = &decision.Time{}
	}
	energy := figure(t.EnergyJ, 3.6e6)
	if t.EnergyJ != nil && !t.EnergyLoad {
		energy.Detail = "without the load's"
	}
	return []Value{energy, figure(t.Cost, 1), figure(t.CostPer1000, 1), figure(t.CostPerMTokens, 1)}
}

// checked counts the checks of validity and lists them.
func checked(checks []summary.Check) []Block {
	if len(checks) == 0 {
		return nil
	}
	count := map[string]int{}
	t := &Table{Caption: "Checks", Columns: []Column{{Title: "Check"}, {Title: "Level"}, {Title: "What was seen"}}}
	for _, level := range []string{summary.Red, summary.Amber, summary.Green} {
		for _, c := range checks {
			if c.Level != level {
				continue
			}
			count[level]++
			v := Value{Text: level}
			if level != summary.Green {
				v.Tone = "warn"
			}
			t.Rows = append(t.Rows, Row{Values: []Value{{Text: c.Name}, v, {Text: c.Text}}})
		}
	}
	title := fmt.Sprintf("Checks: %d red, %d amber, %d green", count[summary.Red], count[summary.Amber], count[summary.Green])
	return []Block{fold(title, table(t))}
}

// anchorOf is the anchor of the last of some cells, "" = none.
func (m *maker) anchorOf(sources []decision.Source) string {
	for _, s := range slices.Backward(sources) {
		if c := m.cellAt(s.Cell); c != nil {
			return anchor(c)
		}
	}
	return ""
}

// cellAt is the cell whose folder is so named, nil = none.
func (m *maker) cellAt(folder string) *summary.Cell {
	for _, c := range m.Set.Cells {
		if folder != "" && (c.Slug == folder || c.Experiment+"/"+c.Slug == folder) {
			return c
		}
	}
	return nil
}

// counts the cells, their complete launches and all attempts.
func (m *maker) counts() (real, launches, attempts int) {
	for _, c := range m.Set.Cells {
		if !c.Simulated {
			real++
		}
		launches += len(c.Launches)
		attempts += len(c.Attempts)
	}
	return real, launches, attempts
}

// noAnswer says why nothing can be chosen.
func (m *maker) noAnswer() string {
	real, launches, attempts := m.counts()
	switch {
	case len(m.Set.Cells) == 0:
		return "There is nothing to choose from: no attempt has been recorded here yet. Measure first: matrix apply."
	case real == 0:
		return "No platform can be chosen from these results: every cell is simulated, and a simulator says nothing of a real engine. The tables below show the form that an answer will take."
	case attempts == 0:
		return "No platform can be chosen: every attempt was declared void or belongs to an earlier declaration."
	case launches == 0:
		return fmt.Sprintf("No platform can be chosen: none of %s completed. What went wrong is told below, under failures.", counted(attempts, "attempt"))
	}
	return "No platform can be chosen yet: nothing that was measured may be ranked against anything else. The comparison below shows what there is."
}
