package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"matrix/results"
)

func (a *app) mergeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "merge DIR…", Short: "Take over the attempts of another machine's results",
		Long: "Copy the attempts of other results folders into this one (--results), with their marks, their sources and the launches\n" +
			"that they share. Each copy is held against its checksums and appears whole or not at all. What is here already stays, so\n" +
			"a merge can be repeated. Two different attempts under one name are refused, and then nothing is taken.\n" +
			"Exit 1 when something was refused or was not as it was written.",
		Args: needFolders,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			damaged := 0
			for _, dir := range args {
				n, err := a.merge(cmd.Context(), dir)
				if err != nil {
					return err
				}
				damaged += n
			}
			if damaged > 0 {
				return exitCode(codeError)
			}
			return nil
		},
	}
}

func needFolders(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return hinted{errors.New("matrix merge needs a results folder"), "For example: matrix merge /mnt/other/results"}
}

// merge takes over one folder and returns how many of its attempts are damaged.
func (a *app) merge(ctx context.Context, dir string) (damaged int, err error) {
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return 0, hinted{fmt.Errorf("there is no results folder %s", dir), "Name the folder that holds the experiments' folders."}
	}
	into, err := a.store()
	if err != nil {
		return 0, err
	}
	from, err := a.storeAt(dir)
	if err != nil {
		return 0, err
	}
	m, err := into.Merge(ctx, from)
	var conflict *results.ErrConflict
	if errors.As(err, &conflict) {
		return 0, hinted{err, "One of the trees was edited, or two programs made the same name. Compare: matrix verify --results " + dir}
	}
	if err != nil {
		return 0, err
	}
	a.recount(into)
	a.sayMerged(dir, m)
	return len(m.Damaged), nil
}

func (a *app) sayMerged(dir string, m results.Merged) {
	for _, p := range m.Damaged {
		a.sayProblem(p)
	}
	if a.json {
		for _, p := range m.Taken {
			a.emit("merged_attempt", map[string]any{"experiment": p.Experiment, "slug": p.Slug, "name": p.Name, "launch": p.Launch,
				"attempt": p.Attempt, "status": p.Status, "host": p.Host})
		}
		a.emit("merge_summary", map[string]any{"from": dir, "taken": len(m.Taken), "already": len(m.Already), "damaged": len(m.Damaged),
			"marks": m.Marks, "sources": m.Sources, "launches": m.Launches, "notes": orEmpty(m.Notes)})
		return
	}
	for _, text := range m.Notes {
		fmt.Fprintf(a.stdout, "%s %s\n", a.style.warn("Note:"), text)
	}
	if len(m.Taken)+len(m.Already)+len(m.Damaged) == 0 {
		fmt.Fprintf(a.stdout, "%s %s holds no attempts; name the folder that holds the experiments' folders\n", a.style.warn("Note:"), dir)
	}
	fmt.Fprintf(a.stdout, "%s %s taken over from %s (%s here already, %d left out as damaged), %s, %s.\n", a.style.good("Merged:"),
		count(len(m.Taken), "attempt"), dir, thousands(int64(len(m.Already))), len(m.Damaged), count(m.Marks, "mark"), count(m.Sources, "source"))
}
