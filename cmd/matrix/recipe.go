package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"matrix/experiments"
	"matrix/results/summary"
	"matrix/runner"
)

func (a *app) recipeCommand() *cobra.Command {
	var port int
	cmd := &cobra.Command{
		Use: "recipe CELL [FILE|DIR…|PLAN]", Short: "Print the script that starts a cell's engine with just these settings, without matrix",
		Long: "Print a shell script that starts the cell's engine with just the settings that a launch would give it, and needs\n" +
			"nothing of matrix: to reproduce a result, to look into one, or to put the winner into production. Of a cell with\n" +
			"results it has what was measured; where FILE is named, what that declares.\n\n" +
			"  matrix recipe 08d36831 > serve.sh && sh serve.sh\n\n" + selectorHelp,
		Args: needCell,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			if len(args) == 1 { // no files were named, so a cell that was measured is as it was
				if done, err := a.measuredRecipe(cmd.Context(), args[0], port); done || err != nil {
					return err
				}
			}
			s, plans, err := a.planned(cmd.Context(), args[1:], "matrix recipe "+args[0])
			if err != nil {
				return err
			}
			defer s.close()
			found, err := oneItem(plans, args[0])
			if err != nil {
				return err
			}
			c := found.item.Cell
			write := s.world.Backends[c.Platform.Backend].Recipe
			if write == nil || c.Platform.Attach {
				return nothingStarted(c)
			}
			script, err := write(cmd.Context(), c, port, runner.Example(cmd.Context(), s.world, c))
			if err != nil {
				return fmt.Errorf("write a recipe for %s: %w", c.Name(), err)
			}
			a.sayRecipe(found, script)
			return nil
		},
	}
	a.declareVars(cmd)
	cmd.Flags().IntVar(&port, "port", 0, "where the server listens (default: the declared port, else the engine's usual one)")
	return cmd
}

// measuredRecipe prints the recipe of a cell with results, as it was measured; done is false when the word names none, or
// several.
func (a *app) measuredRecipe(ctx context.Context, word string, port int) (done bool, err error) {
	store, err := a.store()
	if err != nil {
		return false, err
	}
	set, err := summary.Load(ctx, store, a.results)
	if err != nil {
		return false, err
	}
	found := pick(set.Cells, func(c *summary.Cell) named { return named{c.Experiment, c.Address, c.Slug, c.Name} }, word)
	if len(found) != 1 || len(found[0].Attempts) == 0 || found[0].Imported {
		return false, nil
	}
	c := found[0]
	declared := a.declaredFor(ctx, "", []string{c.Experiment})
	defer declared.close()
	var base *experiments.Cell
	for _, p := range itemsOf(declared.plans) {
		if p.item.Cell.Address == c.Address {
			base = p.item.Cell
		}
	}
	script, cell, err := declared.recipeOf(ctx, c, base, port)
	if err != nil {
		return false, err
	}
	if a.json {
		a.emit("recipe", map[string]any{"experiment": c.Experiment, "cell": head(c.Address, 16), "name": cell.Name(), "script": script})
	} else {
		fmt.Fprint(a.stdout, script)
	}
	return true, nil
}

func nothingStarted(c *experiments.Cell) error {
	return hinted{fmt.Errorf("nothing is started for %s: it asks a server that runs already", c.Name()), "It is at " + c.Platform.PublicURL() + "."}
}

func (a *app) sayRecipe(p placedItem, script string) {
	if skip := p.item.Cell.Skip; skip != nil {
		a.warn(fmt.Sprintf("%s is %s: %s", p.named(), p.item.State, skip.Reason))
	}
	if a.json {
		a.emit("recipe", map[string]any{"experiment": p.plan.Experiment, "cell": p.item.Cell.Address[:16], "name": p.item.Cell.Name(), "script": script})
		return
	}
	fmt.Fprint(a.page(), script)
}
