package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"matrix/experiments"
	"matrix/runner"
)

// grid is a plan drawn as platform × model rows and batch columns.
type grid struct {
	rows    [][2]string // platform, model
	columns []string    // batch sizes, short
	marks   map[[3]string]runner.State
}

// newGrid lays a plan out, or says that it is no grid: other axes than the three, or twice the same place.
func newGrid(p *runner.Plan) (grid, bool) {
	g := grid{marks: map[[3]string]runner.State{}}
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
		size := short(c.BatchSize)
		sizes[size] = c.BatchSize
		at := [3]string{row[0], row[1], size}
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

// short writes a batch size as people say it: 10, 100, 1K, 50K, 1.5K.
func short(n int) string {
	switch {
	case n >= 1_000_000 && n%100_000 == 0:
		return strconv.FormatFloat(float64(n)/1e6, 'f', -1, 64) + "M"
	case n >= 1000 && n%100 == 0:
		return strconv.FormatFloat(float64(n)/1e3, 'f', -1, 64) + "K"
	}
	return strconv.Itoa(n)
}

// draw renders the grid; wide is false when it does not fit the columns that there are.
func (g grid) draw(s style, width int) (lines []string, fits bool) {
	platform, model, cell := 0, len("batch"), 5
	for _, r := range g.rows {
		platform, model = max(platform, len(r[0])), max(model, len(r[1]))
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
	lines = append(lines, s.dim(head))
	last := ""
	for _, r := range g.rows {
		name := r[0]
		if name == last {
			name = ""
		}
		last = r[0]
		line := fmt.Sprintf("  %-*s  %-*s", platform, name, model, r[1])
		for _, c := range g.columns {
			mark := " "
			if state, ok := g.marks[[3]string{r[0], r[1], c}]; ok {
				mark = s.mark(state)
			}
			line += strings.Repeat(" ", cell-1) + mark
		}
		lines = append(lines, line)
	}
	return lines, true
}

// list is what stands instead of a grid: one line a cell, pending ones first kept in source order.
func list(p *runner.Plan, s style, most int) []string {
	var lines []string
	for i, item := range p.Items {
		if i == most {
			return append(lines, s.dim(fmt.Sprintf("  and %d more cells (--verbose)", len(p.Items)-most)))
		}
		lines = append(lines, fmt.Sprintf("  %s %s", s.mark(item.State), item.Cell.Name()))
	}
	return lines
}

// spread puts right at the end of a line of so many columns.
func spread(left, right string, width int) string {
	gap := max(2, min(width, 100)-lipgloss.Width(left)-lipgloss.Width(right))
	return left + strings.Repeat(" ", gap) + right
}

// cellNames says which cells share a line: one by its name, many by what they have in common.
func cellNames(cells []*experiments.Cell) string {
	if len(cells) == 1 {
		return cells[0].Name()
	}
	parts := make([]string, len(cells[0].Axes))
	for i := range parts {
		parts[i] = cells[0].Axes[i].Label
		for _, c := range cells {
			if i >= len(c.Axes) || c.Axes[i].Label != parts[i] {
				parts[i] = "*"
			}
		}
	}
	return fmt.Sprintf("%s  %d cells", strings.Join(parts, "/"), len(cells))
}
