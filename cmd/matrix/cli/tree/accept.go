package tree

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/runner/plan"
)

// Accept is the command.
// It plans first: what is accepted is accepted for the identity that the plan has now, and for no later one.
func Accept(a *app.App) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "accept SEL [FILE|DIR…|PLAN] --reason TEXT", Short: "Bless stale results: they count as done for the plan as it is now",
		Long: "Bless stale results: what changed since (a patch release of the engine, a moved file) does not matter to them, so\n" +
			"they count as done for the identity that their cell has in the present plan. It is recorded with the reason.\n\n" +
			"SEL is any unique prefix of a cell's id, folder or name, or of an attempt's id; or axis=glob, for every stale cell\n" +
			"that matches.",
		Args: app.NeedCell,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			if err := reasoned("accept", reason); err != nil {
				return err
			}
			return accept(cmd.Context(), a, args[0], args[1:], reason)
		},
	}
	a.DeclareVars(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why; recorded")
	return cmd
}

// accept marks the chosen cells, and plans again to say what came of it.
func accept(ctx context.Context, a *app.App, sel string, files []string, reason string) error {
	// axis=glob narrows the plan itself, so that only what matches is looked at
	var only []string
	if strings.Contains(sel, "=") {
		only = []string{sel}
	}
	s, plans, err := a.Planned(ctx, files, "matrix accept "+sel, only...)
	if err != nil {
		return err
	}
	// The world of the session stays open for the second plan.
	defer s.Close()
	chosen, attempt, err := acceptable(ctx, a, s, plans, sel)
	if err != nil {
		return err
	}
	var names []string // of the experiments whose counts change
	for _, p := range chosen {
		names = append(names, p.Plan.Experiment)
		// whole, so that the mark says what it was that changed
		identity, err := json.Marshal(p.Item.Identity)
		if err != nil {
			return fmt.Errorf("accept %s: %w", p.Name(), err)
		}
		if err := s.World.Store.Accept(p.Plan.Experiment, p.Item.Cell.Slug, attempt, identity, reason, who()); err != nil {
			return app.Forbidden(err)
		}
	}
	a.Recount(s.World.Store, names...)
	return sayAccepted(ctx, a, s, chosen, reason)
}

// acceptable are the stale cells that a selector means, and the attempt when it means only one.
// By a prefix exactly one; by axis=glob all stale ones of those that match.
func acceptable(ctx context.Context, a *app.App, s *app.Session, plans []*plan.Plan, sel string) (chosen []app.PlannedCell, attempt string, err error) {
	all := app.ItemsOf(plans)
	// the plan was narrowed by it already
	if strings.Contains(sel, "=") {
		for _, p := range all {
			if stale(p.Item) {
				chosen = append(chosen, p)
			}
		}
		if len(chosen) == 0 {
			return nil, "", fmt.Errorf("no cell that matches %s is stale: there is nothing to accept", sel)
		}
		return chosen, "", nil
	}
	// A cell's name first; an attempt's id begins otherwise than an address.
	if chosen = app.Pick(all, app.PlannedCell.Name, sel); len(chosen) == 0 {
		if chosen, attempt, err = attempted(ctx, a, s, all, sel); err != nil {
			return nil, "", err
		}
	}
	// one mark for several cells must be asked for by axis=glob
	if len(chosen) != 1 {
		_, err := app.OneItem(plans, sel)
		return nil, "", err
	}
	// nothing to forgive, or nothing there
	if item := chosen[0].Item; !stale(item) {
		return nil, "", app.Hint(fmt.Errorf("%s is not stale: it is %s", chosen[0].Name(), item.State), "Only results that a change made stale can be accepted; matrix explain "+item.Cell.ID()+" says how it stands.")
	}
	return chosen, attempt, nil
}

// attempted is the planned cell of the attempt that a selector names.
// A cell of another file cannot be accepted: its identity in the plan is what the mark blesses.
func attempted(ctx context.Context, a *app.App, s *app.Session, all []app.PlannedCell, sel string) ([]app.PlannedCell, string, error) {
	found, err := selected(ctx, a, s.World.Store, sel)
	if err != nil {
		return nil, "", err
	}
	p := found[0].last()
	i := slices.IndexFunc(all, func(x app.PlannedCell) bool {
		return x.Plan.Experiment == p.Experiment && x.Item.Cell.Address == p.Address
	})
	if i < 0 {
		return nil, "", app.Hint(fmt.Errorf("%s is not in these files", found[0].name()), "Name the files that declare its experiment.")
	}
	return all[i : i+1], found[0].attempt, nil
}

// stale reports whether results are there which a change keeps from counting. On a machine that lacks the engine the
// state is another, and the changes tell.
func stale(item *plan.Item) bool {
	return item.State == plan.Stale || item.State == plan.Unavailable && len(item.Changes) > 0
}

// sayAccepted plans once more, so that what is said is what the plan makes of it.
// An accept does not help a cell that lacks launches: then the plan still has them, and the user sees it here.
func sayAccepted(ctx context.Context, a *app.App, s *app.Session, chosen []app.PlannedCell, reason string) error {
	plans, err := s.Plans(ctx)
	if err != nil {
		return err
	}
	// by experiment and address: the plan may order them anew
	now := map[string]*plan.Item{}
	for _, p := range app.ItemsOf(plans) {
		now[p.Plan.Experiment+"/"+p.Item.Cell.Address] = p.Item
	}
	for _, p := range chosen {
		item := now[p.Plan.Experiment+"/"+p.Item.Cell.Address]
		// files are not read again in between
		if item == nil {
			return errors.New("the plan lost a cell while it was accepted")
		}
		if a.JSON {
			r := ndjson.Accepted{Experiment: p.Plan.Experiment, Cell: item.Cell.Address[:16], Name: item.Cell.Name(), Identity: item.Identity.Hash,
				Changes: ndjson.List(p.Item.Changes), Reason: reason, Who: who(), State: string(item.State), Reasons: []string{}}
			for _, why := range item.Reasons {
				r.Reasons = append(r.Reasons, string(why))
			}
			a.Record(r)
			continue
		}
		a.Line("Accepted %s, in spite of:", p.Name())
		for _, line := range view.ChangeLines(a.Printer, p.Item.Changes) {
			a.Line("    %s", line)
		}
		a.Line("  %s now %s", a.Style.Mark(item.State), view.Verdict(item))
	}
	return nil
}
