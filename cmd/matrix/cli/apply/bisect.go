package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/runner/bisect"
	"matrix/runner/plan"
)

// bisectFlags are bisect's own.
type bisectFlags struct {
	applyFlags
	axis, metric, worse string // worse: "5%", as typed
	most                int    // launches of one version
}

// Bisect is the command.
func Bisect(a *app.App) *cobra.Command {
	var f bisectFlags
	cmd := &cobra.Command{
		Use: "bisect FILE|DIR…", Short: "Find the version of an axis at which a metric got worse",
		Long: `Find the first value of an axis, in its order, at which a metric is worse than at the first value. The axis is halved: of 16
versions at most 5 are measured. Launches are added until a step is shown: a version counts as worse where a one-sided
interval of 95% excludes that nothing changed and the change is nearer to --worse-than than to nothing. It supposes that
the versions before the step are alike, and those from it on. Launches are ordinary cells: a search that was stopped goes
on, and plan, history and compare see what it measured.

  matrix bisect --axis engine --metric output_throughput --worse-than 5% experiments/versions.hcl
  matrix bisect --axis engine --metric ttft_p99_s --worse-than 10% --only batch_size=100 experiments/versions.hcl`,
		Args: app.NeedFiles,
		RunE: searching(a, func(ctx context.Context, s *app.Session) error { return findStep(ctx, a, s, f) }),
	}
	a.DeclareVars(cmd)
	a.DeclareLog(cmd)
	cmd.Flags().StringVar(&f.axis, "axis", "engine", "the axis whose values are versions, oldest first")
	cmd.Flags().StringVar(&f.metric, "metric", record.MetricOutputThroughput, "a column of run.parquet")
	cmd.Flags().StringVar(&f.worse, "worse-than", "5%", "the change that is looked for")
	cmd.Flags().IntVar(&f.most, "max-launches", 6, "launches of one version at most; 4 or more")
	cmd.Flags().StringArrayVar(&f.filter.Only, "only", nil, "axis=glob: of each version one cell is measured, so fix the other axes (repeatable)")
	cmd.Flags().StringArrayVar(&f.filter.Except, "except", nil, "axis=glob: leave versions out, such as one that does not start (repeatable)")
	f.declareLaunching(cmd)
	return cmd
}

// bisector measures for a search.
// It decides nothing: package bisect does.
type bisector struct {
	prober
	f        bisectFlags
	versions []*cell.Cell // one a version, in the axis's order
	labels   []string     // of the axis, beside versions
	search   bisect.Search
}

