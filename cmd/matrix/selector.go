package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/experiments/textfile"
	"matrix/runner"
)

// selectorHelp says how commands take a cell.
const selectorHelp = "CELL is any unique prefix of a cell's id, of its folder's name, or of its name (platform/model/batch size)."

// needCell is what cobra.MinimumNArgs(1) checks, in words that say what to type.
func needCell(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return hinted{fmt.Errorf("%s needs a cell", cmd.CommandPath()), selectorHelp + " matrix plan shows them."}
}

func onlyCell(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return hinted{fmt.Errorf("%s takes one selector, not %d", cmd.CommandPath(), len(args)), "For several cells at once: axis=glob, like batch_size=10,100."}
	}
	return needCell(cmd, args)
}

// named is what a user can call a cell by.
type named struct{ experiment, address, slug, name string }

func (n named) String() string { return n.address[:min(8, len(n.address))] + " " + n.name }

// match tells whether a word names the cell, and whether it is a whole name of it: sim/m/5 is a cell although it
// begins sim/m/50 too.
func (n named) match(word string) (whole, prefix bool) {
	for _, name := range []string{n.address, n.slug, n.name, n.experiment + "/" + n.name, n.experiment + "/" + n.slug} {
		whole = whole || name == word
		prefix = prefix || word != "" && strings.HasPrefix(name, word)
	}
	return whole, prefix
}

// pick returns what a word names: whole names before prefixes.
func pick[T any](all []T, nameOf func(T) named, word string) []T {
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

// placedItem is a cell of a plan with the plan.
type placedItem struct {
	plan *runner.Plan
	item *runner.Item
}

func (p placedItem) named() named {
	c := p.item.Cell
	return named{p.plan.Experiment, c.Address, c.Slug, c.Name()}
}

func itemsOf(plans []*runner.Plan) []placedItem {
	var all []placedItem
	for _, p := range plans {
		for _, item := range p.Items {
			all = append(all, placedItem{p, item})
		}
	}
	return all
}

// oneItem is the one cell of the plans that a word names.
func oneItem(plans []*runner.Plan, word string) (placedItem, error) {
	all := itemsOf(plans)
	found := pick(all, placedItem.named, word)
	switch len(found) {
	case 0:
		return placedItem{}, hinted{fmt.Errorf("no cell begins with %q", word), "There " + someCells(all)}
	case 1:
		return found[0], nil
	}
	return placedItem{}, hinted{fmt.Errorf("%q begins %d cells", word, len(found)), "Give more of it: there " + someCells(found)}
}

// someCells lists the first of many cells.
func someCells(items []placedItem) string {
	const most = 8
	if len(items) == 0 {
		return "is no cell at all."
	}
	var names []string
	for _, p := range items[:min(most, len(items))] {
		names = append(names, p.named().String())
	}
	more := ""
	if len(items) > most {
		more = fmt.Sprintf(" and %d more", len(items)-most)
	}
	if len(items) == 1 {
		return "is " + names[0] + "."
	}
	return "are " + strings.Join(names, ", ") + more + "."
}

// readPlan reads a plan file.
func readPlan(file string) (*runner.Saved, error) {
	content, err := textfile.Open(file)
	if err != nil {
		return nil, err
	}
	defer content.Close() // read-only
	saved, err := runner.ReadSaved(content)
	if err != nil {
		return nil, hinted{fmt.Errorf("read the plan %s: %w", file, err), "Plan again: matrix plan FILE…"}
	}
	return saved, nil
}

// planned loads files, or those of a saved plan (the last one where nothing is named), and plans every cell of them as
// things stand now. usage is what to type, for who has no plan.
func (a *app) planned(ctx context.Context, args []string, usage string, only ...string) (*session, []*runner.Plan, error) {
	var filter runner.Filter
	if file, ok := a.planFile(args); ok {
		saved, err := readPlan(file)
		if err != nil {
			return nil, nil, err
		}
		if err := a.restore(saved); err != nil {
			return nil, nil, err
		}
		args = saved.Paths
		filter = saved.Asked()
	}
	if len(args) == 0 {
		return nil, nil, hinted{errors.New("there is no saved plan"), "Name the files: " + usage + " FILE…"}
	}
	s, err := a.load(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	filter.Only, filter.Except = slices.Clone(only), nil
	s.filter = filter
	plans, err := s.plan(ctx)
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return s, plans, nil
}
