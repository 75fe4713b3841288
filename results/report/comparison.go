package report

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/summary"
)

// comparison is one table a model and batch size.
// Sizes are apart: a platform's load is spread over the batch, so ratios of two sizes say nothing of the platform.
func (m *maker) comparison() (Section, error) {
	s := Section{ID: "comparison", Title: "Every batch size"}
	for _, g := range m.groups {
		for _, size := range g.sizes {
			s.Blocks = append(s.Blocks, tableBlock(m.comparisonTable(g, size)))
		}
	}
	s.Blocks = append(s.Blocks, m.throughput()...)
	if len(s.Blocks) > 0 {
		s.Blocks = append(s.Blocks, Block{Tone: "note", Text: plain("Medians over complete launches; below each its interval and the launches behind it (pooled: from the spread between launches of like cells, which assumes that they vary alike). ★ marks a column's best figure, where its interval meets no other's; cells that failed a request have none. Throughput counts from first dispatch to last completion; load is process start to first token. – is a figure that was not to be had, with its reason in the inventory.")})
	}
	return s, nil
}

// comparisonTable leaves out the columns that nobody has, and says so in a note, so that a reader does not look for
// them.
func (m *maker) comparisonTable(g *group, size int64) *Table {
	cells := g.at(size)
	t := &Table{ID: slug("compare", g.model, fmt.Sprint(size)), Caption: fmt.Sprintf("%s, %s", g.model, counted(int(size), "request")),
		Columns: []Column{{Title: "Platform"}, {Title: "Launches", Numeric: true}, {Title: "Ratio", Unit: "requests/hour with the load of these launches, to the fastest", Numeric: true}}}
	shown := slices.DeleteFunc(slices.Clone(compared), func(x metric) bool {
		told := func(c *summary.Cell) bool { return m.Set.Estimate(c, x.column).Known() }
		return x.column == "goodput" && !bounded(cells) || strings.HasPrefix(x.column, "valid_") && !slices.ContainsFunc(cells, told)
	})
	for _, x := range shown {
		t.Columns = append(t.Columns, Column{Title: x.title, Unit: x.unit, Numeric: true})
	}
	// the denominator of every ratio in the table
	fastest := fastestOf(cells)
	for _, c := range cells {
		r := Row{Values: []Value{{Text: g.name[c], Anchor: anchor(c), Detail: kindOf(c)}, launchesOf(c), ratioTo(c, fastest)}}
		for _, x := range shown {
			r.Values = append(r.Values, m.value(x, c, cells))
		}
		t.Rows = append(t.Rows, r)
	}
	before := t.Columns
	t.Drop()
	if gone := slices.DeleteFunc(slices.Clone(before), func(c Column) bool { return slices.Contains(t.Columns, c) }); len(gone) > 0 {
		var names []string
		for _, c := range gone {
			names = append(names, c.Title)
		}
		t.Notes = append(t.Notes, "Nobody tells of "+strings.Join(names, ", ")+".")
	}
	return t
}
