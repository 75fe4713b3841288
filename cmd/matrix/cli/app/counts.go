package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"matrix/results/store"
	"matrix/results/summary"
	"matrix/runner/plan"
)

// Summary opens the results and concludes from the attempts that count; no name means every experiment.
// Attempts with a problem are among the set's Problems, and no error.
func (a *App) Summary(ctx context.Context, names ...string) (*store.Store, *summary.Set, error) {
	tree, err := a.Store()
	if err != nil {
		return nil, nil, err
	}
	set, err := summary.Load(ctx, tree, a.Results, names...)
	return tree, set, err
}

// Settle reads an experiment's results after an apply, as every command reads them, and keeps which attempts count where
// readers of one glob find it.
//
// The results alone tell only what was measured last. Where a file went back to what it said before, the plan finds the
// older results and runs nothing: that they are what is asked for is recorded like a person's accept, or the table here
// and the report would go by different launches.
func (a *App) Settle(store *store.Store, p *plan.Plan) (*summary.Set, error) {
	ctx := context.Background() // after ^C the table is still wanted
	set, err := summary.Survey(ctx, store, a.Results, p.Experiment)
	if err != nil {
		return nil, fmt.Errorf("read the results: %w", err)
	}
	again := false
	for _, item := range p.Items {
		if item.State != plan.Done && item.State != plan.FailedState {
			continue
		}
		past := askedAgain(set, item)
		if past == nil {
			continue
		}
		identity, err := json.Marshal(item.Identity)
		if err == nil {
			err = store.Accept(past.Experiment, past.Slug, past.Attempt, identity, "asked for again", "matrix apply")
		}
		if err != nil {
			return nil, fmt.Errorf("record what is asked for: %w", err)
		}
		again = true
	}
	if again {
		if set, err = summary.Survey(ctx, store, a.Results, p.Experiment); err != nil {
			return nil, fmt.Errorf("read the results: %w", err)
		}
	}
	a.KeepCounts(store, set)
	return set, nil
}

// askedAgain is the newest result of what an item asks for where the cell was measured as something else since; nil where
// not.
// Only where the newest result is another identity's: else nothing went back.
func askedAgain(set *summary.Set, item *plan.Item) *store.Past {
	at := slices.IndexFunc(set.Cells, func(c *summary.Cell) bool { return c.Address == item.Cell.Address })
	if at < 0 || set.Cells[at].Identity == item.Identity.Hash {
		return nil
	}
	return set.Cells[at].Superseded(item.Identity.Hash)
}

// Recount writes counts.parquet anew after marks or attempts came to experiments of a tree, which may be named more than
// once.
// A failure is a warning: the marks and attempts themselves are written.
func (a *App) Recount(store *store.Store, names ...string) {
	slices.Sort(names)
	names = slices.Compact(names)
	set, err := summary.Survey(context.Background(), store, a.Results, names...)
	if err != nil {
		a.Warn(fmt.Sprintf("counts.parquet was not brought up to date: %v", err))
		return
	}
	a.KeepCounts(store, set)
}

// KeepCounts says where counts.parquet could not be written; what it tells stands in the tree all the same.
func (a *App) KeepCounts(store *store.Store, set *summary.Set) {
	if err := set.Keep(store); err != nil {
		a.Warn(fmt.Sprintf("counts.parquet was not brought up to date: %v", err))
	}
}
