package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"matrix/backends"
	"matrix/experiments"
	"matrix/results/quality"
	"matrix/results/report"
	"matrix/results/summary"
	"matrix/runner"
)

// declared is what the HCL says of the experiments of a report, where it is still at hand.
type declared struct {
	app     *app
	from    string // "the last saved plan", or the file that was named
	session *session
	plans   []*runner.Plan
	err     error
}

// declaredFor loads what was planned. What was named must load; the last saved plan is taken where it tells of one of the
// experiments, and is no fault where it does not, or cannot be read any more: the results stand alone.
func (a *app) declaredFor(ctx context.Context, named string, names []string) declared {
	d := declared{app: a, from: "the last saved plan, as its files are now"}
	var args []string
	quiet := *a
	loader := a
	if named != "" {
		args, d.from = []string{named}, named
	} else {
		quiet.stderr, quiet.stdout = discard{}, discard{}
		loader = &quiet
	}
	s, plans, err := loader.planned(ctx, args, "matrix report --plan")
	if err != nil {
		if named != "" {
			d.err = err
		}
		return d
	}
	for _, p := range plans {
		if slices.Contains(names, p.Experiment) {
			d.plans = append(d.plans, p)
		}
	}
	if len(d.plans) == 0 {
		s.close()
		if named != "" {
			d.err = hinted{fmt.Errorf("%s declares none of these experiments", named), "It declares " + someExperiments(plans) + "."}
		}
		return d
	}
	d.session = s
	return d
}

// discard takes in what nobody asked to hear.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func someExperiments(plans []*runner.Plan) string {
	text := ""
	for i, p := range plans {
		if i > 0 {
			text += ", "
		}
		text += p.Experiment
	}
	return text
}

func (d declared) close() {
	if d.session != nil {
		d.session.close()
	}
}

// rules are the one decision block of the files; of several none is taken for what nobody named.
func (d declared) rules() *experiments.Decision {
	if d.session == nil || len(d.session.config.Decisions) != 1 {
		return nil
	}
	for _, one := range d.session.config.Decisions {
		return one
	}
	return nil
}

func (d declared) coverage() *report.Coverage {
	if len(d.plans) == 0 {
		return nil
	}
	c := &report.Coverage{From: d.from}
	for _, p := range d.plans {
		for _, item := range p.Items {
			reason := item.Detail
			for _, r := range item.Reasons {
				if reason == "" {
					reason = string(r)
				}
			}
			if item.Cell.Skip != nil {
				reason = item.Cell.Skip.Reason
			}
			c.Cells = append(c.Cells, report.Planned{Name: item.Cell.Name(), Slug: item.Cell.Slug, State: string(item.State), Reason: reason,
				Done: item.Done, Launches: item.Done + len(item.Launches)})
		}
	}
	return c
}

// hold counts goodput under the bounds that are declared now, whatever was declared when it was measured.
func (d declared) hold(set *summary.Set) error {
	for _, p := range itemsOf(d.plans) {
		for _, c := range set.Cells {
			if slo := p.item.Cell.SLO; slo != nil && c.Experiment == p.plan.Experiment && c.Address == p.item.Cell.Address {
				if err := c.HoldTo(*slo); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// prompts are the datasets' entries, for references; nil without a declaration, or where several experiments are
// reported together, whose ids may mean different prompts.
func (d declared) prompts(ctx context.Context) (func(string) (quality.Prompt, bool), error) {
	if d.session == nil || len(d.plans) != 1 {
		return nil, nil
	}
	return d.session.prompts(ctx, d.plans[0].Experiment)
}

// recipe writes the script of a cell that was measured, by what its declaration says now.
func (d declared) recipe(ctx context.Context) func(*summary.Cell) (report.Recipe, error) {
	if len(d.plans) == 0 {
		return nil
	}
	return func(c *summary.Cell) (report.Recipe, error) {
		for _, p := range itemsOf(d.plans) {
			if p.plan.Experiment == c.Experiment && p.item.Cell.Address == c.Address {
				return d.recipeOf(ctx, c, p)
			}
		}
		return report.Recipe{}, errors.New(d.from + " does not declare this cell any more")
	}
}

func (d declared) recipeOf(ctx context.Context, c *summary.Cell, p placedItem) (report.Recipe, error) {
	cell := p.item.Cell
	r := report.Recipe{Command: "matrix recipe " + cell.Address[:16]}
	maker, ok := d.session.world.Backends[cell.Platform.Backend].(backends.Reciper)
	if !ok || cell.Platform.Attach {
		return r, fmt.Errorf("nothing is started for it: it asks the server at %s", cell.Platform.PublicURL())
	}
	if p.item.Identity.Hash != c.Identity {
		r.Note = "The declaration, or what it resolves to on this machine, has changed since this cell was measured: the script is of the cell as it is now. matrix plan tells the difference."
	}
	script, err := maker.Recipe(ctx, cell, 0, runner.Example(ctx, d.session.world, cell))
	r.Script = script
	return r, err
}
