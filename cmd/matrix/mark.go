package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/results"
)

func (a *app) taintCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "taint SEL --reason TEXT", Short: "Void results that were found bad: their launches are pending again",
		Long: "Void results that were found bad: the files stay, and the plan counts their launches as pending again.\n" +
			"It is recorded with the reason and cannot be undone.\n\n" +
			"SEL is any unique prefix of a cell's id, folder or name (all its attempts so far), or of an attempt's id; or axis=glob,\n" +
			"for every cell that matches.",
		Args: onlyCell,
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
	store, err := a.store()
	if err != nil {
		return err
	}
	found, err := a.selected(ctx, store, sel)
	if err != nil {
		return err
	}
	for _, m := range found {
		if !slices.ContainsFunc(m.past, func(p results.Past) bool { return p.Tainted == "" }) {
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
	var names []string
	for _, m := range found {
		if name := m.last().Experiment; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	a.recount(store, names...)
	return nil
}
