package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/experiments/cell"
	"matrix/results/summary"
	"matrix/runner/plan"
	"matrix/runner/tune"
)

// tuneFlags are tune's own.
type tuneFlags struct {
	applyFlags
	maximize, minimize string        // a metric; minimize wins where both are given
	keep               float64       // above 0, below 1
	launches           int           // 0 = no bound
	hours              time.Duration // 0 = no bound
}

// Tune is the command.
func Tune(a *app.App) *cobra.Command {
	var f tuneFlags
	cmd := &cobra.Command{
		Use: "tune FILE|DIR…", Short: "Search the settings of an experiment instead of running its full grid",
		Long: `Search the settings of an experiment by successive halving: every combination of the axes beside platform, model, batch_size
and hardware is measured at the smallest batch, the better half of them at the next larger one, and so on. What cell.fit
or a constraint rules out is skipped. Each probe is an ordinary cell: a search that was stopped goes on, and plan, show and
report see what it measured.

  matrix tune experiments/tune.hcl
  matrix tune --minimize ttft_p50_s --max-launches 40 experiments/tune.hcl

The objective is evaluations per hour (of answers that can be used), loading included, at the largest batch size; or any metric column of run.parquet.`,
		Args: app.NeedFiles,
		RunE: searching(a, func(ctx context.Context, s *app.Session) error { return search(ctx, a, s, f) }),
	}
	a.DeclareVars(cmd)
	a.DeclareLog(cmd)
	cmd.Flags().StringVar(&f.maximize, "maximize", tune.EvaluationsPerHour, "objective: a metric of which more is better")
	cmd.Flags().StringVar(&f.minimize, "minimize", "", "objective: a metric of which less is better")
	cmd.Flags().Float64Var(&f.keep, "keep", 0.5, "share of the settings that goes on to the next batch size")
	cmd.Flags().IntVar(&f.launches, "max-launches", 0, "budget: no round begins that would exceed it (0 = none)")
	cmd.Flags().DurationVar(&f.hours, "max-time", 0, "budget: no round begins after it, as in 2h30m (0 = none)")
	f.declareLaunching(cmd)
	return cmd
}

// driver measures for a search: the experiment's cells, those of the round first.
// It is what tune.Loop asks; the loop decides.
type driver struct {
	prober
	cells   []*cell.Cell
	loop    *tune.Loop
	pending *plan.Plan // of the round
}

// search runs the loop and says what it found.
// What was found is shown after ^C, too.
func search(ctx context.Context, a *app.App, s *app.Session, f tuneFlags) error {
	if !(f.keep > 0 && f.keep < 1) {
		return app.Hint(fmt.Errorf("--keep %g: the share that goes on is between 0 and 1", f.keep), "--keep 0.5 keeps the better half.")
	}
	d := &driver{prober: newProber(a, s, f.applyFlags)}
	d.cells = s.Cells[d.name]
	space, err := tune.New(d.cells, f.keep)
	if err != nil {
		return app.Hint(err, "Declare the settings to search as axes of the matrix, and use them in an override: args = { max_num_seqs = cell.max_num_seqs }.")
	}
	objective, err := tune.NewObjective(cmp.Or(f.minimize, f.maximize), f.minimize != "", space)
	if err != nil {
		return err
	}
	d.loop = &tune.Loop{Search: space, Objective: objective, Launches: f.launches, Time: f.hours}
	if err := d.loop.Run(ctx, d); err != nil {
		return err
	}
	view.Tuned(a.Printer, d.loop, slices.ContainsFunc(d.cells, func(c *cell.Cell) bool { return c.Platform.Simulated() }))
	switch {
	case ctx.Err() != nil:
		return app.ExitCode(app.CodeInterrupted)
	// a round that could not be run leaves nothing to rank by
	case d.loop.Stuck:
		return app.ExitCode(app.CodeCellsFailed)
	}
	return nil
}

// Look plans all cells and reads what is measured of them.
// A cell that is pending or waits has no score yet, one that failed has none for good.
func (d *driver) Look(ctx context.Context) (func(*cell.Cell) tune.Score, error) {
	items, set, err := d.known(ctx, d.cells)
	if err != nil {
		return nil, err
	}
	known := map[string]*summary.Cell{}
	for _, c := range set.Cells {
		known[c.Address] = c
	}
	return func(c *cell.Cell) tune.Score {
		item := items[c.Address]
		return d.loop.Objective.Score(c, known[c.Address], item != nil && (item.Pending() || item.State == plan.Unavailable))
	}, nil
}

// Plan plans the cells of a round of every group, and says which they are.
// The launches are those that are not there: a search that goes on has few.
func (d *driver) Plan(ctx context.Context, rounds []tune.Round) (launches int, err error) {
	var cells []*cell.Cell
	for _, r := range rounds {
		cells = append(cells, r.Cells...)
	}
	if d.pending, err = d.plan(ctx, cells); err != nil {
		return 0, err
	}
	launches = view.Pending([]*plan.Plan{d.pending})
	view.Rounds(d.a.Printer, rounds, launches)
	return launches, nil
}

// Apply runs the round.
// It asks the user before the first round.
func (d *driver) Apply(ctx context.Context) error { return d.run(ctx, d.pending) }
