package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matrix/results"
	"matrix/runner"
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
			a.writeStatus(holder, runningNow(holder, store), attempts)
			return a.writeClusterStatus(cmd.Context(), store)
		},
	}
}

// runningNow is the board of the apply that holds the results; nil without one. A board that an apply left when it was
// killed is nobody's.
func runningNow(holder string, store *results.Store) *runner.Board {
	if holder == "" {
		return nil
	}
	b := runner.ReadBoard(store)
	if b == nil || !strings.Contains(holder, fmt.Sprintf("(pid %d ", b.PID)) {
		return nil
	}
	return b
}

// silent is how old a board may be before its apply counts as stuck: it is written every second.
const silent = 15 * time.Second

// writeStatus says the holder, what runs, and what an earlier apply left. Of an attempt that runs, done counts what has
// ended; of one that was left, what is on disk.
func (a *app) writeStatus(holder string, board *runner.Board, attempts []*results.Attempt) {
	left := attempts
	if board != nil {
		left = slices.DeleteFunc(slices.Clone(attempts), func(at *results.Attempt) bool {
			begun := at.Manifest().Began.After(board.At) // since the board was written
			return begun || slices.ContainsFunc(board.Launches, func(l runner.RunningLaunch) bool { return l.Attempt == at.Manifest().Attempt })
		})
	}
	if a.json {
		a.emitStatus(holder, board, left)
		return
	}
	if holder == "" {
		fmt.Fprintf(a.stdout, "No apply is running on %s.\n", a.results)
	} else {
		fmt.Fprintf(a.stdout, "%s %s\n", a.style.good("Running:"), holder)
	}
	if board != nil {
		a.drawBoard(board, time.Now())
	}
	if len(left) == 0 {
		return
	}
	switch {
	case board != nil:
		fmt.Fprintln(a.stdout, "Left by an earlier apply, not running:")
	case holder != "": // which of them it has begun itself cannot be told yet
		fmt.Fprintln(a.stdout, "Begun and not finished:")
	}
	for _, at := range left {
		m := at.Manifest()
		a.sayFolded("  %s  %s%slaunch %d%s%s of %s requests%sbegan %s", head(m.Address, 8), m.Name, a.style.dot(), m.Launch, a.style.dot(),
			thousands(at.Done()), thousands(int64(m.BatchSize)), a.style.dot(), m.Began.Local().Format(time.DateTime))
	}
	if holder == "" {
		fmt.Fprintln(a.stdout, a.whatBecomes(left))
	}
}

// whatBecomes says what the next apply does with attempts that an interrupted one left.
func (a *app) whatBecomes(left []*results.Attempt) string {
	if !slices.ContainsFunc(left, func(at *results.Attempt) bool { return at.Done() > 0 }) {
		return "Interrupted before a request had ended; the next matrix apply begins these launches anew."
	}
	return "Interrupted; the next matrix apply goes on with them."
}

func (a *app) sayFolded(format string, values ...any) {
	fmt.Fprintln(a.stdout, fold(fmt.Sprintf(format, values...), a.terminalWidth()))
}

// drawBoard is each launch that runs: which, what it does, what its engine said last.
func (a *app) drawBoard(b *runner.Board, now time.Time) {
	if age := now.Sub(b.At); age > silent {
		a.sayFolded("%s", a.style.warn(fmt.Sprintf("  no sign of life for %s: stopped, or its disk hangs", roughly(age))))
	}
	for _, l := range b.Launches {
		a.sayFolded("  [%d/%d] %s%s%s%slaunch %d", l.Step, l.Steps, a.style.bold(l.Name), a.style.dot(), head(l.Cell, 8), a.style.dot(), l.Launch)
		e := runner.Event{Step: l.Step, Steps: l.Steps}
		switch {
		case l.Progress != nil:
			e.Progress = *l.Progress
			a.sayFolded("    measure%s%s", a.style.dot(), progressText(e, a.style))
		case l.Phase != "":
			d := doing{phase: l.Phase, part: l.Part, phaseBegan: l.PhaseBegan, partBegan: l.PartBegan, limit: l.Limit}
			a.sayFolded("    %s", d.text(now, a.style))
		}
		if l.LogLine != "" {
			a.sayFolded("    | %s", l.LogLine)
		}
	}
}

func (a *app) emitStatus(holder string, board *runner.Board, left []*results.Attempt) {
	running := []runner.RunningLaunch{}
	if board != nil {
		running = board.Launches
	}
	a.emit("status", map[string]any{"running": holder != "", "holder": holder, "launches": len(running), "attempts": len(left)})
	for _, l := range running {
		f := map[string]any{"attempt": l.Attempt, "experiment": board.Experiment, "cell": l.Cell, "name": l.Name, "launch": l.Launch, "step": l.Step, "steps": l.Steps,
			"phase": l.Phase, "part": l.Part, "phase_began": l.PhaseBegan, "limit_s": nil, "log_line": l.LogLine, "seen": board.At}
		if l.Limit > 0 {
			f["limit_s"] = l.Limit.Seconds()
		}
		if l.Progress != nil {
			f["progress"] = progressRecord(*l.Progress)
		}
		a.emit("launch", f)
	}
	for _, at := range left {
		m := at.Manifest()
		a.emit("attempt", map[string]any{"attempt": m.Attempt, "experiment": m.Experiment, "cell": head(m.Address, 16), "name": m.Name,
			"launch": m.Launch, "segment": m.Segments, "done": at.Done(), "planned": m.BatchSize, "began": m.Began})
	}
}
