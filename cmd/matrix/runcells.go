package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matrix/results"
	"matrix/results/claim"
	"matrix/runner"
	"matrix/runner/slurm"
)

func (a *app) runCellsCommand() *cobra.Command {
	var plan string
	var group int
	cmd := &cobra.Command{
		Use: "run-cells --plan PLAN --group N", Short: "Run one group of a plan: what a cluster's task does", Args: noArguments,
		Long: "Run one launch group of a plan that matrix apply --on slurm submitted, on this node, into the shared results.\n" +
			"Each launch is claimed first; one that is committed, or that a living task has, is left alone.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			if plan == "" || group < 0 {
				return hinted{errors.New("run-cells needs --plan and --group"), "It is what the jobs of matrix apply --on slurm run; by hand: matrix apply."}
			}
			return a.runCells(cmd.Context(), plan, group)
		},
	}
	cmd.Flags().StringVar(&plan, "plan", "", "the plan of a run, below <results>/.matrix/cluster")
	cmd.Flags().IntVar(&group, "group", -1, "the number of the group")
	return cmd
}

// runCells reads the plan as it was submitted, files and variables too, and does one group of it.
func (a *app) runCells(ctx context.Context, plan string, number int) error {
	s, saved, err := a.submitted(ctx, plan)
	if err != nil {
		return err
	}
	defer s.close()
	run, group, err := slurm.OpenGroup(s.world.Store, plan, number)
	if err != nil {
		return err
	}
	run.Store = s.world.Store
	view := &plainView{out: a.stdout, style: a.style, width: a.terminalWidth, every: 5 * time.Second}
	observe := view.observe
	if a.json {
		observe = newJSONView(a).observe
	}
	experiment := group.Launches[0].Experiment
	n := slurm.Node{World: s.world, Run: run, Owner: claim.Me("matrix run-cells"), Scratch: run.ScratchFolder(), Apply: runner.Apply,
		Options: runner.Options{LaunchRetries: 1, Observe: observe, Source: s.source(experiment), Hard: a.interrupts.now()},
		Plan: func(ctx context.Context, w runner.Wanted) (*runner.Plan, error) {
			return saved.Group(ctx, s.world, s.cells[w.Experiment], []runner.Wanted{w})
		},
		Say: func(format string, values ...any) { a.warn(fmt.Sprintf(format, values...)) }}
	defer os.Remove(n.Scratch) // stays when another task of the run uses it
	ended := a.interrupts.orderly()
	tally, err := n.Do(ctx, group)
	ended()
	if err != nil {
		return err
	}
	a.sayTally(tally)
	if ctx.Err() != nil {
		return exitCode(codeInterrupted)
	}
	return nil
}

// submitted loads the files of a plan as they were.
func (a *app) submitted(ctx context.Context, plan string) (*session, *runner.Saved, error) {
	content, err := os.Open(plan)
	if err != nil {
		return nil, nil, err
	}
	defer content.Close() // read-only
	saved, err := runner.ReadSaved(content)
	if err != nil {
		return nil, nil, fmt.Errorf("read the plan %s: %w", plan, err)
	}
	a.vars = saved.Vars
	a.vars.Source = saved.Files
	s, err := a.load(ctx, saved.Paths)
	if err != nil {
		return nil, nil, err
	}
	if err := s.open(ctx); err != nil {
		s.close()
		return nil, nil, err
	}
	return s, saved, nil
}

func (a *app) sayTally(t slurm.Tally) {
	if a.json {
		a.emit("group_summary", map[string]any{"committed": t.Committed, "done_before": t.Done, "held": t.Held, "left": t.Left})
		return
	}
	var parts []string
	for _, status := range []string{results.Complete, results.EngineFailed, results.Censored, results.EnvironmentFailed} {
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
	fmt.Fprintf(a.stdout, "Group over: %s. Results: %s\n", strings.Join(parts, ", "), filepath.Clean(a.results))
}
