package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/experiments"
	"matrix/runner"
)

func (a *app) acceptCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "accept SEL [FILE|DIR…|PLAN] --reason TEXT", Short: "Bless stale results: they count as done for the plan as it is now",
		Long: "Bless stale results: what changed since (a patch release of the engine, a moved file) does not matter to them, so\n" +
			"they count as done for the identity that their cell has in the present plan. It is recorded with the reason.\n\n" +
			"SEL is any unique prefix of a cell's id, folder or name, or of an attempt's id; or axis=glob, for every stale cell\n" +
			"that matches.",
		Args: needCell,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			if err := reasoned("accept", reason); err != nil {
				return err
			}
			return a.accept(cmd.Context(), args[0], args[1:], reason)
		},
	}
	a.declareVars(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why; recorded")
	return cmd
}

func (a *app) accept(ctx context.Context, sel string, files []string, reason string) error {
	var only []string
	if strings.Contains(sel, "=") {
		only = []string{sel}
	}
	s, plans, err := a.planned(ctx, files, "matrix accept "+sel, only...)
	if err != nil {
		return err
	}
	defer s.close()
	chosen, attempt, err := a.acceptable(ctx, s, plans, sel)
	if err != nil {
		return err
	}
	for _, p := range chosen {
		identity, err := json.Marshal(p.item.Identity)
		if err != nil {
			return fmt.Errorf("accept %s: %w", p.named(), err)
		}
		if err := s.world.Store.Accept(p.plan.Experiment, p.item.Cell.Slug, attempt, identity, reason, who()); err != nil {
			return explainFault(err)
		}
	}
	var names []string
	for _, p := range chosen {
		if !slices.Contains(names, p.plan.Experiment) {
			names = append(names, p.plan.Experiment)
		}
	}
	a.recount(s.world.Store, names...)
	return a.sayAccepted(ctx, s, chosen, reason)
}

// acceptable are the stale cells that a selector means, and the attempt when it means only one.
func (a *app) acceptable(ctx context.Context, s *session, plans []*runner.Plan, sel string) (chosen []placedItem, attempt string, err error) {
	all := itemsOf(plans)
	if strings.Contains(sel, "=") {
		for _, p := range all {
			if stale(p.item) {
				chosen = append(chosen, p)
			}
		}
		if len(chosen) == 0 {
			return nil, "", fmt.Errorf("no cell that matches %s is stale: there is nothing to accept", sel)
		}
		return chosen, "", nil
	}
	if chosen = pick(all, placedItem.named, sel); len(chosen) == 0 {
		if chosen, attempt, err = a.attempted(ctx, s, all, sel); err != nil {
			return nil, "", err
		}
	}
	if len(chosen) != 1 {
		_, err := oneItem(plans, sel)
		return nil, "", err
	}
	if item := chosen[0].item; !stale(item) {
		return nil, "", hinted{fmt.Errorf("%s is not stale: it is %s", chosen[0].named(), item.State), "Only results that a change made stale can be accepted; matrix explain " + item.Cell.ID() + " says how it stands."}
	}
	return chosen, attempt, nil
}

// attempted is the planned cell of the attempt that a selector names.
func (a *app) attempted(ctx context.Context, s *session, all []placedItem, sel string) ([]placedItem, string, error) {
	found, err := a.selected(ctx, s.world.Store, sel)
	if err != nil {
		return nil, "", err
	}
	p := found[0].last()
	i := slices.IndexFunc(all, func(x placedItem) bool { return x.plan.Experiment == p.Experiment && x.item.Cell.Address == p.Address })
	if i < 0 {
		return nil, "", hinted{fmt.Errorf("%s is not in these files", found[0].named()), "Name the files that declare its experiment."}
	}
	return all[i : i+1], found[0].attempt, nil
}

// stale reports whether results are there which a change keeps from counting. On a machine that lacks the engine the
// state is another, and the changes tell.
func stale(item *runner.Item) bool {
	return item.State == runner.Stale || item.State == runner.Unavailable && len(item.Changes) > 0
}

// sayAccepted plans once more, so that what is said is what the plan makes of it.
func (a *app) sayAccepted(ctx context.Context, s *session, chosen []placedItem, reason string) error {
	plans, err := s.plans(ctx)
	if err != nil {
		return err
	}
	now := map[string]*runner.Item{}
	for _, p := range itemsOf(plans) {
		now[p.plan.Experiment+"/"+p.item.Cell.Address] = p.item
	}
	for _, p := range chosen {
		item := now[p.plan.Experiment+"/"+p.item.Cell.Address]
		if item == nil {
			return errors.New("the plan lost a cell while it was accepted")
		}
		if a.json {
			a.emit("accepted", map[string]any{"experiment": p.plan.Experiment, "cell": item.Cell.Address[:16], "name": item.Cell.Name(), "identity": item.Identity.Hash,
				"changes": orEmpty(p.item.Changes), "reason": reason, "who": who(), "state": item.State, "reasons": orEmpty(item.Reasons)})
			continue
		}
		fmt.Fprintf(a.stdout, "Accepted %s, in spite of:\n", p.named())
		view := planView{out: a.stdout, style: a.style, width: a.width, results: a.results}
		for _, line := range changeLines(view, p.item.Changes) {
			fmt.Fprintf(a.stdout, "    %s\n", line)
		}
		fmt.Fprintf(a.stdout, "  %s now %s\n", a.style.mark(item.State), verdictText(item))
	}
	return nil
}

func changeLines(v planView, changes []experiments.Change) []string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, v.placed(fmt.Sprintf("%-8s %s %s%s%s", c.Component, c.Path, c.Before, v.style.arrow(), c.After), c.Place))
	}
	return lines
}
