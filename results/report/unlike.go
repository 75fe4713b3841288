package report

import "matrix/results/summary"

// unlike tells of every pair at the same batch size.
func (m *maker) unlike() (Section, error) {
	s := Section{ID: "unlike", Title: "Unlike pairs"}
	t := &Table{Caption: "What two cells differ in beside the platform", Columns: []Column{{Title: "Cell"}, {Title: "Against"}, {Title: "Differs in"}}}
	for _, g := range m.groups {
		for _, size := range g.sizes {
			cells := g.at(size)
			if fastest := fastestOf(cells); fastest != nil {
				t.Rows = append(t.Rows, unlikeRows(cells, fastest)...)
			}
		}
	}
	if len(t.Rows) > 0 {
		s.Blocks = append(s.Blocks, para("These ratios tell of more than the platform. Each difference listed may by itself explain a part of the ratio."), table(t))
	} else if len(m.Set.Cells) > 1 {
		s.Blocks = append(s.Blocks, para("Beside what the checks say, no pair of cells is known to differ in precision, prompts, limits, context, template, load or machine."))
	}
	return s, nil
}

func unlikeRows(cells []*summary.Cell, fastest *summary.Cell) []Row {
	var rows []Row
	for _, c := range cells {
		if c == fastest {
			continue
		}
		for _, difference := range summary.Unlike(c, fastest) {
			rows = append(rows, Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}, {Text: fastest.Name, Anchor: anchor(fastest)}, {Text: difference.String()}}})
		}
	}
	return rows
}
