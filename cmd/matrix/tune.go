package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matrix/experiments"
	"matrix/results/summary"
	"matrix/runner"
	"matrix/runner/tune"
)

// tuneFlags are tune's own.
type tuneFlags struct {
	applyFlags
	maximize, minimize string
	keep               float64
	launches           int
	hours              time.Duration
}

func (a *app) tuneCommand() *cobra.Command {
	var f tuneFlags
	cmd := &cobra.Command{
		Use: "tune FILE|DIR…", Short: "Search the settings of an experiment instead of running its full grid",
		Long: `Search the settings of an experiment by successive halving: every combination of the axes beside platform, model, batch_size
and hardware is measured at the smallest batch, the better half of them at the next larger one, and so on. What cell.fit
or a constraint rules out is skipped. Each probe is an ordinary cell: a search that was stopped goes on, and plan, show and
report see what it measured.

  matrix tune experiments/tune.hcl
  matrix tune --minimize ttft_p50_s --max-launches 40 experiments/tune.hcl

The objective is evaluations per hour, loading included, at the largest batch size; or any metric column of run.parquet.`,
		Args: needFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			s, err := a.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer s.close()
			return a.tune(cmd.Context(), s, f)
		},
	}
	a.declareVars(cmd)
	cmd.Flags().StringVar(&f.maximize, "maximize", tune.EvaluationsPerHour, "objective: a metric of which more is better")
	cmd.Flags().StringVar(&f.minimize, "minimize", "", "objective: a metric of which less is better")
	cmd.Flags().Float64Var(&f.keep, "keep", 0.5, "share of the settings that goes on to the next batch size")
	cmd.Flags().IntVar(&f.launches, "max-launches", 0, "budget: no round begins that would exceed it (0 = none)")
	cmd.Flags().DurationVar(&f.hours, "max-time", 0, "budget: no round begins after it, as in 2h30m (0 = none)")
	cmd.Flags().BoolVar(&f.approve, "auto-approve", false, "do not ask")
	cmd.Flags().IntVar(&f.retries, "launch-retries", 1, "tries more of a launch that failed for the machine's fault (port, disk)")
	cmd.Flags().BoolVar(&f.withoutNVML, "without-nvml", false, "run on a GPU machine though this binary cannot read GPUs")
	return cmd
}

// tuning is one search under way.
type tuning struct {
	a         *app
	s         *session
	f         tuneFlags
	name      string // of the experiment
	cells     []*experiments.Cell
	search    *tune.Search
	objective tune.Objective
	began     time.Time
	launched  int
	asked     bool
	stopped   string // why it ended before its end, "" = it did not
	score     func(*experiments.Cell) tune.Score
}

func (a *app) tune(ctx context.Context, s *session, f tuneFlags) error {
	if len(s.config.Experiments) != 1 {
		return hinted{fmt.Errorf("these files declare %s, and tune searches one", count(len(s.config.Experiments), "experiment")), "Name the file of one experiment."}
	}
	t := &tuning{a: a, s: s, f: f, name: s.config.Experiments[0].Name, began: time.Now()}
	t.cells = s.cells[t.name]
	if !(f.keep > 0 && f.keep < 1) {
		return hinted{fmt.Errorf("--keep %g: the share that goes on is between 0 and 1", f.keep), "--keep 0.5 keeps the better half."}
	}
	var err error
	if t.search, err = tune.New(t.cells, f.keep); err != nil {
		return hinted{err, "Declare the settings to search as axes of the matrix, and use them in an override: args = { max_num_seqs = cell.max_num_seqs }."}
	}
	metric := f.maximize
	if f.minimize != "" {
		metric = f.minimize
	}
	if t.objective, err = tune.NewObjective(metric, f.minimize != "", t.search); err != nil {
		return err
	}
	return t.run(ctx)
}

