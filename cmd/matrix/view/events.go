package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"matrix/backends/process"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/runner/events"
)

// plainView says an apply line by line, for logs and pipes.
type plainView struct {
	out    io.Writer
	style  Style
	width  func() int        // where lines are broken; 0 = nowhere
	every  time.Duration     // between progress lines
	last   map[int]time.Time // of a progress line, by step
	failed map[string]int    // how often launches failed alike
	// beside: launches run side by side, so that each line says whose it is.
	beside bool
}

// sayOf says a line below a launch's title.
func (v *plainView) sayOf(e events.Event, format string, values ...any) {
	// below its title, where launches come one after the other
	margin := "  "
	if v.beside && e.Item != nil {
		margin = fmt.Sprintf("[%d/%d] ", e.Step, e.Steps)
	}
	v.say("%s%s", margin, fmt.Sprintf(format, values...))
}

// say writes a line, broken where the terminal ends.
func (v *plainView) say(format string, values ...any) {
	fmt.Fprintln(v.out, Fold(fmt.Sprintf(format, values...), v.width()))
}

// observe says an event as lines of a log, which nothing is taken back from.
// Not for concurrent use.
func (v *plainView) observe(e events.Event) {
	switch e.Kind {
	case events.LaunchStart:
		v.say("[%d/%d] %s", e.Step, e.Steps, launchTitle(e, v.style))
	case events.LaunchPhase:
		if e.Took > 0 || e.Message != "" { // its end; a log needs no beginnings that say nothing
			v.sayOf(e, "%-12s %s", e.Phase, tookText(e))
		}
	case events.LaunchProgress:
		v.waiting(e)
	case events.LaunchReady:
		v.sayOf(e, "%-12s %s", "loaded", tookText(e))
	case events.CellStart:
		if v.last == nil {
			v.last = map[int]time.Time{}
		}
		v.last[e.Step] = e.At // a short cell needs no progress, its end says it all
	case events.CellProgress:
		if e.At.Sub(v.last[e.Step]) < v.every || e.Progress.Done == e.Progress.Planned {
			return
		}
		v.last[e.Step] = e.At
		v.sayOf(e, "%s", progressText(e, v.style))
	case events.CellComplete, events.CellFailed:
		name := ""
		if v.beside {
			name = launchTitle(e, v.style) + ": "
		}
		again := v.again(e)
		v.sayOf(e, "%s%s%s", name, outcomeText(e, v.style), again)
		if again != "" {
			return // its log is the one above
		}
		for line := range strings.Lines(e.LogTail) {
			v.say("    | %s", process.CleanLine(strings.TrimRight(line, "\n")))
		}
	case events.Interrupt:
		text := "Stopping: rows are kept, the engine is stopped. Press ^C again to kill it now."
		if v.beside {
			text = "Stopping: rows are kept, the engines are stopped. Press ^C again to kill them now."
		}
		v.say("%s", v.style.Warn(text))
	case events.Warning:
		v.sayOf(e, "%s %s", v.style.Warn("warning:"), e.Message)
	}
}

// again notes how a launch failed, and says how often the same has been met: 300 launches that fail alike must not bury
// the rest under 300 equal logs.
func (v *plainView) again(e events.Event) string {
	if e.Kind != events.CellFailed {
		return ""
	}
	if v.failed == nil {
		v.failed = map[string]int{}
	}
	// cells of one platform fail alike; another platform's failure is news
	key := e.Status + "\x00" + e.Message + "\x00" + e.Item.Cell.Platform.ID
	v.failed[key]++
	if n := v.failed[key]; n > 1 {
		return v.style.Dim(fmt.Sprintf(" (as above, %d times now)", n))
	}
	return ""
}

// patience is how long a phase runs before a log or pipe is told that it still does, and then between two such lines.
const patience = 30 * time.Second

// waiting says what a launch does that has said nothing for a while.
func (v *plainView) waiting(e events.Event) {
	if e.Elapsed < patience || e.At.Sub(v.last[e.Step]) < patience {
		return
	}
	if v.last == nil {
		v.last = map[int]time.Time{}
	}
	v.last[e.Step] = e.At
	text := phase{name: e.Phase, began: e.At.Add(-e.Elapsed), limit: e.Limit}.text(e.At, v.style)
	if e.Part != "" {
		text += v.style.Dot() + "now " + e.Part
	}
	v.sayOf(e, "%s", text)
	if e.Message != "" {
		v.say("    | %s", e.Message)
	}
}

