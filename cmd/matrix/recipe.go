package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"matrix/backends"
	"matrix/runner"
)

func (a *app) recipeCommand() *cobra.Command {
	var port int
	cmd := &cobra.Command{
		Use: "recipe CELL [FILE|DIR…|PLAN]", Short: "Print the script that starts a cell's engine with just these settings, without matrix",
		Long: "Print a shell script that starts the cell's engine with just the settings that a launch would give it, and needs\n" +
			"nothing of matrix: to reproduce a result, to look into one, or to put the winner into production.\n\n" +
			"  matrix recipe 08d36831 > serve.sh && sh serve.sh\n\n" + selectorHelp,
		Args: needCell,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
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
			maker, ok := s.world.Backends[c.Platform.Backend].(backends.Reciper)
			if !ok || c.Platform.Attach {
				return hinted{fmt.Errorf("nothing is started for %s: it asks a server that runs already", c.Name()), "It is at " + c.Platform.PublicURL() + "."}
			}
			script, err := maker.Recipe(cmd.Context(), c, port, runner.Example(cmd.Context(), s.world, c))
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
