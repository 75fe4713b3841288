package report

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"matrix/backends"
	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/cell"
	"matrix/runner/launch"
)

// Recipe is the command.
func Recipe(a *app.App) *cobra.Command {
	var port int
	cmd := &cobra.Command{
		Use: "recipe CELL [FILE|DIR…|PLAN]", Short: "Print the script that starts a cell's engine with just these settings, without matrix",
		Long: "Print a shell script that starts the cell's engine with just the settings that a launch would give it, and needs\n" +
			"nothing of matrix: to reproduce a result, to look into one, or to put the winner into production. Of a cell with\n" +
			"results it has what was measured; where FILE is named, what that declares.\n\n" +
			"  matrix recipe 08d36831 > serve.sh && sh serve.sh\n\n" + app.SelectorHelp,
		Args: app.NeedCell,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			// With files what they declare is meant, even where the cell was measured otherwise.
			if len(args) == 1 { // no files were named, so a cell that was measured is as it was
				if done, err := measuredRecipe(cmd.Context(), a, args[0], port); done || err != nil {
					return err
				}
			}
			s, plans, err := a.Planned(cmd.Context(), args[1:], "matrix recipe "+args[0])
			if err != nil {
				return err
			}
			defer s.Close()
			found, err := app.OneItem(plans, args[0])
			if err != nil {
				return err
			}
			c := found.Item.Cell
			script, err := scriptOf(cmd.Context(), a, s, c, port)
			if err != nil {
				return err
			}
			// the plan would not run it: the script may well fail as the plan says
			if c.Skip != nil {
				a.Warn(fmt.Sprintf("%s is %s: %s", found.Name(), found.Item.State, c.Skip.Reason))
			}
			sayScript(a, ndjson.Recipe{Experiment: found.Plan.Experiment, Cell: c.Address[:16], Name: c.Name(), Script: script})
			return nil
		},
	}
	a.DeclareVars(cmd)
	cmd.Flags().IntVar(&port, "port", 0, "where the server listens (default: the declared port, else the engine's usual one)")
	return cmd
}

// measuredRecipe prints the recipe of a cell with results, as it was measured; done is false when the word names none, or
// several.
// An imported cell has no settings to start anything with.
func measuredRecipe(ctx context.Context, a *app.App, word string, port int) (done bool, err error) {
	_, set, err := a.Summary(ctx)
	if err != nil {
		return false, err
	}
	found := app.Pick(set.Cells, app.Measured, word)
	if len(found) != 1 || len(found[0].Attempts) == 0 || found[0].Imported {
		return false, nil
	}
	c := found[0]
	declared := declaredFor(ctx, a, "", []string{c.Experiment})
	defer declared.close()
	script, err := declared.recipeOf(ctx, c, port)
	if err != nil {
		return false, err
	}
	sayScript(a, ndjson.Recipe{Experiment: c.Experiment, Cell: view.Head(c.Address, 16), Name: c.Name, Script: script})
	return true, nil
}

// scriptOf is the script that starts a cell's engine, with a real prompt at its end where the files are loaded (s).
// Nothing to start (an attached server, an engine without recipes) is an error that says so.
func scriptOf(ctx context.Context, a *app.App, s *app.Session, c *cell.Cell, port int) (string, error) {
	write := a.Engines[c.Platform.Backend].Recipe
	// a server that somebody else runs is not ours to start
	if write == nil || c.Platform.Attach {
		return "", app.Hint(fmt.Errorf("nothing is started for %s: it asks a server that runs already", c.Name()), "It is at "+c.Platform.PublicURL()+".")
	}
	var example backends.Request
	if s != nil && c.Dataset != nil {
		example = launch.Example(ctx, s.World, c)
	}
	return write(ctx, c, port, example)
}

// sayScript prints the script alone, so that it can go into a file or a shell.
func sayScript(a *app.App, r ndjson.Recipe) {
	if a.JSON {
		a.Record(r)
		return
	}
	fmt.Fprint(a.Page(), r.Script)
}
