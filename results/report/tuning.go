package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/results/stats"
	"matrix/results/summary"
)

// tuning tells the best settings of each platform, and what each varied setting did by itself.
// Cells without a complete launch are left out: they have no rate to compare.
func (m *maker) tuning() (Section, error) {
	s := Section{ID: "tuning", Title: "Tuning"}
	for _, g := range m.groups {
		for _, platform := range platformsOf(g) {
			cells := slices.DeleteFunc(slices.Clone(g.cells), func(c *summary.Cell) bool { return c.Platform != platform || len(perHour(c)) == 0 })
			axes := extraAxes(cells)
			if len(axes) == 0 {
				continue
			}
			s.Blocks = append(s.Blocks, Block{Heading: platform + ", " + g.model}, tableBlock(bestSettings(cells, axes)))
			if t := effects(cells, axes); len(t.Rows) > 0 {
				s.Blocks = append(s.Blocks, tableBlock(t))
			}
		}
	}
	if len(s.Blocks) == 0 && len(m.Set.Cells) > 0 {
		s.Blocks = []Block{para("No setting was varied beside platform, model and batch size, so these results do not say whether a platform could do better with others. matrix tune searches for that.")}
	}
	return s, nil
}

func platformsOf(g *group) []string {
	var out []string
	for _, c := range g.cells {
		if !slices.Contains(out, c.Platform) {
			out = append(out, c.Platform)
		}
	}
	return out
}

// settingsText has the axes in the order given, which is sorted.
func settingsText(c *summary.Cell, axes []string) string {
	var parts []string
	for _, a := range axes {
		parts = append(parts, a+" = "+c.Axes[a])
	}
	return strings.Join(parts, ", ")
}

// bestSettings is a row a batch size: what is best for 500 requests may not be for 50,000, where the load no longer
// counts.
func bestSettings(cells []*summary.Cell, axes []string) *Table {
	t := &Table{Caption: "Best settings found, by requests an hour with the load", Columns: []Column{{Title: "Requests", Numeric: true}, {Title: "Settings"}, {Title: "Requests an hour", Numeric: true}, {Title: "Settings tried", Numeric: true}}}
	bySize := map[int64][]*summary.Cell{}
	for _, c := range cells {
		bySize[c.BatchSize] = append(bySize[c.BatchSize], c)
	}
	for _, size := range slices.Sorted(maps.Keys(bySize)) {
		best := fastestOf(bySize[size])
		e := stats.Of(perHour(best))
		t.Rows = append(t.Rows, Row{Values: []Value{{Text: whole(float64(size))}, {Text: settingsText(best, axes), Anchor: anchor(best)},
			{Text: three(e.Median), Detail: interval(e, three)}, {Text: fmt.Sprint(len(bySize[size]))}}})
	}
	return t
}

// effects compares cells that differ in one axis only: the geometric mean of their ratios against the first label.
// Geometric, for ratios: ×2 and ×0.5 come out as no effect. The first label of the set is what others are held against.
func effects(cells []*summary.Cell, axes []string) *Table {
	t := &Table{Caption: "What each setting did, all others alike", Columns: []Column{{Title: "Setting"}, {Title: "Against"}, {Title: "Requests an hour", Unit: "geometric mean of ratios", Numeric: true}, {Title: "Pairs", Numeric: true}}}
	for _, axis := range axes {
		base := ""
		ratios := map[string][]float64{}
		var order []string
		for _, c := range cells {
			if base == "" {
				base = c.Axes[axis]
			}
			other := twin(cells, c, axis, base)
			if c.Axes[axis] == base || other == nil {
				continue
			}
			label := c.Axes[axis]
			// first-seen order
			if ratios[label] == nil {
				order = append(order, label)
			}
			ratios[label] = append(ratios[label], stats.Median(perHour(c))/stats.Median(perHour(other)))
		}
		for _, label := range order {
			t.Rows = append(t.Rows, Row{Values: []Value{{Text: axis + " = " + label}, {Text: axis + " = " + base}, {Text: "×" + three(stats.Geomean(ratios[label]))}, {Text: fmt.Sprint(len(ratios[label]))}}})
		}
	}
	return t
}

// twin is the cell that differs from another in one axis alone.
// Of the same experiment only: another one may differ in what is no axis.
func twin(cells []*summary.Cell, c *summary.Cell, axis, label string) *summary.Cell {
	for _, other := range cells {
		same := other.Axes[axis] == label && other.Experiment == c.Experiment
		for a, l := range c.Axes {
			same = same && (a == axis || other.Axes[a] == l)
		}
		if same {
			return other
		}
	}
	return nil
}
