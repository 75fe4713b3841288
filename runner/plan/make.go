package plan

import (
	"context"
	"errors"

	"matrix/experiments/cell"
)

// Make holds an experiment's cells against the history. Its errors are what no launch could get round: a dataset that
// cannot be read or is too small (with its place), a history that cannot be read, a folder that holds something else
// (*store.ForeignError), a filter that is none. Whether it means any cell is Filter.Check's to say, of all experiments.
func Make(ctx context.Context, w World, experiment string, cells []*cell.Cell, f Filter) (*Plan, error) {
	chosen, err := f.Choose(cells)
	if err != nil {
		return nil, err
	}
	if err := w.Store.Foreign(experiment); err != nil {
		return nil, err
	}
	p := &Plan{Experiment: experiment, Filter: f, Items: make([]*Item, 0, len(chosen)), cells: make(addresses, len(cells))}
	for _, c := range cells {
		p.cells[c.Address] = true
	}
	past, err := glance(ctx, w.Store, p)
	if err != nil {
		return nil, err
	}
	facts := newFacts(w)
	for _, c := range chosen {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f.Launches > c.Launches {
			raised := *c
			raised.Launches = f.Launches
			c = &raised
		}
		item := &Item{Cell: c, Identity: cell.Identity{Address: c.Address}}
		p.Items = append(p.Items, item)
		if c.Skip != nil {
			item.State = Infeasible
			if c.Skip.Kind == "excluded" {
				item.State = Excluded
			}
			continue
		}
		if !facts.identify(ctx, item) {
			continue // the dataset is at fault; all such faults are said together
		}
		past.judge(item, f)
	}
	if err := errors.Join(facts.faults(), past.err); err != nil {
		return nil, err
	}
	p.Unlike = p.notAlike()
	p.arrange()
	p.prime(NeedPriming(w, p.Items, past, false))
	past.Estimator(experiment, w.Machine).plan(p)
	return p, nil
}

// arrange decides the order of the pending launches.
func (p *Plan) arrange() {
	p.share()
	p.Simulated = true
	for _, item := range p.Items {
		if item.Pending() {
			p.Simulated = p.Simulated && item.Cell.Platform.Simulated()
		}
	}
	p.Order, p.Seed = order(p.Items)
	p.Simulated = p.Simulated && len(p.Order) > 0
}
