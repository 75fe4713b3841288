package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"matrix/results"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say what is running now, from another terminal",
		Long: "Say who runs an apply on these results now, and how far each attempt under way or interrupted is.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store()
			if err != nil {
				return err
			}
			holder, err := store.Holder()
			if err != nil {
				return fmt.Errorf("look at the lock of %s: %w", a.results, err)
			}
			attempts, err := store.Unfinished(cmd.Context())
			if err != nil {
				return fmt.Errorf("read the unfinished attempts: %w", err)
			}
			a.writeStatus(holder, attempts)
			return a.writeClusterStatus(cmd.Context(), store)
		},
	}
}

// writeStatus says the holder and each unfinished attempt. Done counts what is on disk: at most a second behind.
func (a *app) writeStatus(holder string, attempts []*results.Attempt) {
	if a.json {
		a.emit("status", map[string]any{"running": holder != "", "holder": holder, "attempts": len(attempts)})
	} else if holder == "" {
		fmt.Fprintf(a.stdout, "No apply is running on %s.\n", a.results)
	} else {
		fmt.Fprintf(a.stdout, "%s %s\n", a.style.good("Running:"), holder)
	}
	for _, at := range attempts {
		m := at.Manifest()
		if a.json {
			a.emit("attempt", map[string]any{"attempt": m.Attempt, "experiment": m.Experiment, "cell": head(m.Address, 16), "name": m.Name,
				"launch": m.Launch, "segment": m.Segments, "done": at.Done(), "planned": m.BatchSize, "began": m.Began})
			continue
		}
		fmt.Fprintf(a.stdout, "  %s  %s%slaunch %d%s%s of %s requests%sbegan %s\n", head(m.Address, 8), m.Name, a.style.dot(), m.Launch, a.style.dot(),
			thousands(at.Done()), thousands(int64(m.BatchSize)), a.style.dot(), m.Began.Local().Format(time.DateTime))
	}
	if holder == "" && len(attempts) > 0 && !a.json {
		fmt.Fprintln(a.stdout, "Interrupted; the next matrix apply goes on with them.")
	}
}
