package machine

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"matrix/backends/install"
	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/grid"
	"matrix/results/format"
)

// GC is the command.
// Locks stay: what is removed can be installed again as it was.
func GC(a *app.App) *cobra.Command {
	var approve, dry bool
	cmd := &cobra.Command{
		Use: "gc", Short: "Remove installed engines that no experiment names any more",
		Long: "Remove the engines that fetch installed and that no file names any more. The files are those that fetch was run with:\n" +
			"one that was moved or deleted names nothing. What would go is listed first.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.Begin()
			return collect(cmd.Context(), a, approve, dry)
		},
	}
	cmd.Flags().BoolVar(&approve, "auto-approve", false, "do not ask")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "list what would go, remove nothing")
	return cmd
}

// collect removes the engines that no file names any more, under the lock that fetch takes: one that is just being
// installed is named by nothing yet.
// A list and a question come first: an engine takes minutes to install again.
func collect(ctx context.Context, a *app.App, approve, dry bool) error {
	cache := install.Cache()
	release, err := install.Locked(ctx, cache, func() { a.Warn("another fetch is at work in " + cache + ": waiting for it") })
	if err != nil {
		return err
	}
	defer release()
	idle, err := unnamed(a, cache)
	if err != nil {
		return err
	}
	if !dry {
		// what a fetch that was killed left
		if err := install.Sweep(cache); err != nil {
			return err
		}
	}
	// what would be free on the disk
	var bytes int64
	for _, i := range idle {
		bytes += i.Bytes
		a.Tell(ndjson.Unused{Engine: i.Asked, Bytes: i.Bytes, Folder: i.Folder}, "%s  %s  %s", i.Asked, format.Bytes(i.Bytes), i.Folder)
	}
	switch {
	case len(idle) == 0:
		a.Tell(ndjson.Collected{}, "Nothing to remove: every installed engine is named by a file that it was fetched for.")
		return nil
	case dry:
		a.Tell(ndjson.Collected{}, "Nothing was removed (--dry-run).")
		return nil
	// nobody would see the question
	case !approve && a.JSON:
		return app.Hint(errors.New("gc would ask before it removes, which --json cannot"), "Add --auto-approve, or --dry-run.")
	case !approve:
		if err := a.Approve(ctx, fmt.Sprintf("Remove %s, %s?", format.Count(len(idle), "engine"), format.Bytes(bytes)), "nothing was removed"); err != nil {
			return err
		}
	}
	for _, i := range idle {
		if err := install.Remove(i); err != nil {
			return err
		}
	}
	a.Tell(ndjson.Collected{Engines: len(idle), Bytes: bytes}, "Removed %s, %s.", format.Count(len(idle), "engine"), format.Bytes(bytes))
	return nil
}

// unnamed are the installed engines that no file names which fetch was run with.
// A file that cannot be read now might name any of them, so then nothing goes. One that is gone names nothing.
func unnamed(a *app.App, cache string) (idle []install.Installed, err error) {
	files, err := install.Kept(cache)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, file := range files {
		// blocks are enough: an engine may be named before any cell can use it
		config, diags := grid.Load([]string{file}, a.LoadOptions())
		for _, kind := range []string{"engine", "weights"} {
			for _, e := range config.Config.Blocks[kind] {
				named[e.Engine.LockHash()] = true
			}
		}
		if diags.HasErrors() {
			return nil, app.Hint(fmt.Errorf("%s cannot be read now, so what it names is not known: %s", file, diags.Error()), "Correct it (matrix validate "+file+"), or move it away.")
		}
	}
	all, err := install.List(cache)
	for _, i := range all {
		if !named[i.Hash()] {
			idle = append(idle, i)
		}
	}
	return idle, err
}
