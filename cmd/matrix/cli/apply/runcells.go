package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/claim"
	"matrix/results/record"
	"matrix/runner/apply"
	"matrix/runner/plan"
	"matrix/runner/slurm"
)

// RunCells is the command that the jobs of a cluster run.
func RunCells(a *app.App) *cobra.Command {
	var plan string
	var group int
	cmd := &cobra.Command{
		Use: "run-cells --plan PLAN --group N", Short: "Run one group of a plan: what a cluster's task does", Args: app.NoArguments,
		Long: "Run one launch group of a plan that matrix apply --on slurm submitted, on this node, into the shared results.\n" +
			"Each launch is claimed first; one that is committed, or that a living task has, is left alone.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			if plan == "" || group < 0 {
				return app.Hint(errors.New("run-cells needs --plan and --group"), "It is what the jobs of matrix apply --on slurm run; by hand: matrix apply.")
			}
			return runCells(cmd.Context(), a, plan, group)
		},
	}
	a.DeclareLog(cmd)
	cmd.Flags().StringVar(&plan, "plan", "", "the plan of a run, below <results>/.matrix/cluster")
	cmd.Flags().IntVar(&group, "group", -1, "the number of the group")
	return cmd
}

// runCells reads the plan as it was submitted, files and variables too, and does one group of it.
// Results, not the plan, say what is left: a task may be requeued at any moment.
func runCells(ctx context.Context, a *app.App, file string, number int) error {
	s, saved, err := submitted(ctx, a, file)
	if err != nil {
		return err
	}
	defer s.Close()
	run, group, err := slurm.OpenGroup(s.World.Store, file, number)
	if err != nil {
		return err
	}
	run.Store = s.World.Store
	experiment := group.Launches[0].Experiment
	// a node plans each launch when it comes to it: results may have come meanwhile
	n := slurm.Node{World: s.World, Run: run, Owner: claim.Me("matrix run-cells"), Scratch: run.ScratchFolder(), Apply: journaled,
		Options: apply.Options{LaunchRetries: 1, Observe: view.LineObserver(a.Printer, false), Source: s.Source(experiment), Log: a.Log, Hard: a.Interrupts.Now()},
		Plan: func(ctx context.Context, w plan.LaunchRef) (*plan.Plan, error) {
			return saved.Group(ctx, s.World, s.Cells[w.Experiment], []plan.LaunchRef{w})
		},
		Say: func(format string, values ...any) { a.Warn(fmt.Sprintf(format, values...)) }}
	// only while it is empty
	defer os.Remove(n.Scratch) // stays when another task of the run uses it
	ended := a.Interrupts.Orderly()
	tally, err := n.Do(ctx, group)
	ended()
	if err != nil {
		return err
	}
	sayTally(a, tally)
	if ctx.Err() != nil {
		return app.ExitCode(app.CodeInterrupted)
	}
	return nil
}

// submitted loads the files of a plan as they were.
// From the plan's own copies: files may have been edited since the submission.
func submitted(ctx context.Context, a *app.App, file string) (*app.Session, *plan.Saved, error) {
	saved, err := app.ReadPlan(file)
	if err != nil {
		return nil, nil, err
	}
	a.Vars = saved.Vars
	a.Vars.Source = saved.Files
	s, err := a.Load(ctx, saved.Paths)
	if err != nil {
		return nil, nil, err
	}
	if err := s.Open(ctx); err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, saved, nil
}

// sayTally says what became of a group's launches; a log of Slurm's has this line last.
func sayTally(a *app.App, t slurm.Tally) {
	if a.JSON {
		a.Record(ndjson.GroupSummary{Committed: t.Committed, DoneBefore: t.Done, Held: t.Held, Left: t.Left})
		return
	}
	var parts []string
	for _, status := range []string{record.Complete, record.EngineFailed, record.Censored, record.EnvironmentFailed} {
		if n := t.Committed[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(status, "_", " ")))
		}
	}
	for _, x := range []struct {
		n    int
		what string
	}{{t.Done, "done before"}, {t.Held, "held by other tasks"}, {t.Left, "left for a later task"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	a.Line("Group over: %s. Results: %s", strings.Join(parts, ", "), filepath.Clean(a.Results))
}
