package apply

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/summary"
	"matrix/runner/plan"
)

// searching loads the files of the one experiment that a search works on.
// The session is open while search runs.
func searching(a *app.App, search func(context.Context, *app.Session) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.Begin()
		s, err := a.Load(cmd.Context(), args)
		if err != nil {
			return err
		}
		defer s.Close()
		if n := len(s.Config.Experiments); n != 1 {
			return app.Hint(fmt.Errorf("these files declare %s, and %s searches one", format.Count(n, "experiment"), cmd.Name()), "Name the file of one experiment.")
		}
		return search(cmd.Context(), s)
	}
}

// prober measures cells of one experiment for a search. Its probes are ordinary launches of ordinary cells: what a search
// was stopped at, plan, report and the next search find in the results.
// The declaration's cells are replaced by those of each round, so a session serves one search.
type prober struct {
	a     *app.App
	s     *app.Session
	flags applyFlags
	name  string // of the experiment
	asked bool   // the user has said yes
}

// newProber wants a session with one experiment, see searching.
func newProber(a *app.App, s *app.Session, f applyFlags) prober {
	return prober{a: a, s: s, flags: f, name: s.Config.Experiments[0].Name}
}

// plan plans these cells as if the files declared no others.
func (p *prober) plan(ctx context.Context, cells []*cell.Cell) (*plan.Plan, error) {
	p.s.Cells[p.name] = cells
	plans, err := p.s.Plan(ctx)
	if err != nil {
		return nil, err
	}
	return plans[0], nil
}

// known is how these cells stand, by address, and what is measured of the experiment.
func (p *prober) known(ctx context.Context, cells []*cell.Cell) (map[string]*plan.Item, *summary.Set, error) {
	planned, err := p.plan(ctx, cells)
	if err != nil {
		return nil, nil, err
	}
	set, err := summary.Load(ctx, p.s.World.Store, p.a.Results, p.name)
	if err != nil {
		return nil, nil, err
	}
	p.a.KeepCounts(p.s.World.Store, set)
	items := map[string]*plan.Item{}
	for _, item := range planned.Items {
		items[item.Cell.Address] = item
	}
	return items, set, nil
}

// run runs a plan. It asks before the first: how many launches a search takes in all nobody knows then.
func (p *prober) run(ctx context.Context, planned *plan.Plan) error {
	if !p.asked {
		if err := approved(ctx, p.a, p.flags, len(planned.Order)); err != nil {
			return err
		}
		p.asked = true
	}
	_, err := applyOne(ctx, p.a, p.s, planned, p.flags)
	return err
}
