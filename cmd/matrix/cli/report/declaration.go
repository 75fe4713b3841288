package report

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/quality"
	"matrix/results/report"
	"matrix/results/summary"
	"matrix/runner/plan"
)

// declaration is what the HCL says of the experiments of a report, where it is still at hand.
type declaration struct {
	app     *app.App
	from    string       // "the last saved plan", or the file that was named
	session *app.Session // nil = there is no declaration; closed by close
	plans   []*plan.Plan // of the experiments that are reported
	err     error        // why what was named cannot be taken
}

// declaredFor loads what was planned. What was named must load; the last saved plan is taken where it tells of one of the
// experiments, and is no fault where it does not, or cannot be read any more: the results stand alone.
// It always returns a declaration: without a session each of its methods gives what stands for "not known".
func declaredFor(ctx context.Context, a *app.App, named string, names []string) declaration {
	d := declaration{app: a, from: "the last saved plan, as its files are now"}
	var args []string
	loader := a.Quiet()
	if named != "" {
		args, d.from, loader = []string{named}, named, a
	}
	s, plans, err := loader.Planned(ctx, args, "matrix report --plan")
	if err != nil {
		if named != "" {
			d.err = err
		}
		return d
	}
	for _, p := range plans {
		// a file may declare more than is reported
		if slices.Contains(names, p.Experiment) {
			d.plans = append(d.plans, p)
		}
	}
	// the saved plan is of other experiments
	if len(d.plans) == 0 {
		s.Close()
		if named != "" {
			d.err = app.Hint(fmt.Errorf("%s declares none of these experiments", named), "It declares "+someExperiments(plans)+".")
		}
		return d
	}
	d.session = s
	return d
}

// someExperiments are the first eight of the plans', for a message.
func someExperiments(plans []*plan.Plan) string {
	var names []string
	for _, p := range plans {
		names = append(names, p.Experiment)
	}
	return format.Some(names, 8)
}

// close may be called whether or not anything was loaded.
func (d declaration) close() {
	if d.session != nil {
		d.session.Close()
	}
}

// rules are the one decision block of the files; of several none is taken for what nobody named.
func (d declaration) rules() *cell.Decision {
	if d.session == nil || len(d.session.Config.Decisions) != 1 {
		return nil
	}
	for _, one := range d.session.Config.Decisions {
		return one
	}
	return nil
}

// coverage is every cell that the files declare with how far it is: a report must not hide what was not measured.
// Cells that were skipped stand in it with the reason of the rule that ruled them out.
func (d declaration) coverage() *report.Coverage {
	if len(d.plans) == 0 {
		return nil
	}
	c := &report.Coverage{From: d.from}
	for _, p := range d.plans {
		for _, item := range p.Items {
			reason := item.Detail
			// the first, where nothing more exact is told
			for _, r := range item.Reasons {
				if reason == "" {
					reason = string(r)
				}
			}
			// the rule's own words say more than a state
			if item.Cell.Skip != nil {
				reason = item.Cell.Skip.Reason
			}
			c.Cells = append(c.Cells, report.Planned{Name: item.Cell.Name(), Slug: item.Cell.Slug, State: string(item.State), Reason: reason,
				Done: item.Done, Launches: item.Done + len(item.Launches)})
		}
	}
	return c
}

// item is a measured cell as it is declared now; nil: it is declared nowhere any more.
func (d declaration) item(c *summary.Cell) *plan.Item {
	for _, p := range d.plans {
		i := slices.IndexFunc(p.Items, func(item *plan.Item) bool { return item.Cell.Address == c.Address })
		if p.Experiment == c.Experiment && i >= 0 {
			return p.Items[i]
		}
	}
	return nil
}

// hold counts goodput under the bounds that are declared now, whatever was declared when it was measured.
// A bound may be changed without measuring again: requests' rows have what it takes.
func (d declaration) hold(set *summary.Set) error {
	for _, c := range set.Cells {
		if item := d.item(c); item != nil && item.Cell.SLO != nil {
			if err := c.HoldTo(*item.Cell.SLO); err != nil {
				return err
			}
		}
	}
	return nil
}

// prompts are the datasets' entries, for references; nil without a declaration, or where several experiments are
// reported together, whose ids may mean different prompts.
func (d declaration) prompts(ctx context.Context) (quality.Prompts, error) {
	if d.session == nil || len(d.plans) != 1 {
		return nil, nil
	}
	return d.session.Prompts(ctx, d.plans[0].Experiment)
}

// recipe writes the script of a cell as it was measured. What is declared now, where it is at hand, adds what a result does
// not tell.
// It is called for the cells that lead, so what it costs is paid for those alone.
func (d declaration) recipe(ctx context.Context) func(*summary.Cell) (report.Recipe, error) {
	return func(c *summary.Cell) (report.Recipe, error) {
		note := ""
		if item := d.item(c); item != nil && item.Identity.Hash != c.Identity {
			note = "What is declared now, or what it resolves to on this machine, is not what was measured (matrix plan tells the difference): the script is of what was measured."
		}
		script, err := d.recipeOf(ctx, c, 0)
		return report.Recipe{Command: "matrix recipe " + view.Head(c.Address, 16), Note: note, Script: script}, err
	}
}

// recipeOf is the script of a cell as it was measured. port 0: the declared one, else the engine's usual.
func (d declaration) recipeOf(ctx context.Context, c *summary.Cell, port int) (string, error) {
	var declared *cell.Cell
	if item := d.item(c); item != nil {
		declared = item.Cell
	}
	measured, err := measuredCellOf(c, declared)
	if err != nil {
		return "", err
	}
	return scriptOf(ctx, d.app, d.session, measured, port)
}

// measuredCellOf puts together what a cell was measured with, by its last complete attempt, else its last; base, where there is one, is the
// cell as it is declared now.
// The identity of an attempt holds everything that decides a launch, so no declaration is needed.
func measuredCellOf(c *summary.Cell, base *cell.Cell) (*cell.Cell, error) {
	last := slices.Concat(c.Attempts, c.Launches)
	if len(last) == 0 {
		return nil, fmt.Errorf("%s has no attempt that counts", c.Name)
	}
	// launches stand behind the attempts, so a complete one wins
	m := last[len(last)-1].Manifest
	if base == nil {
		var err error
		if base, err = cell.NewCell(m.Experiment, &cell.Platform{ID: m.Platform}, &cell.Model{ID: m.Model}, m.BatchSize); err != nil {
			return nil, err
		}
	}
	cell, err := base.AsMeasured(m.Identity)
	if err != nil {
		return nil, err
	}
	if cell.Platform.Backend == "" {
		return nil, errors.New("its results do not say which engine it was")
	}
	return cell, nil
}
