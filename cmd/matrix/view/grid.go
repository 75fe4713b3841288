package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/jedib0t/go-pretty/v6/text"

	"matrix/results/format"
	"matrix/runner/plan"
)

// crosstab is a plan drawn as platform × model rows and batch columns.
type crosstab struct {
	rows    [][2]string              // platform, model
	columns []string                 // batch sizes, short
	marks   map[[3]string]plan.State // by platform, model, batch size
}

// newGrid lays a plan out, or says that it is no grid: other axes than the three, or twice the same place.
// More axes make more cells than places.
func newGrid(p *plan.Plan) (crosstab, bool) {
	g := crosstab{marks: map[[3]string]plan.State{}}
	sizes := map[string]int{}
	for _, item := range p.Items {
		c := item.Cell
		if len(c.Axes) != 3 {
			return g, false
		}
		row := [2]string{c.Platform.ID, c.Model.ID}
		if !slices.Contains(g.rows, row) {
			g.rows = append(g.rows, row)
		}
		size := format.Batch(c.BatchSize)
		sizes[size] = c.BatchSize
		at := [3]string{row[0], row[1], size}
		// two sizes that are written alike
		if _, twice := g.marks[at]; twice {
			return g, false
		}
		g.marks[at] = item.State
	}
	for size := range sizes {
		g.columns = append(g.columns, size)
	}
	slices.SortFunc(g.columns, func(x, y string) int { return sizes[x] - sizes[y] })
	return g, true
}

// draw renders the grid; fits is false when it is wider than the columns that there are.
func (g crosstab) draw(s Style, width int) (lines []string, fits bool) {
	platform, model, cell := 0, len("batch"), 5
	for _, r := range g.rows {
		platform, model = max(platform, ansi.StringWidth(r[0])), max(model, ansi.StringWidth(r[1]))
	}
	for _, c := range g.columns {
		cell = max(cell, len(c)+1)
	}
	if 2+platform+2+model+cell*len(g.columns) > width {
		return nil, false
	}
	head := strings.Repeat(" ", 2+platform+2) + fmt.Sprintf("%*s", model, "batch")
	for _, c := range g.columns {
		head += fmt.Sprintf("%*s", cell, c)
	}
	lines = append(lines, s.Dim(head))
	last := ""
	for _, r := range g.rows {
		name := r[0]
		// a platform is named once, above its models
		if name == last {
			name = ""
		}
		last = r[0]
		line := "  " + text.Pad(name, platform+2, ' ') + text.Pad(r[1], model, ' ')
		for _, c := range g.columns {
			mark := " "
			if state, ok := g.marks[[3]string{r[0], r[1], c}]; ok {
				mark = s.Mark(state)
			}
			line += strings.Repeat(" ", cell-1) + mark
		}
		lines = append(lines, line)
	}
	return lines, true
}

// list is what stands instead of a grid: one line a cell, in source order, most of them at most.
func list(p *plan.Plan, s Style, most int) []string {
	var lines []string
	for i, item := range p.Items {
		if i == most {
			return append(lines, s.Dim(fmt.Sprintf("  and %d more cells (--verbose)", len(p.Items)-most)))
		}
		lines = append(lines, fmt.Sprintf("  %s %s", s.Mark(item.State), item.Cell.Name()))
	}
	return lines
}
