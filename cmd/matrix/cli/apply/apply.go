// Package apply has the commands that start launches: here, on a cluster, and in a search.
package apply

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/results/format"
	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/plan"
	"matrix/runner/telemetry"
)

// applyFlags are apply's own.
type applyFlags struct {
	filter      plan.Filter
	approve     bool // nobody is asked
	failFast    bool // nothing is begun after the first cell that fails
	retries     int  // of one launch, for faults of the machine alone
	withoutNVML bool
	verbose     bool
	jobs        jobs // 0 = one after the other
	cluster     clusterFlags
}

// Apply is the command.
// Exit codes: 4 where cells failed, 2 where launches wait, 5 declined, 6 locked, 130 after ^C.
func Apply(a *app.App) *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use: "apply [FILE|DIR…|PLAN]", Short: "Run what is pending, one clean launch at a time",
		Long: "Run the pending launches: of files (planned first, and asked about), of a saved plan, or of the last saved plan.\n" +
			"^C once stops in order: rows are kept, the engine is stopped, the next apply goes on. ^C twice kills at once.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			if err := f.cluster.check(); err != nil {
				return err
			}
			s, plans, err := applyPlans(cmd.Context(), a, args, &f)
			if err != nil {
				return err
			}
			defer s.Close()
			return run(cmd.Context(), a, s, plans, f)
		},
	}
	a.DeclareVars(cmd)
	a.DeclareLog(cmd)
	app.DeclareFilter(cmd, &f.filter)
	f.declareLaunching(cmd)
	cmd.Flags().BoolVar(&f.failFast, "fail-fast", false, "stop after the first cell that fails")
	cmd.Flags().Var(&f.jobs, "jobs", "launches side by side, each on GPUs of its own: a number, or auto (as many as the GPUs allow)")
	declareCluster(cmd, &f.cluster)
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "print every group of cells of the plan")
	return cmd
}

// declareLaunching declares what every command that starts launches has.
// Their meanings must not differ between apply, tune and bisect.
func (f *applyFlags) declareLaunching(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.approve, "auto-approve", false, "do not ask")
	cmd.Flags().IntVar(&f.retries, "launch-retries", 1, "tries more of a launch that failed for the machine's fault (port, disk)")
	cmd.Flags().BoolVar(&f.withoutNVML, "without-nvml", false, "run on a GPU machine though this binary cannot read GPUs")
}

// jobs is the value of --jobs; its zero means one.
type jobs int

func (j *jobs) String() string {
	if *j == apply.AutoJobs {
		return "auto"
	}
	return strconv.Itoa(max(1, int(*j)))
}

// Set takes a number from 1, or auto.
func (j *jobs) Set(text string) error {
	if text == "auto" {
		*j = apply.AutoJobs
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New(`a number from 1, or "auto"`)
	}
	*j = jobs(n)
	return nil
}

func (j *jobs) Type() string { return "N" }

// applyPlans makes the plans that apply runs: of files, or of a saved plan that still holds.
// Of files the plan is shown; a saved one was shown when it was made.
func applyPlans(ctx context.Context, a *app.App, args []string, f *applyFlags) (*app.Session, []*plan.Plan, error) {
	file, ok := a.PlanFile(args)
	if ok {
		return savedPlans(ctx, a, file, f)
	}
	if len(args) == 0 {
		return nil, nil, app.Hint(errors.New("there is no saved plan"), "Name the files: matrix apply FILE… — or plan first: matrix plan FILE…")
	}
	s, plans, err := a.LoadPlanned(ctx, args, f.filter)
	if err != nil {
		return nil, nil, err
	}
	if f.cluster.on != "" {
		for _, p := range plans {
			p.Primings = nil // a cluster's tasks see neither the past nor each other
		}
	}
	if !a.JSON {
		view.Plans(a.Printer, plans, f.verbose)
		fmt.Fprintln(a)
	}
	return s, plans, nil
}

// savedPlans expands a saved plan's files again and holds the outcome against what was saved.
// Files, datasets, engines and results may have changed since. What was approved is run, or nothing.
func savedPlans(ctx context.Context, a *app.App, file string, f *applyFlags) (*app.Session, []*plan.Plan, error) {
	// The saved variables replace these; a difference is said.
	environ := a.Vars.Environ // the plan's come in its place
	saved, err := a.Restored(file)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.Load(ctx, saved.Paths)
	if err != nil {
		return nil, nil, err
	}
	s.OtherwiseSet(environ)
	s.Filter = saved.Asked()
	// narrowing further is allowed: it starts nothing that was not looked at
	s.Filter.Only = append(s.Filter.Only, f.filter.Only...)
	s.Filter.Except = append(s.Filter.Except, f.filter.Except...)
	s.Filter.Launches = max(s.Filter.Launches, f.filter.Launches)
	plans, err := s.Plan(ctx)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	if drift := saved.Drift(plans); len(drift) > 0 {
		s.Close()
		return nil, nil, app.Hint(fmt.Errorf("the plan no longer holds; nothing was started:\n  %s", strings.Join(drift, "\n  ")),
			"Plan again and look at what changed: matrix plan "+strings.Join(saved.Paths, " "))
	}
	f.approve = true // a saved plan has been looked at
	return s, plans, nil
}

