package tree

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/results/store"
	"matrix/runner/apply"
	"matrix/runner/slurm"
)

// clusterStatus says where a run on a cluster stands.
// Nothing where no run is under way.
func clusterStatus(ctx context.Context, a *app.App, store *store.Store) error {
	// tasks on other hosts hold no lock of this tree
	run, err := slurm.Underway(store)
	if run == nil || err != nil {
		return err
	}
	st, err := run.Look(ctx)
	if err != nil {
		return err
	}
	view.ClusterStatus(a.Printer, run, st)
	return nil
}

// Status is the command.
// It changes nothing that a running apply could notice.
func Status(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say what is running now, from another terminal",
		Long: "Say who runs an apply on these results now, and how far each attempt under way or interrupted is.",
		Args: app.NoArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("results") { // nobody runs on a folder whose name is mistyped
				if err := a.ResultsThere(); err != nil {
					return err
				}
			}
			store, err := a.Store()
			if err != nil {
				return err
			}
			// who writes, if anybody; the lock is not waited for
			holder, err := store.Holder()
			if err != nil {
				return fmt.Errorf("look at the lock of %s: %w", a.Results, err)
			}
			// it ends what a crash cut short where nobody holds the tree
			attempts, err := store.Unfinished(cmd.Context())
			if err != nil {
				return fmt.Errorf("read the unfinished attempts: %w", err)
			}
			view.Status(a.Printer, holder, runningNow(holder, store), attempts)
			return clusterStatus(cmd.Context(), a, store)
		},
	}
}

// runningNow is the board of the apply that holds the results; nil without one. A board that an apply left when it was
// killed is nobody's.
// The pid tells: the lock's holder and the board's writer are one process.
func runningNow(holder string, store *store.Store) *apply.Board {
	if holder == "" {
		return nil
	}
	// may be of the moment before: it is replaced each second
	b, err := apply.ReadBoard(store.Inner())
	if err != nil || b == nil || !strings.Contains(holder, fmt.Sprintf("(pid %d ", b.PID)) {
		return nil
	}
	return b
}
