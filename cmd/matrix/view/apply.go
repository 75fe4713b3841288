package view

import (
	"fmt"
	"slices"
	"strings"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/runner/events"
	"matrix/runner/plan"
)

// Totals says how an apply ended; waits counts the launches that it could not start.
// Interrupted and not run are said too: what is missing must not look done.
func Totals(out *Printer, t events.Summary, waits int) {
	parts := []string{fmt.Sprintf("%d complete", t.Complete)}
	for _, x := range []struct {
		n    int
		what string
	}{{t.Failed, "engine failed"}, {t.Censored, "censored"}, {t.Environment, "environment failed"}, {t.Interrupted, "interrupted"}, {t.NotRun, "not run"}, {waits, "waiting"}} {
		if x.n > 0 {
			parts = append(parts, out.Style.Warn(fmt.Sprintf("%d %s", x.n, x.what)))
		}
	}
	out.Line("\nApplied in %s: %s. Results: %s", format.Took(t.Took), strings.Join(parts, ", "), out.Results)
	if t.Complete > 0 {
		fmt.Fprintln(out, "What they say, and how surely: matrix report"+out.ResultsFlag())
	}
}

// SetAside takes those launches out of the plans, says each reason once, and returns how many there are. On a cluster
// they stay in: a node may have what is missing here.
// Equal reasons of many launches are one line.
func SetAside(out *Printer, plans []*plan.Plan) int {
	all := Waiting(plans...)
	for _, p := range plans {
		var reasons []string
		waits, hardware := map[string]int{}, map[string]string{}
		// the plan itself is changed: who runs it next sees only what can run
		p.Order = slices.DeleteFunc(p.Order, func(step plan.Step) bool {
			if step.Item.Missing == nil {
				return false
			}
			text := step.Item.Missing.Error()
			if waits[text] == 0 {
				reasons = append(reasons, text)
			}
			waits[text]++
			hardware[text] = step.Item.WaitsFor
			return true
		})
		for _, text := range reasons {
			n, lacks := waits[text], text
			// not a lack that could be mended here
			if hardware[text] != "" {
				lacks += ". Run them there and matrix merge, or matrix apply --on slurm"
			}
			if strings.Contains(lacks, "\n") { // several things, a line each
				lacks = "\n  " + strings.ReplaceAll(lacks, "\n", "\n  ")
			}
			out.Tell(ndjson.Waiting{Experiment: p.Experiment, Hardware: hardware[text], Missing: strings.ReplaceAll(text, "\n", "; "), Launches: n},
				"%s of %s %s: %s", format.Count(n, "launch"), p.Experiment, format.Verb(n, "wait"), lacks)
		}
	}
	return all
}

// NothingRan says why an apply had nothing to start.
// waits are those that SetAside has named above.
func NothingRan(out *Printer, plans []*plan.Plan, waits int) {
	if waits > 0 {
		out.Line("Nothing was started: %s %s for what this machine lacks (above).", format.Count(waits, "launch"), format.Verb(waits, "wait"))
		return
	}
	var items []*plan.Item
	for _, p := range plans {
		items = append(items, p.Items...)
	}
	out.Line("Nothing to do: %s.", decided(items))
}
