package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"strings"
	"time"

	"matrix/backends/process"
	"matrix/results/stats"
	"matrix/runner"
)

// plainView says an apply line by line, for logs and pipes.
type plainView struct {
	out    io.Writer
	style  style
	width  func() int        // where lines are broken; 0 = nowhere
	every  time.Duration     // between progress lines
	last   map[int]time.Time // of a progress line, by step
	failed map[string]int    // how often launches failed alike
	// beside: launches run side by side, so that each line says whose it is.
	beside bool
}

// sayOf says a line below a launch's title.
func (v *plainView) sayOf(e runner.Event, format string, values ...any) {
	margin := "  "
	if v.beside && e.Item != nil {
		margin = fmt.Sprintf("[%d/%d] ", e.Step, e.Steps)
	}
	v.say("%s%s", margin, fmt.Sprintf(format, values...))
}

func (v *plainView) say(format string, values ...any) {
	fmt.Fprintln(v.out, fold(fmt.Sprintf(format, values...), v.width()))
}

func (v *plainView) observe(e runner.Event) {
	switch e.Kind {
	case runner.LaunchStart:
		v.say("[%d/%d] %s", e.Step, e.Steps, launchTitle(e, v.style))
	case runner.LaunchPhase:
		if e.Took > 0 || e.Message != "" { // its end; a log needs no beginnings that say nothing
			v.sayOf(e, "%-12s %s", e.Phase, tookText(e))
		}
	case runner.LaunchProgress:
		v.waiting(e)
	case runner.LaunchReady:
		v.sayOf(e, "%-12s %s", "loaded", tookText(e))
	case runner.CellStart:
		if v.last == nil {
			v.last = map[int]time.Time{}
		}
		v.last[e.Step] = e.At // a short cell needs no progress, its end says it all
	case runner.CellProgress:
		if e.At.Sub(v.last[e.Step]) < v.every || e.Progress.Done == e.Progress.Planned {
			return
		}
		v.last[e.Step] = e.At
		v.sayOf(e, "%s", progressText(e, v.style))
	case runner.CellComplete, runner.CellFailed:
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
	case runner.Interrupt:
		text := "Stopping: rows are kept, the engine is stopped. Press ^C again to kill it now."
		if v.beside {
			text = "Stopping: rows are kept, the engines are stopped. Press ^C again to kill them now."
		}
		v.say("%s", v.style.warn(text))
	case runner.Warning:
		v.sayOf(e, "%s %s", v.style.warn("warning:"), e.Message)
	}
}

// again notes how a launch failed, and says how often the same has been met: 300 launches that fail alike must not bury
// the rest under 300 equal logs.
func (v *plainView) again(e runner.Event) string {
	if e.Kind != runner.CellFailed {
		return ""
	}
	if v.failed == nil {
		v.failed = map[string]int{}
	}
	key := e.Status + "\x00" + e.Message + "\x00" + e.Item.Cell.Platform.ID
	v.failed[key]++
	if n := v.failed[key]; n > 1 {
		return v.style.dim(fmt.Sprintf(" (as above, %d times now)", n))
	}
	return ""
}

// patience is how long a phase runs before a log or pipe is told that it still does, and then between two such lines.
const patience = 30 * time.Second

// waiting says what a launch does that has said nothing for a while.
func (v *plainView) waiting(e runner.Event) {
	if e.Elapsed < patience || e.At.Sub(v.last[e.Step]) < patience {
		return
	}
	if v.last == nil {
		v.last = map[int]time.Time{}
	}
	v.last[e.Step] = e.At
	text := doing{phase: e.Phase, phaseBegan: e.At.Add(-e.Elapsed), limit: e.Limit}.text(e.At, v.style)
	if e.Part != "" {
		text += v.style.dot() + "now " + e.Part
	}
	v.sayOf(e, "%s", text)
	if e.Message != "" {
		v.say("    | %s", e.Message)
	}
}

// launchTitle is the cell's name, id and which launch this is.
func launchTitle(e runner.Event, s style) string {
	title := s.bold(e.Item.Cell.Name()) + s.dot() + e.Item.Cell.ID()
	if e.Item.Cell.Launches > 1 {
		title += s.dot() + fmt.Sprintf("launch %d of %d", e.Launch, e.Item.Cell.Launches)
	}
	if e.Item.Resume != "" {
		title += s.dot() + "goes on"
	}
	return title
}

func tookText(e runner.Event) string {
	text := ""
	if e.Took > 0 {
		text = seconds(e.Took)
	}
	if e.Message != "" {
		text = strings.TrimSpace(text + "  " + e.Message)
	}
	return text
}

// seconds writes a duration with the precision that a person can use.
func seconds(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return roughly(d)
}

