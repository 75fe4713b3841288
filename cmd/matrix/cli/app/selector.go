package app

import (
	"fmt"
	"strings"

	"matrix/experiments/cell"
	"matrix/experiments/wording"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/results/summary"
	"matrix/runner/plan"
)

// Name is what a user can call a cell by.
// Names are compared as they are; an id is a prefix of Address.
type Name struct{ Experiment, Address, Slug, Name string }

func (n Name) String() string { return n.Address[:min(8, len(n.Address))] + " " + n.Name }

// match tells whether a word names the cell, and whether it is a whole name of it: sim/m/5 is a cell although it
// begins sim/m/50 too.
func (n Name) match(word string) (whole, prefix bool) {
	for _, name := range []string{n.Address, n.Slug, n.Name, n.Experiment + "/" + n.Name, n.Experiment + "/" + n.Slug} {
		whole = whole || name == word
		prefix = prefix || word != "" && strings.HasPrefix(name, word)
	}
	return whole, prefix
}

// Pick returns what a word names: whole names before prefixes.
// None and several are for the caller to judge. The order is that of all.
func Pick[T any](all []T, nameOf func(T) Name, word string) []T {
	var wholes, prefixes []T
	for _, x := range all {
		whole, prefix := nameOf(x).match(word)
		if whole {
			wholes = append(wholes, x)
		}
		if prefix {
			prefixes = append(prefixes, x)
		}
	}
	if len(wholes) > 0 {
		return wholes
	}
	return prefixes
}

// PlannedCell is a cell of a plan with the plan.
type PlannedCell struct {
	Plan *plan.Plan
	Item *plan.Item
}

// Name is what a user can call it by.
func (p PlannedCell) Name() Name { return Declared(p.Plan.Experiment, p.Item.Cell) }

// ItemsOf are the cells of all plans.
// In the order of the plans.
func ItemsOf(plans []*plan.Plan) []PlannedCell {
	var all []PlannedCell
	for _, p := range plans {
		for _, item := range p.Items {
			all = append(all, PlannedCell{p, item})
		}
	}
	return all
}

// OneItem is the one cell of the plans that a word names.
// The error lists what there is.
func OneItem(plans []*plan.Plan, word string) (PlannedCell, error) {
	all := ItemsOf(plans)
	found := Pick(all, PlannedCell.Name, word)
	switch len(found) {
	case 0:
		return PlannedCell{}, Hint(fmt.Errorf("no cell begins with %q", word), "There "+someCells(all))
	case 1:
		return found[0], nil
	}
	return PlannedCell{}, Hint(fmt.Errorf("%q begins %d cells", word, len(found)), "Give more of it: there "+someCells(found))
}

// someCells lists the first of many cells.
func someCells(items []PlannedCell) string {
	if len(items) == 0 {
		return "is no cell at all."
	}
	var names []string
	for _, p := range items {
		names = append(names, p.Name().String())
	}
	if len(items) == 1 {
		return "is " + names[0] + "."
	}
	return "are " + format.Some(names, 8) + "."
}

// Declared is what a user can call a cell of an experiment by.
func Declared(experiment string, c *cell.Cell) Name {
	return Name{experiment, c.Address, c.Slug, c.Name()}
}

// Measured is what a user can call a cell with results by.
func Measured(c *summary.Cell) Name { return Name{c.Experiment, c.Address, c.Slug, c.Name} }

// Metric is the metric of a name.
// Columns that are no metrics are not in it.
func Metric(name string) (record.Metric, error) {
	known := record.Metrics()
	names := make([]string, len(known))
	for i, m := range known {
		if m.Name == name {
			return m, nil
		}
		names[i] = m.Name
	}
	hint := ""
	if near := wording.Suggest(name, names); near != "" {
		hint = fmt.Sprintf("Did you mean %q? ", near)
	}
	return record.Metric{}, Hint(fmt.Errorf("there is no metric %q", name),
		hint+"The metrics are columns of run.parquet, like output_throughput, request_throughput, valid_evaluations_per_hour, ttft_p50_s.")
}
