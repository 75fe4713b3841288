package view

import (
	"fmt"
	"slices"
	"strings"

	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/runner/plan"
)

// Verdict is the state in a sentence.
// Of a plan that was just made: it says what an apply would do now.
func Verdict(item *plan.Item) string {
	switch {
	case item.State == plan.Excluded:
		return "excluded: it will not run"
	case item.State == plan.Infeasible:
		return "infeasible: it will not run"
	// a crash is evidence, and would be measured again for ever
	case !item.Pending() && item.State == plan.FailedState:
		return "failed: a result, so it does not run again by itself"
	case !item.Pending():
		return fmt.Sprintf("%s: %s complete, nothing to do", item.State, format.Count(item.Done, "launch"))
	}
	numbers := make([]string, len(item.Launches))
	for i, n := range item.Launches {
		numbers[i] = fmt.Sprint(n)
	}
	text := string(item.State)
	if why := reasonText(item); why != text {
		text += " (" + why + ")"
	}
	text += ": "
	if item.State == plan.Unavailable {
		text += "it would run, but this machine lacks something for it"
	} else {
		text += "it will run"
	}
	text += fmt.Sprintf(", launch %s of %d", strings.Join(numbers, ", "), item.Cell.Launches)
	if item.Resume != "" {
		text += ", going on with attempt " + item.Resume
	}
	if item.Estimate != nil {
		text += ", about " + format.Clock(*item.Estimate)
	}
	return text
}

// cellNames says which cells share a line: one by its name, many by what they have in common.
// An axis in which they differ is a star.
func cellNames(cells []*cell.Cell) string {
	if len(cells) == 1 {
		return cells[0].Name()
	}
	parts := make([]string, len(cells[0].Axes))
	for i := range parts {
		parts[i] = cells[0].Axes[i].Label
		for _, c := range cells {
			if i >= len(c.Axes) || c.Axes[i].Label != parts[i] {
				parts[i] = "*"
			}
		}
	}
	return fmt.Sprintf("%s  %d cells", strings.Join(parts, "/"), len(cells))
}

// Pending counts the launches that an apply would run.
// Those that wait for another machine are among them, see Waiting.
func Pending(plans []*plan.Plan) int {
	n := 0
	for _, p := range plans {
		n += len(p.Order)
	}
	return n
}

// dataNotes are what to know of the datasets, each once.
// And what is unlike among cells that are meant to be compared.
func dataNotes(p *plan.Plan) (notes []string) {
	for _, item := range p.Items {
		for _, note := range item.Data {
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	return append(notes, p.Unlike...)
}

// SimulatedBanner stands wherever figures of the simulator do.
const SimulatedBanner = "SIMULATED: matrix's own simulator stands in for the engines; no figure here tells anything about vLLM or Ollama."

// Simulated tells whether a cell of a plan asks the simulator.
// One cell is enough to mark all of it.
func Simulated(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Items, func(item *plan.Item) bool { return item.Cell.Platform.Simulated() })
}

// reasonText is why an item is pending, in words.
func reasonText(item *plan.Item) string {
	words := make([]string, len(item.Reasons))
	for i, r := range item.Reasons {
		words[i] = strings.ReplaceAll(string(r), "_", " ")
		if r == plan.ReasonIncomplete {
			words[i] += fmt.Sprintf(" (%d/%d launches)", item.Done, item.Cell.Launches)
		}
	}
	return strings.Join(words, ", ")
}

// Waiting counts the pending launches that this machine cannot start: it is not their hardware, or an
// interpreter, an executable or a model is not here.
func Waiting(plans ...*plan.Plan) int {
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

// decided says how cells of which none is pending stand.
// States that nobody has are left out.
func decided(items []*plan.Item) string {
	n := map[plan.State]int{}
	for _, item := range items {
		n[item.State]++
	}
	if n[plan.Done] == len(items) {
		return fmt.Sprintf("%s, each with its result", format.Count(len(items), "cell"))
	}
	var parts []string
	for _, x := range []struct {
		state plan.State
		text  string
	}{{plan.Done, "done"}, {plan.FailedState, "failed (again: --rerun failed,censored)"}, {plan.Stale, "changed, left by --rerun"},
		{plan.Infeasible, "cannot run"}, {plan.Excluded, "excluded"}} {
		if n[x.state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[x.state], x.text))
		}
	}
	return fmt.Sprintf("%s: %s", format.Count(len(items), "cell"), strings.Join(parts, ", "))
}
