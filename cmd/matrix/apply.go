package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matrix/results/summary"
	"matrix/runner"
	"matrix/runner/telemetry"
)

// applyFlags are apply's own.
type applyFlags struct {
	filter      runner.Filter
	approve     bool
	failFast    bool
	retries     int
	withoutNVML bool
	verbose     bool
	jobs        jobs
	cluster     clusterFlags
}

func (a *app) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use: "apply [FILE|DIR…|PLAN]", Short: "Run what is pending, one clean launch at a time",
		Long: "Run the pending launches: of files (planned first, and asked about), of a saved plan, or of the last saved plan.\n" +
			"^C once stops in order: rows are kept, the engine is stopped, the next apply goes on. ^C twice kills at once.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			if err := f.cluster.check(); err != nil {
				return err
			}
			s, plans, err := a.applyPlans(cmd.Context(), args, &f)
			if err != nil {
				return err
			}
			defer s.close()
			return a.apply(cmd.Context(), s, plans, f)
		},
	}
	a.declareVars(cmd)
	declareFilter(cmd, &f.filter)
	cmd.Flags().BoolVar(&f.approve, "auto-approve", false, "do not ask")
	cmd.Flags().BoolVar(&f.failFast, "fail-fast", false, "stop after the first cell that fails")
	cmd.Flags().IntVar(&f.retries, "launch-retries", 1, "tries more of a launch that failed for the machine's fault (port, disk)")
	cmd.Flags().Var(&f.jobs, "jobs", "launches side by side, each on GPUs of its own: a number, or auto (as many as the GPUs allow)")
	cmd.Flags().BoolVar(&f.withoutNVML, "without-nvml", false, "run on a GPU machine though this binary cannot read GPUs")
	declareCluster(cmd, &f.cluster)
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "print every group of cells of the plan")
	return cmd
}

// jobs is the value of --jobs; its zero means one.
type jobs int

func (j *jobs) String() string {
	if *j == runner.AutoJobs {
		return "auto"
	}
	return strconv.Itoa(max(1, int(*j)))
}