// run asks, runs every plan and says what came out.
// Experiments run one after the other: each has a GPU for itself.
func run(ctx context.Context, a *app.App, s *app.Session, plans []*plan.Plan, f applyFlags) error {
	if f.cluster.on != "" {
		return applySlurm(ctx, a, s, plans, f)
	}
	if err := notOnCluster(s.World.Store); err != nil {
		return err
	}
	waits := view.SetAside(a.Printer, plans)
	if telemetry.Driver() && !telemetry.Built() && !f.withoutNVML {
		return app.Hint(errors.New(telemetry.NotBuilt),
			"Give --without-nvml and have no GPU columns.")
	}
	// the table of results is still wanted
	if view.Pending(plans) == 0 {
		return afterApply(ctx, a, s, plans, nil, waits)
	}
	if err := approved(ctx, a, f, view.Pending(plans)); err != nil {
		return err
	}
	// so that show, accept and report know what was asked
	if _, err := s.Save(plans, ""); err != nil {
		return err
	}
	var summaries []events.Summary
	for _, p := range plans {
		if len(p.Order) == 0 {
			continue
		}
		summary, err := applyOne(ctx, a, s, p, f)
		if err != nil {
			return heldGPU(err)
		}
		summaries = append(summaries, summary)
		// experiments that were not begun stay pending
		if ctx.Err() != nil || f.failFast && summary.Failed+summary.Censored+summary.Environment > 0 {
			break
		}
	}
	return afterApply(ctx, a, s, plans, summaries, waits)
}

// approved asks unless it need not.
// --json has nobody to ask.
func approved(ctx context.Context, a *app.App, f applyFlags, launches int) error {
	if f.approve {
		return nil
	}
	if a.JSON {
		return app.Hint(errors.New("apply would ask before it starts, which --json cannot"), "Add --auto-approve, or give a saved plan.")
	}
	return a.Approve(ctx, fmt.Sprintf("Run %s?", format.Count(launches, "launch")), "nothing was started")
}

// applyOne runs one experiment's plan under the view that fits the output.
// Orderly: from here ^C is waited for, until the launch has stopped.
func applyOne(ctx context.Context, a *app.App, s *app.Session, p *plan.Plan, f applyFlags) (events.Summary, error) {
	observe, stop := view.Observer(a.Printer, view.Simulated(p), f.jobs != 0 && f.jobs != 1)
	defer stop()
	defer a.Interrupts.Orderly()()
	return journaled(ctx, s.World, p, apply.Options{FailFast: f.failFast, LaunchRetries: f.retries, Observe: observe,
		Source: s.Source(p.Experiment), Log: a.Log, Hard: a.Interrupts.Now(), WithoutNVML: f.withoutNVML, Jobs: int(f.jobs)})
}

// afterApply prints the table of what is measured so far and turns the summaries into an exit code. waits counts the
// launches that were set aside before.
// ^C wins over failures in the exit code: what failed may have failed by it.
func afterApply(ctx context.Context, a *app.App, s *app.Session, plans []*plan.Plan, summaries []events.Summary, waits int) error {
	for _, p := range plans {
		// also where nothing ran: a file that went back may have made older results count
		set, err := a.Settle(s.World.Store, p)
		if err != nil {
			return err
		}
		if !a.JSON {
			view.ResultTable(a.Printer, p, set)
		}
	}
	var t events.Summary
	for _, x := range summaries {
		t.Complete, t.Failed, t.Censored = t.Complete+x.Complete, t.Failed+x.Failed, t.Censored+x.Censored
		t.Environment, t.Interrupted, t.NotRun, t.Took = t.Environment+x.Environment, t.Interrupted+x.Interrupted, t.NotRun+x.NotRun, t.Took+x.Took
		waits += x.Waiting
	}
	if !a.JSON {
		if len(summaries) == 0 {
			view.NothingRan(a.Printer, plans, waits)
		} else {
			view.Totals(a.Printer, t, waits)
		}
	}
	switch {
	case ctx.Err() != nil:
		return app.ExitCode(app.CodeInterrupted)
	case t.Failed+t.Censored+t.Environment > 0:
		return app.ExitCode(app.CodeCellsFailed)
	case waits > 0:
		return app.ExitCode(app.CodePending)
	}
	return nil
}

// heldGPU adds to an apply that could not begin what to do about who holds the GPU.
// Other errors pass as they are.
func heldGPU(err error) error {
	var busy *apply.BusyError
	if !errors.As(err, &busy) {
		return err
	}
	stop := ""
	for _, pid := range busy.PIDs {
		stop += fmt.Sprintf(" %d", pid)
	}
	if stop != "" {
		stop = " (kill" + stop + ")"
	}
	return app.Hint(err, "Nothing was started. Let it end or stop it"+stop+", then apply again. To measure beside it: isolation { exclusive = false }, and memory for both.")
}
