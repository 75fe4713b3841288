package tune

import (
	"slices"

	"matrix/experiments/cell"
	"matrix/results/stats"
)

// Effect is what one value of a tuned axis did, over all settings that have it.
type Effect struct {
	Axis, Value string
	Median      float64 // of the objective over those settings
	Settings    int     // how many were measured
}

// Effects compares the values of each tuned axis at the smallest batch, where every setting is measured: further up only
// good ones are left, and a value that survived in good company would look good. Axes and values are in source order.
func (g *Group) Effects(score func(*cell.Cell) Score) []Effect {
	var order []effectKey
	values := map[effectKey][]float64{}
	for _, s := range g.Settings {
		c := s.Cells[g.Batches[0]]
		if c == nil || score(c).State != Measured {
			continue
		}
		for _, a := range c.Axes {
			if fixed[a.Name] {
				continue
			}
			k := effectKey{a.Name, a.Label}
			if values[k] == nil {
				order = append(order, k)
			}
			values[k] = append(values[k], score(c).Value)
		}
	}
	var out []Effect
	for _, k := range order {
		out = append(out, Effect{Axis: k.axis, Value: k.value, Median: stats.Median(values[k]), Settings: len(values[k])})
	}
	axes := axisNames(order)
	slices.SortStableFunc(out, func(a, b Effect) int { return slices.Index(axes, a.Axis) - slices.Index(axes, b.Axis) })
	return out
}

// axisNames are the axes in the order in which they first appear.
func axisNames(keys []effectKey) []string {
	var names []string
	for _, k := range keys {
		if !slices.Contains(names, k.axis) {
			names = append(names, k.axis)
		}
	}
	return names
}

// effectKey is one value of an axis.
type effectKey struct{ axis, value string }
