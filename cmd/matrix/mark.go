package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/experiments"
	"matrix/results"
	"matrix/runner"
)

func (a *app) taintCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "taint SEL --reason TEXT", Short: "Void results that were found bad: their launches are pending again",
		Long: "Void results that were found bad. The files stay, the plan counts their launches as pending again, and reports leave\n" +
			"them out. It is recorded with the reason and cannot be undone.\n\n" +
			"SEL is any unique prefix of a cell's id, folder or name (all its attempts so far), or of an attempt's id; or axis=glob,\n" +
			"for every cell that matches.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			if err := reasoned("taint", reason); err != nil {
				return err
			}
			return a.taint(cmd.Context(), args[0], reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; recorded, and shown by the plan")
	return cmd
}

func (a *app) acceptCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "accept SEL [FILE|DIR…|PLAN] --reason TEXT", Short: "Bless stale results: they count as done for the plan as it is now",
		Long: "Bless stale results: what changed since (a patch release of the engine, a moved file) does not matter to them, so\n" +
			"they count as done for the identity that their cell has in the present plan. It is recorded with the reason.\n\n" +
			"SEL is any unique prefix of a cell's id, folder or name, or of an attempt's id; or axis=glob, for every stale cell\n" +
			"that matches.",
		Args: cobra.MinimumNArgs(1),
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

func reasoned(verb, reason string) error {
	if strings.TrimSpace(reason) != "" {
		return nil
	}
	return hinted{fmt.Errorf("%s needs a reason", verb), fmt.Sprintf(`matrix %s … --reason "the GPU was throttled": whoever reads the results later will want it.`, verb)}
}

// who signs a mark.
func who() string {
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		return cmp.Or(name, "unknown") + "@" + host
	}
	return cmp.Or(name, "unknown")
}

// marked is what a selector means in the results: a cell with its attempts, or one attempt of it.
type marked struct {
	past    []results.Past // oldest first
	attempt string         // "" = the whole cell
}

func (m marked) last() results.Past { return m.past[len(m.past)-1] }

func (m marked) named() named {
	p := m.last()
	return named{p.Experiment, cmp.Or(p.Address, p.Slug[strings.LastIndexByte(p.Slug, '-')+1:]), p.Slug, p.Name}
}

// selected finds what a selector means among all results. Cells and attempts are looked at together: voiding the wrong
// one of two would be bad.
func (a *app) selected(ctx context.Context, store *results.Store, sel string) ([]marked, error) {
	history, err := store.History(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("read the results: %w", err)
	}
	cells := byCell(history)
	if strings.Contains(sel, "=") {
		return matchingAxis(cells, sel)
	}
	found := pick(cells, marked.named, sel)
	for _, p := range history {
		if sel != "" && strings.HasPrefix(p.Attempt, strings.ToUpper(sel)) {
			found = append(found, marked{[]results.Past{p}, p.Attempt})
		}
	}
	switch len(found) {
	case 0:
		return nil, hinted{fmt.Errorf("no cell or attempt in %s begins with %q", a.results, sel), "matrix show CELL lists a cell's attempts; matrix plan FILE… shows the ids of all cells."}
	case 1:
		return found, nil
	}
	var names []string
	for _, m := range found {
		if m.attempt != "" {
			names = append(names, "attempt "+m.attempt)
			continue
		}
		names = append(names, m.named().String())
	}
	return nil, hinted{fmt.Errorf("%q begins %d things: %s", sel, len(found), strings.Join(names, ", ")), "Give more of it."}
}

// byCell groups attempts, which come oldest first, by the folder that they lie in.
func byCell(history []results.Past) []marked {
	var cells []marked
	at := map[string]int{}
	for _, p := range history {
		key := p.Experiment + "/" + p.Slug
		i, known := at[key]
		if !known {
			i = len(cells)
			at[key], cells = i, append(cells, marked{})
		}
		cells[i].past = append(cells[i].past, p)
	}
	return cells
}

// matchingAxis are the cells that axis=glob means.
func matchingAxis(cells []marked, sel string) ([]marked, error) {
	axis, globs, _ := strings.Cut(sel, "=")
	var found []marked
	for _, m := range cells {
		label, has := m.last().Axes[axis]
		for _, glob := range strings.Split(globs, ",") {
			matches, err := path.Match(glob, label)
			if err != nil {
				return nil, fmt.Errorf("selector %q: %q is no glob: %w", sel, glob, err)
			}
			if has && matches {
				found = append(found, m)
				break
			}
		}
	}
	if len(found) == 0 {
		return nil, hinted{fmt.Errorf("selector %q matches no cell that has results", sel), "It is axis=glob, like platform=vllm_* or batch_size=10,100."}
	}
	return found, nil
}

func (a *app) taint(ctx context.Context, sel, reason string) error {
	store, err := results.Open(a.results)
	if err != nil {
		return err
	}
	found, err := a.selected(ctx, store, sel)
	if err != nil {
		return err
	}
	for _, m := range found {
		if i := slices.IndexFunc(m.past, func(p results.Past) bool { return p.Tainted == "" }); i < 0 {
			a.warn(fmt.Sprintf("%s is tainted already (%s); nothing was recorded", m.named(), m.last().Tainted))
			continue
		}
		p := m.last()
		if err := store.Taint(p.Experiment, p.Slug, m.attempt, reason, who()); err != nil {
			return explainFault(err)
		}
		if a.json {
			a.emit("tainted", map[string]any{"experiment": p.Experiment, "slug": p.Slug, "name": p.Name, "attempt": m.attempt, "attempts": len(m.past), "reason": reason, "who": who()})
			continue
		}
		what := count(len(m.past), "attempt")
		if m.attempt != "" {
			what = "attempt " + m.attempt
		}
		fmt.Fprintf(a.stdout, "Tainted %s: %s. The next plan has it as pending.\n", m.named(), what)
	}
	return nil
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
	undone := 0
	for _, p := range chosen {
		item := now[p.plan.Experiment+"/"+p.item.Cell.Address]
		if item == nil {
			return errors.New("the plan lost a cell while it was accepted")
		}
		if item.Pending() {
			undone++
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
	if undone > 0 && !a.json {
		fmt.Fprintln(a.stdout, "What is pending still lacks launches; matrix apply runs these.")
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
