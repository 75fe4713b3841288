package view

import (
	"fmt"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/runner/bisect"
)

// BisectStep says what a version showed.
func BisectStep(out *Printer, axis string, labels []string, metric string, s bisect.Step) {
	verdict := map[[2]bool]string{{true, true}: "worse", {false, true}: "not worse", {true, false}: "not shown", {false, false}: "not shown"}[[2]bool{s.Worse, s.Settled}]
	out.Tell(ndjson.BisectStep{Axis: axis, Version: labels[s.Version], Metric: metric, Launches: s.Launches, Ratio: s.Ratio, Low: s.Low, High: s.High, Verdict: verdict}, "\n%s: %s is %.3g of that of the versions before (%.3g to %.3g, %s): %s",
		out.Style.Bold(axis+"="+labels[s.Version]), metric, s.Ratio, s.Low, s.High, format.Count(s.Launches, "launch"), verdict)
}

// Bisected says what a search found.
func Bisected(out *Printer, axis string, labels []string, metric, worse string, f bisect.Finding, stopped, simulated bool) {
	r := ndjson.Bisected{Axis: axis, Metric: metric, Simulated: simulated}
	text := ""
	switch {
	case stopped:
		r.Verdict, text = "stopped", "Stopped. What was measured is kept: the same command goes on."
	case f.Open:
		r.Verdict = "not_shown"
		text = fmt.Sprintf("Not shown either way: identical launches differ too much for %s in so few. Give it more: --max-launches.", worse)
	case f.First == len(labels):
		r.Verdict = "none"
		text = fmt.Sprintf("No version of %s is shown to be worse in %s by %s than %s.", axis, metric, worse, labels[0])
	default:
		r.Verdict, r.Version, r.Before = "found", &labels[f.First], &labels[f.First-1]
		text = fmt.Sprintf("%s got worse with %s=%s; %s was the last before it.", metric, axis, labels[f.First], labels[f.First-1])
	}
	out.Tell(r, "\n%s", out.Style.Bold(text))
	if simulated && !out.JSON {
		out.Line("%s", out.Style.Warn(SimulatedBanner))
	}
}
