package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/results/store"
)

// Merge is the command.
// The other tree is never written to, so it may be a copy, a mount or another machine's.
func Merge(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use: "merge DIR…", Short: "Take over the attempts of another machine's results",
		Long: "Copy the attempts of other results folders into this one (--results), with their marks, their sources and the launches\n" +
			"that they share. Each copy is held against its checksums and appears whole or not at all. What is here already stays, so\n" +
			"a merge can be repeated. Two different attempts under one name are refused, and then nothing is taken.\n" +
			"Exit 1 when something was refused or was not as it was written.",
		Args: app.Need("a results folder", "/mnt/other/results"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			// Folders are taken one after the other: what is whole is taken, and the exit code tells of the rest.
			damaged := 0
			for _, dir := range args {
				n, err := merge(cmd.Context(), a, dir)
				if err != nil {
					return err
				}
				damaged += n
			}
			if damaged > 0 {
				return app.ExitCode(app.CodeError)
			}
			return nil
		},
	}
}

// merge takes over one folder and returns how many of its attempts are damaged.
// A conflict takes nothing of this folder; folders before it stay taken.
func merge(ctx context.Context, a *app.App, dir string) (damaged int, err error) {
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return 0, app.Hint(fmt.Errorf("there is no results folder %s", dir), "Name the folder that holds the experiments' folders.")
	}
	into, err := a.Store()
	if err != nil {
		return 0, err
	}
	from, err := a.StoreAt(dir)
	if err != nil {
		return 0, err
	}
	// takes the lock of this tree for as long as it copies
	m, err := into.Merge(ctx, from)
	var conflict *store.ErrConflict
	if errors.As(err, &conflict) {
		return 0, app.Hint(err, "One of the trees was edited, or two programs made the same name. Compare: matrix verify --results "+dir)
	}
	if err != nil {
		return 0, err
	}
	// attempts that came may supersede some that were here
	a.Recount(into)
	sayMerged(a, dir, m)
	return len(m.Damaged), nil
}

// sayMerged names every damaged attempt, and counts the others.
func sayMerged(a *app.App, dir string, m store.MergeReport) {
	// first: they are what is left to do
	for _, p := range m.Damaged {
		sayProblem(a, p)
	}
	// a record an attempt, then one that counts
	if a.JSON {
		for _, p := range m.Taken {
			a.Record(ndjson.MergedAttempt{Experiment: p.Experiment, Slug: p.Slug, Name: p.Name, Launch: p.Launch, Attempt: p.Attempt, Status: p.Status, Host: p.Host})
		}
		a.Record(ndjson.MergeSummary{From: dir, Taken: len(m.Taken), Already: len(m.Already), Damaged: len(m.Damaged), Marks: m.Marks, Sources: m.Sources,
			Launches: m.Launches, Notes: ndjson.List(m.Notes)})
		return
	}
	for _, text := range m.Notes {
		a.Line("%s %s", a.Style.Warn("Note:"), text)
	}
	if len(m.Taken)+len(m.Already)+len(m.Damaged) == 0 {
		a.Line("%s %s holds no attempts; name the folder that holds the experiments' folders", a.Style.Warn("Note:"), dir)
	}
	a.Line("%s %s taken over from %s (%s here already, %d left out as damaged), %s, %s.", a.Style.Good("Merged:"),
		format.Count(len(m.Taken), "attempt"), dir, format.Whole(len(m.Already)), len(m.Damaged), format.Count(m.Marks, "mark"), format.Count(m.Sources, "source"))
}
