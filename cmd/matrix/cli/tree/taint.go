// Package tree has the commands that look after a tree of results.
package tree

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/results/store"
)

// Taint is the command.
// No plan is needed: it is about what was measured, not about what is declared.
func Taint(a *app.App) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "taint SEL --reason TEXT", Short: "Void results that were found bad: their launches are pending again",
		Long: "Void results that were found bad: the files stay, and the plan counts their launches as pending again.\n" +
			"It is recorded with the reason and cannot be undone.\n\n" +
			"SEL is any unique prefix of a cell's id, folder or name (all its attempts so far), or of an attempt's id; or axis=glob,\n" +
			"for every cell that matches.",
		Args: app.OnlyCell,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			if err := reasoned("taint", reason); err != nil {
				return err
			}
			return taint(cmd.Context(), a, args[0], reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; recorded, and shown by the plan")
	return cmd
}

// reasoned refuses a mark without a reason: it cannot be taken back, and years later nobody knows.
func reasoned(verb, reason string) error {
	if strings.TrimSpace(reason) != "" {
		return nil
	}
	return app.Hint(fmt.Errorf("%s needs a reason", verb), fmt.Sprintf(`matrix %s … --reason "the GPU was throttled": whoever reads the results later will want it.`, verb))
}

// who signs a mark.
// The account, not the environment, where the system knows it.
func who() string {
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	// trees are merged: the same name on two machines is two people
	if host, err := os.Hostname(); err == nil {
		return cmp.Or(name, "unknown") + "@" + host
	}
	return cmp.Or(name, "unknown")
}

// taint marks each target; one that is void already is only said.
func taint(ctx context.Context, a *app.App, sel, reason string) error {
	tree, err := a.Store()
	if err != nil {
		return err
	}
	// all of them before the first mark is written
	found, err := selected(ctx, a, tree, sel)
	if err != nil {
		return err
	}
	var names []string // of the experiments whose counts change
	for _, m := range found {
		names = append(names, m.last().Experiment)
		// all of its attempts are void already
		if !slices.ContainsFunc(m.past, func(p store.Past) bool { return p.Tainted == "" }) {
			a.Warn(fmt.Sprintf("%s is tainted already (%s); nothing was recorded", m.name(), m.last().Tainted))
			continue
		}
		p := m.last()
		if err := tree.Taint(p.Experiment, p.Slug, m.attempt, reason, who()); err != nil {
			return app.Forbidden(err)
		}
		// the whole cell, unless one attempt was named
		what := format.Count(len(m.past), "attempt")
		if m.attempt != "" {
			what = "attempt " + m.attempt
		}
		a.Tell(ndjson.Tainted{Experiment: p.Experiment, Slug: p.Slug, Name: p.Name, Attempt: m.attempt, Attempts: len(m.past), Reason: reason, Who: who()},
			"Tainted %s: %s. The next plan has it as pending.", m.name(), what)
	}
	// readers of counts.parquet see no marks
	a.Recount(tree, names...)
	return nil
}
