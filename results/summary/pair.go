package summary

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Pair is two cells that differ in nothing but what is compared, as far as their axes tell; Unlike tells the rest.
type Pair struct {
	Name string // what they share: the labels of the axes that vary among pairs; "" where there is one pair
	A, B *Cell  // of the first side and the second
}

// Matching is how the cells of two sides correspond.
type Matching struct {
	Compared     []string // axes in which the sides differ, "experiment" among them
	Pairs        []Pair   // in A's order
	OnlyA, OnlyB []*Cell  // without a partner
}

// axisExperiment is treated as one more axis.
const axisExperiment = "experiment"

// Match pairs cells by the axes other than those compared: an axis is compared where each side has one label of it, and
// not the same.
// A cell has one partner at most.
func Match(a, b []*Cell) Matching {
	var m Matching
	var shared []string
	for _, axis := range axesOf(a, b) {
		x, y := labels(a, axis), labels(b, axis)
		switch {
		case len(x) == 1 && len(y) == 1 && x[0] != y[0]:
			m.Compared = append(m.Compared, axis)
		default:
			shared = append(shared, axis)
		}
	}
	varying := slices.DeleteFunc(slices.Clone(shared), func(axis string) bool {
		return len(labels(a, axis)) == 1 && len(labels(b, axis)) == 1
	})
	partners := map[string]*Cell{}
	for _, c := range b {
		key := keyOf(c, shared, "\x00")
		if partners[key] != nil { // of two with the same labels the later pairs
			m.OnlyB = append(m.OnlyB, partners[key])
		}
		partners[key] = c
	}
	for _, c := range a {
		key := keyOf(c, shared, "\x00")
		partner := partners[key]
		if partner == nil {
			m.OnlyA = append(m.OnlyA, c)
			continue
		}
		delete(partners, key)
		m.Pairs = append(m.Pairs, Pair{Name: nameOf(c, varying), A: c, B: partner})
	}
	for _, c := range b {
		if partners[keyOf(c, shared, "\x00")] == c {
			m.OnlyB = append(m.OnlyB, c)
		}
	}
	return m
}

// axesOf are all axes of the cells, in the order of cells' names: experiment, platform, model, batch size, the others.
func axesOf(sides ...[]*Cell) []string {
	all := map[string]bool{}
	for _, side := range sides {
		for _, c := range side {
			for axis := range c.Axes {
				all[axis] = true
			}
		}
	}
	first := []string{axisExperiment, "platform", "model", "batch_size"}
	out := slices.Collect(maps.Keys(all))
	out = append(slices.DeleteFunc(out, func(axis string) bool { return slices.Contains(first, axis) }), first...)
	place := func(axis string) int {
		if i := slices.Index(first, axis); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(place(a)-place(b), strings.Compare(a, b)) })
	return out
}

// Axis is a cell's label of an axis; "experiment" is one, and the usual three are known without being declared.
func (c *Cell) Axis(axis string) string {
	switch axis {
	case axisExperiment:
		return c.Experiment
	case "platform":
		return cmp.Or(c.Axes[axis], c.Platform)
	case "model":
		return cmp.Or(c.Axes[axis], c.Model)
	case "batch_size":
		return cmp.Or(c.Axes[axis], strconv.FormatInt(c.BatchSize, 10))
	}
	return c.Axes[axis]
}

// Varying are the axes whose label is not the same in all cells that have one, sorted; of each cell its labels by axis.
func Varying(cells ...map[string]string) []string {
	first, varying := map[string]string{}, map[string]bool{}
	for _, c := range cells {
		for axis, label := range c {
			if other, known := first[axis]; known && other != label {
				varying[axis] = true
			}
			first[axis] = label
		}
	}
	return slices.Sorted(maps.Keys(varying))
}

// labels are the different ones of an axis, in the cells' order.
func labels(cells []*Cell, axis string) []string {
	var out []string
	for _, c := range cells {
		if label := c.Axis(axis); !slices.Contains(out, label) {
			out = append(out, label)
		}
	}
	return out
}

// nameOf joins a cell's labels of the axes that it has.
func nameOf(c *Cell, axes []string) string {
	axes = slices.DeleteFunc(slices.Clone(axes), func(axis string) bool { return c.Axis(axis) == "" })
	return keyOf(c, axes, "/")
}

// keyOf joins a cell's labels of some axes.
func keyOf(c *Cell, axes []string, between string) string {
	parts := make([]string, len(axes))
	for i, axis := range axes {
		parts[i] = c.Axis(axis)
	}
	return strings.Join(parts, between)
}