// progressText is one line: how many of how many, rate, failures, time left.
func progressText(e runner.Event, s style) string {
	p := e.Progress
	parts := []string{fmt.Sprintf("%s/%s", thousands(p.Done), thousands(p.Planned))}
	if p.TokensPerSecond >= 0.5 { // below, no rate is known, and 0 would be one
		parts = append(parts, fmt.Sprintf("%.0f tok/s", p.TokensPerSecond))
	}
	if p.InFlight > 0 {
		parts = append(parts, fmt.Sprintf("%d in flight", p.InFlight))
	}
	if p.Stalled != "" {
		parts = append(parts, s.warn(p.Stalled))
	}
	if p.Failed > 0 {
		parts = append(parts, s.err(fmt.Sprintf("%d failed", p.Failed)))
	}
	parts = append(parts, roughly(p.Elapsed)+" elapsed")
	if p.CellETA != nil && p.Done < p.Planned {
		parts = append(parts, "cell "+roughly(*p.CellETA)+" left")
	}
	if p.PlanETA != nil && e.Step < e.Steps {
		text := "plan " + roughly(*p.PlanETA) + " left"
		if p.PlanLow != nil && roughly(*p.PlanLow) != roughly(*p.PlanHigh) {
			text += fmt.Sprintf(" (%s to %s)", roughly(*p.PlanLow), roughly(*p.PlanHigh))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, s.dot())
}

// outcomeText is how a cell's attempt ended.
func outcomeText(e runner.Event, s style) string {
	if e.Kind == runner.CellFailed {
		text := s.err(strings.ReplaceAll(e.Status, "_", " "))
		if e.Message != "" {
			text += ": " + e.Message
		}
		return text
	}
	parts := []string{s.good("complete")}
	for _, m := range []struct{ column, format string }{
		{"output_throughput", "%.1f tok/s"}, {"request_throughput", "%.2f req/s"}, {"success_rate", ""},
		{"load_s", "load %.1f s"}, {"duration_s", "measured %.1f s"},
	} {
		x := e.Metrics[m.column]
		switch {
		case x == nil:
		case m.format == "":
			parts = append(parts, percent(*x)+" ok")
		default:
			parts = append(parts, fmt.Sprintf(m.format, *x))
		}
	}
	return strings.Join(parts, s.dot())
}

func percent(share float64) string { return stats.Percent(share) }

// thousands writes 50000 as 50,000.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// jsonView writes every event as one NDJSON record; that a launch still loads, every few seconds.
type jsonView struct {
	app  *app
	last map[int]time.Time // of a launch_progress, by step
}

func newJSONView(a *app) jsonView { return jsonView{app: a, last: map[int]time.Time{}} }

func (v jsonView) observe(e runner.Event) {
	const every = 5 * time.Second
	if e.Kind == runner.LaunchProgress {
		if e.At.Sub(v.last[e.Step]) < every {
			return
		}
		v.last[e.Step] = e.At
	}
	f := map[string]any{"at": e.At, "step": e.Step, "steps": e.Steps}
	if e.Item != nil {
		f["cell"], f["name"], f["launch"], f["attempt"] = e.Item.Cell.Address[:16], e.Item.Cell.Name(), e.Launch, e.Attempt
	}
	for key, text := range map[string]string{"phase": e.Phase, "part": e.Part, "message": e.Message, "status": e.Status, "log_tail": e.LogTail} {
		if text != "" {
			f[key] = text
		}
	}
	for key, d := range map[string]time.Duration{"took_s": e.Took, "elapsed_s": e.Elapsed, "limit_s": e.Limit} {
		if d > 0 {
			f[key] = d.Seconds()
		}
	}
	if e.Kind == runner.CellProgress {
		f["progress"] = progressRecord(e.Progress)
	}
	if e.Metrics != nil {
		f["metrics"], f["null_reasons"] = metricsRecord(e.Metrics)
	}
	if e.Summary != nil {
		f["summary"] = summaryRecord(*e.Summary)
	}
	v.app.emit(string(e.Kind), f)
}

// metricsRecord is what was measured, as JSON can say it: no infinity.
func metricsRecord(all map[string]*float64) (metrics map[string]*float64, reasons map[string]string) {
	metrics, reasons = maps.Clone(all), map[string]string{}
	for name, v := range all {
		if v != nil && (math.IsInf(*v, 0) || math.IsNaN(*v)) {
			metrics[name], reasons[name] = nil, "infinite: each failure counts as endless, and more failed than this percentile leaves out"
		}
	}
	return metrics, reasons
}

func progressRecord(p runner.Progress) map[string]any {
	r := map[string]any{"planned": p.Planned, "done": p.Done, "failed": p.Failed, "in_flight": p.InFlight,
		"output_tokens": p.OutputTokens, "tokens_per_s": p.TokensPerSecond, "stalled": nil, "elapsed_s": p.Elapsed.Seconds(), "cell_eta_s": nil, "plan_eta_s": nil}
	if p.Stalled != "" {
		r["stalled"] = p.Stalled
	}
	if p.CellETA != nil {
		r["cell_eta_s"] = p.CellETA.Seconds()
	}
	if p.PlanETA != nil {
		r["plan_eta_s"] = p.PlanETA.Seconds()
	}
	if p.PlanLow != nil {
		r["plan_eta_low_s"], r["plan_eta_high_s"] = p.PlanLow.Seconds(), p.PlanHigh.Seconds()
	}
	return r
}

func summaryRecord(s runner.Summary) map[string]any {
	return map[string]any{"complete": s.Complete, "engine_failed": s.Failed, "censored": s.Censored, "environment_failed": s.Environment,
		"interrupted": s.Interrupted, "not_run": s.NotRun, "took_s": s.Took.Seconds(), "stopped": s.Stopped, "root": s.Root}
}