// findStep measures until the search needs nothing more. A round in which nothing was measured is the last: the search
// would ask for the same again.
// After ^C what is known is said, with the exit code of an interruption.
func findStep(ctx context.Context, a *app.App, s *app.Session, f bisectFlags) error {
	b, err := newBisector(ctx, a, s, f)
	if err != nil {
		return err
	}
	// steps that were said; launches that were measured a round ago
	shown, before := 0, -1
	for {
		// reading ends, or what was measured would not be told
		launches, done, err := b.look(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		found := b.search.Look(launches)
		for ; shown < len(found.Steps); shown++ {
			view.BisectStep(a.Printer, b.f.axis, b.labels, f.metric, found.Steps[shown])
		}
		if found.Need == nil || ctx.Err() != nil {
			view.Bisected(a.Printer, b.f.axis, b.labels, f.metric, f.worse, found, ctx.Err() != nil, b.versions[0].Platform.Simulated())
			if ctx.Err() != nil {
				return app.ExitCode(app.CodeInterrupted)
			}
			return nil
		}
		if done == before {
			return b.stuck(found)
		}
		before = done
		if err := b.measure(ctx, found.Need); err != nil {
			return err
		}
	}
}

// stuck says that a version could not be measured: the search knows no way round it.
// Any of those that are needed: a round asks for few.
func (b *bisector) stuck(found bisect.Finding) error {
	for v := range found.Need {
		a := b.a
		return app.Hint(fmt.Errorf("%s=%s could not be measured", b.f.axis, b.labels[v]), "matrix show "+b.versions[v].ID()+a.ResultsFlag()+" says why. To leave it out: --except "+b.f.axis+"="+b.labels[v])
	}
	return nil
}

// newBisector checks the flags, plans once to see which cells the filter leaves, and takes one for each version.
// Versions stand in the axis's order, as the grid expands it.
func newBisector(ctx context.Context, a *app.App, s *app.Session, f bisectFlags) (*bisector, error) {
	percent, ok := strings.CutSuffix(f.worse, "%")
	worse, err := strconv.ParseFloat(percent, 64)
	if !ok || err != nil || !(worse > 0 && worse < 100) {
		return nil, app.Hint(fmt.Errorf("--worse-than %q is not understood", f.worse), "Write --worse-than 5%.")
	}
	if f.most < bisect.Least {
		return nil, fmt.Errorf("--max-launches %d: fewer than %d show no step", f.most, bisect.Least)
	}
	if _, err := app.Metric(f.metric); err != nil {
		return nil, err
	}
	b := &bisector{prober: newProber(a, s, f.applyFlags), f: f}
	s.Filter = f.filter
	plans, err := s.Plan(ctx)
	if err != nil {
		return nil, err
	}
	for _, item := range plans[0].Items {
		if err := b.add(item.Cell); err != nil {
			return nil, err
		}
	}
	if len(b.versions) < 2 {
		return nil, app.Hint(fmt.Errorf("the axis %s has %s to measure, and a search takes two or more", f.axis, format.Count(len(b.versions), "value")), "Declare the versions as an axis: matrix { engine = [engine.old, engine.new] }.")
	}
	// the chosen cells are set one by one from here on
	s.Filter = plan.Filter{}
	b.search = bisect.Search{Versions: len(b.versions), Worse: worse / 100, Falls: record.MoreIsBetter(f.metric), Most: f.most}
	return b, nil
}

// add takes a cell as that of its version.
// A version that a rule excludes is left out: it cannot be measured.
func (b *bisector) add(c *cell.Cell) error {
	i := slices.IndexFunc(c.Axes, func(x *cell.Axis) bool { return x.Name == b.f.axis })
	if i < 0 {
		var names []string
		for _, x := range c.Axes {
			names = append(names, x.Name)
		}
		return app.Hint(fmt.Errorf("there is no axis %q", b.f.axis), "There are "+strings.Join(names, ", ")+".")
	}
	if c.Skip != nil {
		return nil
	}
	// what the user calls the version
	label := c.Axes[i].Label
	if slices.Contains(b.labels, label) {
		return app.Hint(fmt.Errorf("several cells have %s=%s, and one of each version is measured", b.f.axis, label), "Fix the other axes, for instance --only batch_size=100.")
	}
	b.labels, b.versions = append(b.labels, label), append(b.versions, c)
	return nil
}

// look plans the versions and reads what is measured of them as they are now; done counts launches.
// A metric of 0 has no ratio, and a search by ratios no meaning.
func (b *bisector) look(ctx context.Context) (launches func(int) []float64, done int, err error) {
	planned, set, err := b.known(ctx, b.wanted(nil))
	if err != nil {
		return nil, 0, err
	}
	values := make([][]float64, len(b.versions))
	for i, c := range b.versions {
		for _, known := range set.Cells {
			// What was measured before something changed is another identity; two versions of one identity are the same.
			if item := planned[c.Address]; known.Identity == item.Identity.Hash || known.Address == c.Address && item.Done > 0 {
				values[i] = known.Values(b.f.metric)
			}
		}
		done += len(values[i])
		for _, x := range values[i] {
			if !(x > 0) {
				return nil, 0, app.Hint(errors.New(b.f.metric+" is not above zero everywhere, so it has no ratio"), "Take another metric.")
			}
		}
	}
	return func(i int) []float64 { return values[i] }, done, nil
}

// wanted are the versions that need launches; nil: all, with one launch each.
// Copies: the declaration's own number of launches is not what a round needs.
func (b *bisector) wanted(need map[int]int) (cells []*cell.Cell) {
	for i, c := range b.versions {
		launches := need[i]
		if need == nil {
			launches = 1
		}
		if launches > 0 {
			wanted := *c
			wanted.Launches = launches
			cells = append(cells, &wanted)
		}
	}
	return cells
}

// measure asks before the first launch, and runs what is needed.
func (b *bisector) measure(ctx context.Context, need map[int]int) error {
	p, err := b.plan(ctx, b.wanted(need))
	if err != nil {
		return err
	}
	if view.SetAside(b.a.Printer, []*plan.Plan{p}) > 0 {
		return app.ExitCode(app.CodePending)
	}
	return b.run(ctx, p)
}