// run measures round after round until nothing is left, the budget is spent, or a round brings nothing.
func (t *tuning) run(ctx context.Context) error {
	last := ""
	for t.stopped == "" {
		if err := t.look(ctx); err != nil {
			return err
		}
		rounds := t.search.Next(t.score)
		if len(rounds) == 0 {
			break
		}
		now := describeRounds(rounds)
		if now == last {
			t.stopped = "the launches of this round could not be run: see above"
			break
		}
		last = now
		if err := t.round(ctx, rounds); err != nil {
			return err
		}
		if ctx.Err() != nil {
			t.stopped = "interrupted"
		}
	}
	// Not the command's context: after ^C what was found is still wanted.
	if err := t.look(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	t.report()
	switch {
	case ctx.Err() != nil:
		return exitCode(codeInterrupted)
	case strings.HasPrefix(t.stopped, "the launches"):
		return exitCode(codeCellsFailed)
	}
	return nil
}

func describeRounds(rounds []tune.Round) string {
	var b strings.Builder
	for _, r := range rounds {
		for _, c := range r.Cells {
			b.WriteString(c.Address + " ")
		}
	}
	return b.String()
}

// look reads what is measured by now.
func (t *tuning) look(ctx context.Context) error {
	t.s.cells[t.name] = t.cells
	plans, err := t.s.plan(ctx)
	if err != nil {
		return err
	}
	planned := map[string]bool{}
	for _, item := range plans[0].Items {
		planned[item.Cell.Address] = item.Pending() || item.State == runner.Unavailable
	}
	set, err := summary.Load(ctx, t.s.world.Store, t.a.results, t.name)
	if err != nil {
		return err
	}
	t.a.keepCounts(t.s.world.Store, set)
	known := map[string]*summary.Cell{}
	for _, c := range set.Cells {
		known[c.Address] = c
	}
	t.score = func(c *experiments.Cell) tune.Score {
		return t.objective.Score(c, known[c.Address], planned[c.Address])
	}
	return nil
}

// round plans and applies the cells of one round of every group.
func (t *tuning) round(ctx context.Context, rounds []tune.Round) error {
	t.s.cells[t.name] = nil
	for _, r := range rounds {
		t.s.cells[t.name] = append(t.s.cells[t.name], r.Cells...)
	}
	plans, err := t.s.plan(ctx)
	if err != nil {
		return err
	}
	launches := pendingLaunches(plans)
	t.sayRounds(rounds, launches)
	if t.stopped = t.overBudget(launches); t.stopped != "" {
		return nil
	}
	if !t.asked {
		if err := t.a.approved(ctx, t.f.applyFlags, launches); err != nil {
			return err
		}
		t.asked = true
	}
	t.launched += launches
	_, err = t.a.applyOne(ctx, t.s, plans[0], t.f.applyFlags)
	return err
}

func (t *tuning) overBudget(launches int) string {
	switch {
	case t.f.launches > 0 && t.launched+launches > t.f.launches:
		return fmt.Sprintf("budget: the next round needs %s, and %d of %d are left", count(launches, "launch"), t.f.launches-t.launched, t.f.launches)
	case t.f.hours > 0 && time.Since(t.began) > t.f.hours:
		return fmt.Sprintf("budget: %s are over", t.f.hours)
	}
	return ""
}

func (t *tuning) sayRounds(rounds []tune.Round, launches int) {
	for _, r := range rounds {
		if t.a.json {
			t.a.emit("tune_round", map[string]any{"platform": r.Group.Platform, "model": r.Group.Model, "batch_size": r.Batch, "settings": len(r.Field), "to_measure": len(r.Cells)})
			continue
		}
		fmt.Fprintf(t.a.stdout, "\n%s\n", t.a.style.bold(fmt.Sprintf("%s/%s at batch %d: %s, %d to measure", r.Group.Platform, r.Group.Model, r.Batch, count(len(r.Field), "setting"), len(r.Cells))))
	}
	if !t.a.json {
		fmt.Fprintf(t.a.stdout, "%s\n\n", count(launches, "launch"))
	}
}

// report says what was found, per platform and model.
func (t *tuning) report() {
	for _, g := range t.search.Groups {
		best, batch := g.Best(t.score)
		if t.a.json {
			t.emitBest(g, best, batch)
			continue
		}
		t.sayGroup(g, best, batch)
	}
	if t.a.json {
		return
	}
	if t.stopped != "" {
		fmt.Fprintf(t.a.stdout, "\n%s %s. What was measured is kept: the same command goes on.\n", t.a.style.warn("Stopped:"), t.stopped)
	}
	if slices.ContainsFunc(t.cells, func(c *experiments.Cell) bool { return c.Platform.Simulated() }) {
		fmt.Fprintln(t.a.stdout, fold(t.a.style.warn(simulatedBanner), t.a.terminalWidth()))
	}
}

func (t *tuning) emitBest(g *tune.Group, best *tune.Setting, batch int) {
	fields := map[string]any{"platform": g.Platform, "model": g.Model, "objective": t.objective.Metric, "stopped": t.stopped, "setting": nil}
	if best != nil {
		c := best.Cells[batch]
		fields["setting"], fields["batch_size"], fields["value"], fields["address"] = best.Label, batch, t.shown(t.score(c).Value), c.Address
	}
	t.a.emit("tune_best", fields)
}

// shown is a score in the metric's own sign.
func (t *tuning) shown(value float64) float64 {
	if t.objective.Minimize {
		return -value
	}
	return value
}
