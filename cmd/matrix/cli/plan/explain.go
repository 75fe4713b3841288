package plan

import (
	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
)

// Explain is the command.
// The cell is planned as things stand now, not as they were when the plan was saved.
func Explain(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain CELL [FILE|DIR…|PLAN]", Short: "Say why a cell will or will not run, with everything that decides it",
		Long: "Say why a cell will or will not run: each rule with its values, the memory prediction line by line, each component\n" +
			"of its identity. The cell is one of the files', or of the last saved plan's.\n\n" + app.SelectorHelp,
		Args: app.NeedCell,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			// all cells: a cell's place in the order depends on the others
			s, plans, err := a.Planned(cmd.Context(), args[1:], "matrix explain "+args[0])
			if err != nil {
				return err
			}
			defer s.Close()
			// two cells at once would be two pages
			found, err := app.OneItem(plans, args[0])
			if err != nil {
				return err
			}
			name := found.Plan.Experiment
			// Rules are evaluated once more, for this cell, to have the values that they see.
			rules := s.Config.Inspect(s.Hooks(cmd.Context()), name, found.Item.Cell.Address).Rules
			view.Explain(a.Printer, view.Explanation{Experiment: name, Item: found.Item, Rules: rules})
			return nil
		},
	}
	a.DeclareVars(cmd)
	return cmd
}
