package launch

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"matrix/results/record"
	"matrix/runner/events"
)

// flush writes the warm-up's rows and the samples so far, now that their zero is known.
func (j *journal) flush(base time.Time) error {
	j.mu.Lock()
	early := j.early
	j.early = nil
	j.mu.Unlock()
	for _, e := range early {
		if err := j.attempt.Append(makeRow(e.request, e.reply, base, "warmup", j.attempt.Segment()), nil); err != nil {
			return fmt.Errorf("write a warm-up row: %w", err)
		}
	}
	return j.samples.zero(base)
}

// finish commits the attempt, or leaves it to be resumed. With an error of the store it is kept as far as that still goes.
func (j *journal) finish(out Outcome) Outcome {
	flushed := j.flush(time.Now())
	if err := cmp.Or(out.Fatal, flushed, j.samples.err()); err != nil {
		_ = j.attempt.Abort(err, "", j.closed()) // the first error is the one to tell
		return Outcome{Fatal: fmt.Errorf("store %s: %w", j.cell.Name(), err)}
	}
	if j.goesOnLater(&out) {
		return j.suspend(out)
	}
	summary, err := j.attempt.Commit(out.Status, out.Reason, out.LogTail, j.closed())
	if err != nil {
		return Outcome{Fatal: fmt.Errorf("commit %s: %w", j.cell.Name(), err)}
	}
	out.Manifest = j.attempt.Manifest()
	j.site.Estimates.Ended(&out.Manifest, j.cell)
	j.tellEnd(out, summary)
	return out
}

// closed is the final run: a segment that never got to its measured phase is left out.
func (j *journal) closed() record.Run {
	run := j.snapshot()
	if run.Neighbours > 0 {
		run.Warnings = append(run.Warnings, fmt.Sprintf("up to %d other launches ran on this machine meanwhile (neighbours)", run.Neighbours))
	}
	if run.Server == "group" {
		run.Warnings = append(run.Warnings, "its server was shared with other cells: it has no load time of its own, and what they left in the server may tell (server_launch)")
	}
	last := &run.Segments[len(run.Segments)-1]
	if last.Reason == "running" {
		last.Reason = "not_measured"
	}
	return run
}

// goesOnLater reports whether the attempt is kept open: it was stopped for no fault of the engine's and has rows that
// need not be measured again.
func (j *journal) goesOnLater(out *Outcome) bool {
	if out.whole {
		return false
	}
	pending := out.Status == record.Interrupted || out.Status == record.EnvironmentFailed
	return pending && j.cell.Resume && j.finals.Load() > 0
}

// suspend keeps an attempt to be gone on with.
func (j *journal) suspend(out Outcome) Outcome {
	if err := j.attempt.Suspend(j.closed()); err != nil {
		return Outcome{Fatal: fmt.Errorf("keep %s to be resumed: %w", j.cell.Name(), err)}
	}
	j.site.Left.Keep(j.attempt)
	j.emit(events.Event{Kind: events.CellFailed, Status: out.Status, Message: out.Reason + "; the next apply goes on from here"})
	return out
}

// tellEnd tells how the cell ended.
func (j *journal) tellEnd(out Outcome, s record.Summary) {
	if out.Status == record.Complete {
		j.emit(events.Event{Kind: events.CellComplete, Status: out.Status, Metrics: s.Metrics, Message: strings.Join(s.Warnings, "; ")})
		return
	}
	message := out.Reason
	if out.Hint != "" {
		message += " (" + strings.TrimSpace(out.Hint) + ")"
	}
	j.emit(events.Event{Kind: events.CellFailed, Status: cmp.Or(out.Status, record.EngineFailed), Message: message, LogTail: out.LogTail, Metrics: s.Metrics})
}
