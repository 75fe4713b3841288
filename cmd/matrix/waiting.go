package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"matrix/experiments"
	"matrix/runner"
)

// waitingLaunches counts the pending launches that this machine cannot start: it is not their hardware, or an
// interpreter, an executable or a model is not here.
func waitingLaunches(plans ...*runner.Plan) int {
	n := 0
	for _, p := range plans {
		for _, step := range p.Order {
			if step.Item.Missing != nil {
				n++
			}
		}
	}
	return n
}

// setAside takes those launches out of the plans, says each reason once, and returns how many there are. On a cluster
// they stay in: a node may have what is missing here.
func (a *app) setAside(plans []*runner.Plan) int {
	all := waitingLaunches(plans...)
	for _, p := range plans {
		var reasons []string
		waits, hardware := map[string]int{}, map[string]string{}
		p.Order = slices.DeleteFunc(p.Order, func(step runner.LaunchStep) bool {
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
			if hardware[text] != "" {
				lacks += ". Run them there and matrix merge, or matrix apply --on slurm"
			}
			if strings.Contains(lacks, "\n") { // several things, a line each
				lacks = "\n  " + strings.ReplaceAll(lacks, "\n", "\n  ")
			}
			a.tell("waiting", map[string]any{"experiment": p.Experiment, "hardware": hardware[text], "missing": strings.ReplaceAll(text, "\n", "; "), "launches": n},
				"%s", fold(fmt.Sprintf("%s of %s %s: %s", count(n, "launch"), p.Experiment, verb(n, "wait"), lacks), a.terminalWidth()))
		}
	}
	return all
}

// verb is a verb after so many.
func verb(n int, plural string) string {
	if n == 1 {
		return plural + "s"
	}
	return plural
}

// sayNothingRan says why an apply had nothing to start.
func (a *app) sayNothingRan(plans []*runner.Plan, waits int) {
	if waits > 0 {
		fmt.Fprintf(a.stdout, "Nothing was started: %s %s for what this machine lacks (above).\n", count(waits, "launch"), verb(waits, "wait"))
		return
	}
	var items []*runner.Item
	for _, p := range plans {
		items = append(items, p.Items...)
	}
	fmt.Fprintf(a.stdout, "Nothing to do: %s.\n", decided(items))
}

// decided says how cells of which none is pending stand.
func decided(items []*runner.Item) string {
	n := map[runner.State]int{}
	for _, item := range items {
		n[item.State]++
	}
	if n[runner.Done] == len(items) {
		return fmt.Sprintf("%s, each with its result", count(len(items), "cell"))
	}
	var parts []string
	for _, x := range []struct {
		state runner.State
		text  string
	}{{runner.Done, "done"}, {runner.FailedState, "failed (again: --rerun failed,censored)"}, {runner.Stale, "changed, left by --rerun"},
		{runner.Infeasible, "cannot run"}, {runner.Excluded, "excluded"}} {
		if n[x.state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[x.state], x.text))
		}
	}
	return fmt.Sprintf("%s: %s", count(len(items), "cell"), strings.Join(parts, ", "))
}

// heldGPU adds to an apply that could not begin what to do about who holds the GPU.
func heldGPU(err error) error {
	var busy *runner.BusyError
	if !errors.As(err, &busy) {
		return err
	}
	stop := ""
	for _, pid := range busy.PIDs {
		stop += fmt.Sprintf(" %d", pid)
	}
	if stop != "" {
		stop = " (kill" + stop + ")"
	}
	return hinted{err, "Nothing was started. Let it end or stop it" + stop + ", then apply again. To measure beside it: isolation { exclusive = false }, and memory for both."}
}

// nameVariables adds to what a plan's cells lack the variable that a path comes from: it is what the user has to set.
func (s *session) nameVariables(p *runner.Plan) {
	named := map[error]error{}
	for _, item := range p.Items {
		if item.Missing == nil || item.WaitsFor != "" {
			continue
		}
		text, known := named[item.Missing]
		if !known {
			text = lacking{s.withVariables(item.Missing.Error()), item.Missing}
			named[item.Missing] = text
		}
		item.Missing = text
	}
}

// lacking is an error in other words.
type lacking struct {
	text  string
	cause error
}

func (l lacking) Error() string { return l.text }
func (l lacking) Unwrap() error { return l.cause }

// withVariables adds to each line of a message the variable that its path comes from.
func (s *session) withVariables(message string) string {
	lines := strings.Split(message, "\n")
	for i, line := range lines {
		if v, ok := s.config.Behind(line); ok {
			lines[i] = fmt.Sprintf("%s (the path comes from var.%s: %s)", line, v.Name, setBy(v))
		}
	}
	return strings.Join(lines, "\n")
}

func setBy(v experiments.Variable) string {
	if v.From == "its default" {
		return "its default; set MATRIX_VAR_" + v.Name + " or --var " + v.Name + "=…"
	}
	return "set by " + v.From
}
