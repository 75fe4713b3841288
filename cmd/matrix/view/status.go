package view

import (
	"fmt"
	"slices"
	"time"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/results/store"
	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/launch"
)

// silent is how old a board may be before its apply counts as stuck: it is written every second.
const silent = 15 * time.Second

// Status says the holder, what runs, and what an earlier apply left. Of an attempt that runs, done counts what has
// ended; of one that was left, what is on disk.
// holder "" and board nil: nobody runs.
func Status(out *Printer, holder string, board *apply.Board, attempts []*store.Attempt) {
	left := attempts
	if board != nil {
		left = slices.DeleteFunc(slices.Clone(attempts), func(at *store.Attempt) bool {
			begun := at.Manifest().Began.After(board.At) // since the board was written
			return begun || slices.ContainsFunc(board.Launches, func(l launch.Running) bool { return l.Attempt == at.Manifest().Attempt })
		})
	}
	if out.JSON {
		statusRecords(out, holder, board, left)
		return
	}
	if holder == "" {
		out.Line("No apply is running on %s.", out.Results)
	} else {
		out.Line("%s %s", out.Style.Good("Running:"), holder)
	}
	if board != nil {
		drawBoard(out, board, time.Now())
	}
	if len(left) == 0 {
		return
	}
	switch {
	case board != nil:
		fmt.Fprintln(out, "Left by an earlier apply, not running:")
	case holder != "": // which of them it has begun itself cannot be told yet
		fmt.Fprintln(out, "Begun and not finished:")
	}
	for _, at := range left {
		m := at.Manifest()
		out.Line("  %s  %s%slaunch %d%s%s of %s requests%sbegan %s", Head(m.Address, 8), m.Name, out.Style.Dot(), m.Launch, out.Style.Dot(),
			format.Whole(at.Done()), format.Whole(int64(m.BatchSize)), out.Style.Dot(), m.Began.Local().Format(time.DateTime))
	}
	if holder == "" {
		fmt.Fprintln(out, whatBecomes(left))
	}
}

// whatBecomes says what the next apply does with attempts that an interrupted one left.
func whatBecomes(left []*store.Attempt) string {
	if !slices.ContainsFunc(left, func(at *store.Attempt) bool { return at.Done() > 0 }) {
		return "Interrupted before a request had ended; the next matrix apply begins these launches anew."
	}
	return "Interrupted; the next matrix apply goes on with them."
}

// drawBoard prints each launch that runs: which, what it does, what its engine said last.
// now is when it is drawn, so that clocks go on between two writings of the board.
func drawBoard(out *Printer, b *apply.Board, now time.Time) {
	if age := now.Sub(b.At); age > silent {
		out.Line("%s", out.Style.Warn(fmt.Sprintf("  no sign of life for %s: stopped, or its disk hangs", format.Clock(age))))
	}
	for _, l := range b.Launches {
		out.Line("  [%d/%d] %s%s%s%slaunch %d", l.Step, l.Steps, out.Style.Bold(l.Name), out.Style.Dot(), Head(l.Cell, 8), out.Style.Dot(), l.Launch)
		e := events.Event{At: b.At, Step: l.Step, Steps: l.Steps}
		switch {
		case l.Progress != nil:
			e.Progress = *l.Progress
			out.Line("    measure%s%s", out.Style.Dot(), progressText(e, out.Style))
		case l.Phase != "":
			d := phase{name: l.Phase, part: l.Part, began: l.PhaseBegan, partBegan: l.PartBegan, limit: l.Limit}
			out.Line("    %s", d.text(now, out.Style))
		}
		if l.LogLine != "" {
			out.Line("    | %s", l.LogLine)
		}
	}
}

// statusRecords are the status for programs: what runs, and the attempts that are left unfinished.
func statusRecords(out *Printer, holder string, board *apply.Board, left []*store.Attempt) {
	running := LaunchRecords(board)
	out.Record(ndjson.Status{Running: holder != "", Holder: holder, Launches: len(running), Attempts: len(left)})
	for _, r := range running {
		out.Record(r)
	}
	for _, at := range left {
		m := at.Manifest()
		out.Record(ndjson.Unfinished{Attempt: m.Attempt, Experiment: m.Experiment, Cell: Head(m.Address, 16), Name: m.Name, Launch: m.Launch, Segment: m.Segments,
			Done: at.Done(), Planned: m.BatchSize, Began: m.Began})
	}
}

// LaunchRecords are the launches of a board; none of nil.
// `matrix serve` shows the same records.
func LaunchRecords(board *apply.Board) (all []ndjson.Launch) {
	if board == nil {
		return nil
	}
	for _, l := range board.Launches {
		r := ndjson.Launch{Attempt: l.Attempt, Experiment: board.Experiment, Cell: l.Cell, Name: l.Name, Launch: l.Launch, Step: l.Step, Steps: l.Steps, Simulated: l.Simulated,
			Phase: l.Phase, Part: l.Part, PhaseBegan: l.PhaseBegan, LogLine: l.LogLine, Seen: board.At}
		if l.Limit > 0 {
			r.LimitS = seconds(&l.Limit)
		}
		if l.Progress != nil {
			r.Progress = progressRecord(*l.Progress)
		}
		if all := l.Remaining; all != nil {
			r.PlanETAS, r.PlanETALowS, r.PlanETAHighS = seconds(&all.Took), seconds(&all.Low), seconds(&all.High)
		}
		all = append(all, r)
	}
	return all
}