func (j *jobs) Set(text string) error {
	if text == "auto" {
		*j = runner.AutoJobs
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
func (a *app) applyPlans(ctx context.Context, args []string, f *applyFlags) (*session, []*runner.Plan, error) {
	file, ok := a.planFile(args)
	if ok {
		return a.savedPlans(ctx, file, f)
	}
	if len(args) == 0 {
		return nil, nil, hinted{errors.New("there is no saved plan"), "Name the files: matrix apply FILE… — or plan first: matrix plan FILE…"}
	}
	s, err := a.load(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	s.filter = f.filter
	plans, err := s.plan(ctx)
	if err != nil {
		s.close()
		return nil, nil, err
	}
	if f.cluster.on != "" {
		for _, p := range plans {
			p.Primings = nil // a cluster's tasks see neither the past nor each other
		}
	}
	if !a.json {
		a.showPlans(plans, f.verbose)
		fmt.Fprintln(a.stdout)
	}
	return s, plans, nil
}

// planFile tells whether the arguments mean a saved plan: none (the last one), or one file that is no HCL.
func (a *app) planFile(args []string) (string, bool) {
	if len(args) == 0 {
		args = []string{a.savedPlan()}
	}
	if len(args) > 1 || strings.HasSuffix(args[0], ".hcl") || strings.HasSuffix(args[0], ".hcl.json") {
		return "", false
	}
	info, err := os.Stat(args[0])
	return args[0], err == nil && info.Mode().IsRegular()
}

// savedPlans expands a saved plan's files again and holds the outcome against what was saved.
func (a *app) savedPlans(ctx context.Context, file string, f *applyFlags) (*session, []*runner.Plan, error) {
	saved, err := readPlan(file)
	if err != nil {
		return nil, nil, err
	}
	environ := a.vars.Environ
	if err := a.restore(saved); err != nil {
		return nil, nil, err
	}
	s, err := a.load(ctx, saved.Paths)
	if err != nil {
		return nil, nil, err
	}
	s.otherwiseSet(environ)
	s.filter = saved.Asked()
	s.filter.Only = append(s.filter.Only, f.filter.Only...)
	s.filter.Except = append(s.filter.Except, f.filter.Except...)
	s.filter.Launches = max(s.filter.Launches, f.filter.Launches)
	plans, err := s.plan(ctx)
	if err != nil {
		s.close()
		return nil, nil, err
	}
	if drift := saved.Drift(plans); len(drift) > 0 {
		s.close()
		return nil, nil, hinted{fmt.Errorf("the plan no longer holds; nothing was started:\n  %s", strings.Join(drift, "\n  ")),
			"Plan again and look at what changed: matrix plan " + strings.Join(saved.Paths, " ")}
	}
	f.approve = true // a saved plan has been looked at
	return s, plans, nil
}

// apply asks, runs every plan and says what came out.
func (a *app) apply(ctx context.Context, s *session, plans []*runner.Plan, f applyFlags) error {
	if f.cluster.on != "" {
		return a.applySlurm(ctx, s, plans, f)
	}
	if err := notOnCluster(ctx, s.world.Store); err != nil {
		return err
	}
	waits := a.setAside(plans)
	if telemetry.Driver() && !telemetry.Built() && !f.withoutNVML {
		return hinted{errors.New("this machine has an NVIDIA driver, but matrix loads NVML on Linux for amd64 and arm64 only"),
			"Give --without-nvml and have no GPU columns."}
	}
	if pendingLaunches(plans) == 0 {
		return a.afterApply(ctx, s, plans, nil, waits)
	}
	if err := a.approved(ctx, f, pendingLaunches(plans)); err != nil {
		return err
	}
	if _, err := s.save(plans, ""); err != nil {
		return err
	}
	var summaries []runner.Summary
	for _, p := range plans {
		if len(p.Order) == 0 {
			continue
		}
		summary, err := a.applyOne(ctx, s, p, f)
		if err != nil {
			return heldGPU(err)
		}
		summaries = append(summaries, summary)
		if ctx.Err() != nil || f.failFast && summary.Failed+summary.Censored+summary.Environment > 0 {
			break
		}
	}
	return a.afterApply(ctx, s, plans, summaries, waits)
}

func (a *app) warn(text string) {
	if a.json {
		a.emit("warning", map[string]any{"message": text})
		return
	}
	fmt.Fprintf(a.stderr, "%s %s\n", a.style.warn("Warning:"), text)
}

// approved asks unless it need not.
func (a *app) approved(ctx context.Context, f applyFlags, launches int) error {
	if f.approve {
		return nil
	}
	if a.json {
		return hinted{errors.New("apply would ask before it starts, which --json cannot"), "Add --auto-approve, or give a saved plan."}
	}
	fmt.Fprintf(a.stdout, "Run %s? Only \"yes\" is taken: ", count(launches, "launch"))
	answers, _ := lines(ctx, a.stdin) // an error is no answer
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.stdout)
		return ctx.Err()
	case answer, given := <-answers:
		if strings.TrimSpace(answer) == "yes" {
			return nil
		}
		if !given {
			fmt.Fprintln(a.stdout)
		}
	}
	fmt.Fprintln(a.stdout, "Declined: nothing was started.")
	return exitCode(codeDeclined)
}

// applyOne runs one experiment's plan under the view that fits the output.
func (a *app) applyOne(ctx context.Context, s *session, p *runner.Plan, f applyFlags) (runner.Summary, error) {
	observe, stop := a.view(p, f.jobs != 0 && f.jobs != 1)
	defer stop()
	defer a.interrupts.orderly()()
	return runner.Apply(ctx, s.world, p, runner.Options{FailFast: f.failFast, LaunchRetries: f.retries, Observe: observe,
		Source: s.source(p.Experiment), Hard: a.interrupts.now(), WithoutNVML: f.withoutNVML, Jobs: int(f.jobs)})
}

// view picks how an apply is shown: records, a live view, or lines. beside: launches may run side by side.
func (a *app) view(p *runner.Plan, beside bool) (observe func(runner.Event), stop func()) {
	switch {
	case a.json:
		return newJSONView(a).observe, func() {}
	case a.tty && os.Getenv("TERM") != "dumb":
		v := newLiveView(a.drawn(), a.style, a.terminalSize, simulatedItems(p), beside)
		return v.observe, v.stop
	}
	v := &plainView{out: a.stdout, style: a.style, width: a.terminalWidth, every: 5 * time.Second, beside: beside}
	return v.observe, func() {}
}

// source is the HCL that declared an experiment, kept beside its results.
func (s *session) source(experiment string) []byte {
	for _, e := range s.config.Experiments {
		if e.Name == experiment {
			return s.withoutQueries(s.config.Files[e.Place.File])
		}
	}
	return nil
}

// withoutQueries takes the queries of platforms' addresses out of a source, since a key may be in them and the source lies
// beside the results.
func (s *session) withoutQueries(source []byte) []byte {
	for _, cells := range s.cells {
		for _, c := range cells {
			if _, query, asked := strings.Cut(c.Platform.URL, "?"); asked && query != "" {
				source = bytes.ReplaceAll(source, []byte("?"+query), []byte("?(left out)"))
			}
		}
	}
	return source
}

// afterApply prints the table of what is measured so far and turns the summaries into an exit code. waits counts the
// launches that were set aside.
func (a *app) afterApply(ctx context.Context, s *session, plans []*runner.Plan, summaries []runner.Summary, waits int) error {
	for _, p := range plans {
		set, err := a.settle(s.world.Store, p)
		if err != nil {
			return err
		}
		if !a.json {
			a.writeTable(p, set)
		}
	}
	var t runner.Summary
	for _, x := range summaries {
		t.Complete, t.Failed, t.Censored = t.Complete+x.Complete, t.Failed+x.Failed, t.Censored+x.Censored
		t.Environment, t.Interrupted, t.NotRun, t.Took = t.Environment+x.Environment, t.Interrupted+x.Interrupted, t.NotRun+x.NotRun, t.Took+x.Took
	}
	if !a.json {
		if len(summaries) == 0 {
			a.sayNothingRan(plans, waits)
		} else {
			a.sayTotals(t, waits)
		}
	}
	switch {
	case ctx.Err() != nil:
		return exitCode(codeInterrupted)
	case t.Failed+t.Censored+t.Environment > 0:
		return exitCode(codeCellsFailed)
	case waits > 0:
		return exitCode(codePending)
	}
	return nil
}

func (a *app) sayTotals(t runner.Summary, waits int) {
	parts := []string{fmt.Sprintf("%d complete", t.Complete)}
	for _, x := range []struct {
		n    int
		what string
	}{{t.Failed, "engine failed"}, {t.Censored, "censored"}, {t.Environment, "environment failed"}, {t.Interrupted, "interrupted"}, {t.NotRun, "not run"}, {waits, "waiting"}} {
		if x.n > 0 {
			parts = append(parts, a.style.warn(fmt.Sprintf("%d %s", x.n, x.what)))
		}
	}
	fmt.Fprintf(a.stdout, "\nApplied in %s: %s. Results: %s\n", seconds(t.Took), strings.Join(parts, ", "), a.results)
	if t.Complete > 0 {
		fmt.Fprintln(a.stdout, "What they say, and how surely: matrix report")
	}
}

// writeTable prints what an experiment's results say, as the report reads them.
func (a *app) writeTable(p *runner.Plan, set *summary.Set) {
	rows := latest(p.Items, set)
	if len(rows) == 0 {
		return
	}
	title := a.style.bold(p.Experiment)
	if same := fixed(rows); same != "" {
		title += a.style.dot() + same
	}
	fmt.Fprintf(a.stdout, "\n%s\n", title)
	writeResults(a.stdout, a.style, a.terminalWidth(), rows)
}
