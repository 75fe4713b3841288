package report

import (
	"strings"

	"matrix/results/summary"
)

// unlike tells once of each pair in what it differs, over all batch sizes.
// The comparison names the aspects beside each ratio; the values stand here, once.
func (m *maker) unlike() (Section, error) {
	s := Section{ID: "unlike", Title: "Unlike pairs"}
	t := &Table{Caption: "What two platforms differ in beside the platform", Columns: []Column{{Title: "Platform"}, {Title: "Against"}, {Title: "Differs in"}, {Title: "At so many requests"}}}
	for _, g := range m.groups {
		// pair and differences: the place of their row
		rows := map[[3]string]int{}
		for _, size := range g.sizes {
			cells := g.at(size)
			// the one that the comparison's ratios are to
			fastest := fastestOf(cells)
			for _, c := range cells {
				if differs := differences(c, fastest); differs != "" {
					// One row for all sizes at which a pair differs alike: it would else be repeated for each.
					key := [3]string{g.name[c], g.name[fastest], differs}
					if at, told := rows[key]; told {
						t.Rows[at].Values[3].Text += ", " + whole(float64(size))
						continue
					}
					rows[key] = len(t.Rows)
					t.Rows = append(t.Rows, Row{Values: []Value{{Text: key[0], Anchor: anchor(c)}, {Text: key[1], Anchor: anchor(fastest)}, {Text: differs}, {Text: whole(float64(size))}}})
				}
			}
		}
	}
	if len(t.Rows) > 0 {
		s.Blocks = append(s.Blocks, para("These ratios tell of more than the platform. Each difference listed may by itself explain a part of the ratio."), tableBlock(t))
		// a single cell has nobody to be unlike to
	} else if len(m.Set.Cells) > 1 {
		s.Blocks = append(s.Blocks, para("Beside what the checks say, no pair of cells is known to differ in precision, prompts, limits, context, template, load or machine."))
	}
	return s, nil
}

// differences are those of a cell and the fastest beside it, "" = none, or it is the fastest itself.
// They are what the attempts recorded; what neither recorded cannot differ.
func differences(c, fastest *summary.Cell) string {
	if fastest == nil || c == fastest {
		return ""
	}
	var all []string
	for _, d := range summary.Unlike(c, fastest) {
		all = append(all, d.String())
	}
	return strings.Join(all, "; ")
}