// launchTitle is the cell's name, id and which launch this is.
// "goes on": the launch was interrupted, and has rows already.
func launchTitle(e events.Event, s Style) string {
	title := s.Bold(e.Item.Cell.Name()) + s.Dot() + e.Item.Cell.ID()
	if e.Item.Cell.Launches > 1 {
		title += s.Dot() + fmt.Sprintf("launch %d of %d", e.Launch, e.Item.Cell.Launches)
	}
	if e.Item.Resume != "" {
		title += s.Dot() + "goes on"
	}
	return title
}

// tookText is how long something took and what it said.
func tookText(e events.Event) string {
	text := ""
	if e.Took > 0 {
		text = format.Took(e.Took)
	}
	if e.Message != "" {
		text = strings.TrimSpace(text + "  " + e.Message)
	}
	return text
}

// progressText is one line: how many of how many, rate, failures, time left.
func progressText(e events.Event, s Style) string {
	return strings.Join(slices.Concat(cellParts(e, s), planParts(e)), s.Dot())
}

// cellParts are the pieces of a progress line that tell of its launch, those first that a narrow terminal must not cut off. What is not
// known is left out.
func cellParts(e events.Event, s Style) []string {
	p := e.Progress
	parts := []string{fmt.Sprintf("%s/%s", format.Whole(p.Done), format.Whole(p.Planned))}
	if p.Stalled != "" {
		parts = append(parts, s.Warn(p.Stalled))
	}
	if p.Failed > 0 {
		parts = append(parts, s.Bad(fmt.Sprintf("%d failed", p.Failed)))
	}
	if p.TokensPerSecond >= 0.5 { // below, no rate is known, and 0 would be one
		parts = append(parts, fmt.Sprintf("%.0f tok/s", p.TokensPerSecond))
	}
	if p.InFlight > 0 {
		parts = append(parts, fmt.Sprintf("%d in flight", p.InFlight))
	}
	parts = append(parts, format.Clock(p.Elapsed)+" elapsed")
	if p.CellETA != nil && p.Done < p.Planned {
		parts = append(parts, "cell "+format.Clock(*p.CellETA)+" left")
	}
	return parts
}

// planParts are the pieces that tell of the whole apply; a time that is predicted is said with its range.
func planParts(e events.Event) (parts []string) {
	p := e.Progress
	if p.PlanETA != nil && e.Step < e.Steps {
		text := "plan " + format.Clock(*p.PlanETA) + " left"
		if p.PlanLow != nil && format.Clock(*p.PlanLow) != format.Clock(*p.PlanHigh) {
			text += fmt.Sprintf(" (%s to %s)", format.Clock(*p.PlanLow), format.Clock(*p.PlanHigh))
		}
		parts = append(parts, text)
	}
	if p.PlanETA != nil && (e.Step < e.Steps || p.Done < p.Planned) && !e.At.IsZero() {
		at := e.At.Local()
		parts = append(parts, "ends about "+format.At(at.Add(*p.PlanETA), at))
	}
	return parts
}

// outcomeText is how a cell's attempt ended.
// A figure that was not measured is left out: the record has the reason.
func outcomeText(e events.Event, s Style) string {
	if e.Kind == events.CellFailed {
		text := s.Bad(strings.ReplaceAll(e.Status, "_", " "))
		if e.Message != "" {
			text += ": " + e.Message
		}
		return text
	}
	parts := []string{s.Good("complete")}
	for _, m := range []struct{ column, format string }{
		{"output_throughput", "%.1f tok/s"}, {"request_throughput", "%.2f req/s"}, {"success_rate", ""},
		{record.MetricValidPerHour, "%.0f valid/h"}, {"load_s", "load %.1f s"}, {"duration_s", "measured %.1f s"},
	} {
		x := e.Metrics[m.column]
		switch {
		case x == nil:
		case m.format == "":
			parts = append(parts, format.Percent(*x)+" ok")
		default:
			parts = append(parts, fmt.Sprintf(m.format, *x))
		}
	}
	return strings.Join(parts, s.Dot())
}

// phase is the phase that runs, and of a load the part of it.
// Its zero is "nothing runs".
type phase struct {
	name, part       string
	began, partBegan time.Time
	limit            time.Duration // of the phase; 0 = none
}

// text is like "load 1m12s of 30m00s · compile 22s"; "" between two phases.
func (d phase) text(at time.Time, s Style) string {
	if d.name == "" {
		return ""
	}
	text := d.name + " " + format.Clock(at.Sub(d.began))
	if d.limit > 0 {
		text += " of " + format.Clock(d.limit)
	}
	if d.part != "" {
		text += s.Dot() + d.part + " " + format.Clock(at.Sub(d.partBegan))
	}
	return text
}
