package plan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/results/store"
	"matrix/results/summary"
)

// Show is the command.
// A file wins over a cell of the same name.
func Show(a *app.App) *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use: "show [PLAN|CELL]", Short: "Show a saved plan, or a cell and its attempts",
		Long: "Show the last saved plan; or the plan in a file; or a cell with its attempts,\nby any unique prefix of its id, its folder's name or an attempt's id.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			if len(args) == 1 {
				// a folder is no plan, and may be called as a cell is
				if info, err := os.Stat(args[0]); err != nil || !info.Mode().IsRegular() {
					return showCell(cmd.Context(), a, args[0])
				}
			}
			return showPlan(cmd.Context(), a, args, verbose)
		},
	}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "print every group of cells")
	return cmd
}

// showPlan draws a saved plan as it stands today.
// It is planned anew: a saved plan says what was to be run, not what has been since.
func showPlan(ctx context.Context, a *app.App, args []string, verbose bool) error {
	file, ok := a.PlanFile(args)
	if !ok {
		return app.Hint(errors.New("there is no saved plan"), "Plan first: matrix plan FILE…")
	}
	saved, err := a.Restored(file)
	if err != nil {
		return err
	}
	s, plans, err := a.LoadPlanned(ctx, saved.Paths, saved.Asked())
	if err != nil {
		return err
	}
	defer s.Close()
	view.Plans(a.Printer, plans, verbose)
	// what an apply of it would refuse for
	for _, line := range saved.Drift(plans) {
		a.Warn("since the plan was saved: " + line)
	}
	return nil
}

// showCell prints the one cell that a prefix names, and every attempt at it.
// No declaration is needed; a cell that was never tried is not in the results, and said so.
func showCell(ctx context.Context, a *app.App, prefix string) error {
	store, err := a.Store()
	if err != nil {
		return err
	}
	// Survey, not Load: attempts that do not count are shown, too
	set, err := summary.Survey(ctx, store, a.Results)
	if err != nil {
		return err
	}
	// a cell that runs for the first time is only there
	unfinished, err := store.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("read the unfinished attempts: %w", err)
	}
	found := matching(append(set.Standings(), begun(unfinished)...), prefix)
	switch cells := addresses(found); {
	case len(cells) == 0:
		return app.Hint(fmt.Errorf("no cell or attempt in %s begins with %q", a.Results, prefix), "A cell stands in the results once it has been tried; matrix plan FILE… shows the ids of all.")
	case len(cells) > 1:
		return app.Hint(fmt.Errorf("%q begins %d cells: %s", prefix, len(cells), strings.Join(cells, ", ")), "Give more of it.")
	}
	view.Cell(a.Printer, found)
	return nil
}

// begun are the attempts that were begun and not finished, as far as they are.
// They stand among the committed ones, in the words of a reason.
func begun(attempts []*store.Attempt) []summary.Standing {
	var all []summary.Standing
	for _, at := range attempts {
		m := at.Manifest()
		// a work folder's manifest has no counts yet
		m.OK = at.Done()
		m.Reason = "begun and not finished; matrix status says whether it runs, the next matrix apply goes on with it"
		// rows of warm-up alone are not gone on from
		if m.OK == 0 {
			m.Reason = "begun, and no request has ended; matrix status says whether it runs, the next matrix apply begins it anew"
		}
		all = append(all, summary.Standing{Past: store.Past{Manifest: m, Dir: at.Dir()}, WhyNot: "unfinished"})
	}
	return all
}

// matching are all attempts of the cells that a prefix names by address, slug or attempt.
// A prefix of an attempt means its cell: attempts of one launch are read together.
func matching(history []summary.Standing, prefix string) []summary.Standing {
	wanted := map[string]bool{}
	for _, p := range history {
		if strings.HasPrefix(p.Address, prefix) || strings.HasPrefix(p.Slug, prefix) || strings.HasPrefix(strings.ToLower(p.Attempt), strings.ToLower(prefix)) || p.Name == prefix {
			wanted[p.Experiment+p.Address] = true
		}
	}
	// all attempts of the cells, also those that the prefix does not begin
	return slices.DeleteFunc(slices.Clone(history), func(p summary.Standing) bool { return !wanted[p.Experiment+p.Address] })
}

// addresses are those of the cells, short, each once.
// 16 digits, as columns have them.
func addresses(attempts []summary.Standing) []string {
	var all []string
	for _, p := range attempts {
		if !slices.Contains(all, view.Head(p.Address, 16)) {
			all = append(all, view.Head(p.Address, 16))
		}
	}
	return all
}
