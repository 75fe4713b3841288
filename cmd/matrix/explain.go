package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/experiments"
	"matrix/runner"
)

func (a *app) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain CELL [FILE|DIR…|PLAN]", Short: "Say why a cell will or will not run, with everything that decides it",
		Long: "Say why a cell will or will not run: each rule with its values, the memory prediction line by line, each component\n" +
			"of its identity. The cell is one of the files', or of the last saved plan's.\n\n" + selectorHelp,
		Args: needCell,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			s, plans, err := a.planned(cmd.Context(), args[1:], "matrix explain "+args[0])
			if err != nil {
				return err
			}
			defer s.close()
			found, err := oneItem(plans, args[0])
			if err != nil {
				return err
			}
			hooks := experiments.Hooks{Check: check(a.engines()), Fit: s.fit(cmd.Context(), a.engines())}
			e := explanation{item: found.item, experiment: found.plan.Experiment,
				rules: s.config.Inspect(hooks, found.plan.Experiment, found.item.Cell.Address).Rules}
			e.identify()
			if a.json {
				a.emitExplanation(e)
				return nil
			}
			a.drawExplanation(e)
			return nil
		},
	}
	a.declareVars(cmd)
	return cmd
}

// explanation is what there is to say of a cell.
type explanation struct {
	experiment string
	item       *runner.Item
	rules      []experiments.Judged
	identity   experiments.Identity
	components []string // those of the identity that are known
}

// identify takes the item's identity. A cell that will not run has none; what it asks for can be told all the same.
func (e *explanation) identify() {
	c := e.item.Cell
	e.identity, e.components = e.item.Identity, experiments.Components()
	if e.identity.Components != (experiments.Parts{}) {
		return
	}
	e.components = nil
	whole := c.Load != nil && c.Generate != nil && c.Warmup != nil && c.Isolation != nil && c.Limits != nil && c.Capture != nil && c.Telemetry != nil
	if whole { // an excluded cell may lack what could not be evaluated for it
		e.identity, e.components = experiments.Identify(c, experiments.Facts{}), []string{"spec", "policy"}
		e.identity.Hash = ""
	}
}

func (a *app) emitExplanation(e explanation) {
	item, c := e.item, e.item.Cell
	f := map[string]any{"experiment": e.experiment, "cell": c.Address[:16], "address": c.Address, "slug": c.Slug, "name": c.Name(), "state": item.State,
		"reasons": orEmpty(item.Reasons), "detail": item.Detail, "launches": orEmpty(item.Launches), "done": item.Done, "changes": orEmpty(item.Changes),
		"rules": orEmpty(e.rules), "notes": orEmpty(slices.Concat(item.Notes, item.Data)), "identity": e.identity.Hash, "place": c.Place.String()}
	if item.Missing != nil {
		f["missing"] = item.Missing.Error()
	}
	if item.Estimate != nil {
		f["estimate_s"] = item.Estimate.Seconds()
	}
	f["against"] = orEmpty(skips(c))
	attributes := []experiments.Attribute{}
	for _, name := range e.components {
		attributes = append(attributes, c.Attributes(e.identity, name)...)
	}
	f["attributes"] = attributes
	fit := c.Predicted()
	f["fit"] = map[string]any{"weights_gib": fit.WeightsGiB, "kv_gib_per_sequence": fit.KVGiBPerSequence, "overhead_gib": fit.OverheadGiB,
		"need_gib": fit.NeedGiB, "budget_gib": fit.BudgetGiB, "max_sequences": fit.MaxSequences, "kv_tokens": fit.KVTokens,
		"lines": orEmpty(fit.Lines), "source": fit.Source}
	a.emit("explanation", f)
}

// against is one thing that keeps a cell from running.
type against struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	Place  string `json:"place"`
	at     experiments.Place
}

func skips(c *experiments.Cell) []against {
	if c.Skip == nil {
		return nil
	}
	var list []against
	for _, s := range append([]experiments.Skip{*c.Skip}, c.Skip.More...) {
		list = append(list, against{s.Kind, s.Reason, s.Place.String(), s.Place})
	}
	return list
}

func (a *app) drawExplanation(e explanation) {
	c := e.item.Cell
	fmt.Fprintln(a.stdout, strings.Join([]string{a.style.bold(c.Name()), e.experiment, c.Address[:16]}, a.style.dot()))
	if c.Platform.Simulated() {
		fmt.Fprintln(a.stdout, a.style.warn(simulatedBanner))
	}
	view := planView{out: a.stdout, style: a.style, width: a.width, results: a.results}
	a.drawVerdict(e.item, view)
	a.drawRules(e, view)
	a.drawFit(c)
	a.drawIdentity(e, view)
	fmt.Fprintf(a.stdout, "\nIts folder: %s\n", filepath.Join(a.results, e.experiment, c.Slug))
}

// drawVerdict says what apply would do and why.
func (a *app) drawVerdict(item *runner.Item, view planView) {
	fmt.Fprintf(a.stdout, "\n%s %s\n", a.style.mark(item.State), verdictText(item))
	for _, s := range skips(item.Cell) {
		fmt.Fprintf(a.stdout, "    %s\n", view.placed(s.Reason, s.at))
	}
	if item.Cell.Skip != nil {
		return
	}
	for _, line := range slices.Concat(view.explain(item), item.Data) {
		fmt.Fprintf(a.stdout, "    %s\n", line)
	}
}

// verdictText is the state in a sentence.
func verdictText(item *runner.Item) string {
	switch {
	case item.State == runner.Excluded:
		return "excluded: it will not run"
	case item.State == runner.Infeasible:
		return "infeasible: it will not run"
	case !item.Pending() && item.State == runner.FailedState:
		return "failed: a result, so it does not run again by itself"
	case !item.Pending():
		return fmt.Sprintf("%s: %s complete, nothing to do", item.State, count(item.Done, "launch"))
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
	if item.State == runner.Unavailable {
		text += "it would run, but this machine lacks something for it"
	} else {
		text += "it will run"
	}
	text += fmt.Sprintf(", launch %s of %d", strings.Join(numbers, ", "), item.Cell.Launches)
	if item.Resume != "" {
		text += ", going on with attempt " + item.Resume
	}
	if item.Estimate != nil {
		text += ", about " + roughly(*item.Estimate)
	}
	return text
}

// drawRules prints each rule of the experiment with its values and outcome.
func (a *app) drawRules(e explanation, view planView) {
	if len(e.rules) == 0 {
		return
	}
	fmt.Fprintf(a.stdout, "\n%s\n", a.style.bold("Rules"))
	for _, r := range e.rules {
		name := r.Kind
		if r.Name != "" {
			name += " " + r.Name
		}
		condition := r.Condition
		if condition == "" {
			condition = "always"
		}
		mark, word := a.outcome(r)
		fmt.Fprintf(a.stdout, "  %s\n", view.placed(fmt.Sprintf("%s %s %s", mark, name, word), r.Place))
		fmt.Fprintf(a.stdout, "      %s\n", condition)
		for _, text := range slices.Concat(r.Values, r.Sets) {
			fmt.Fprintf(a.stdout, "        %s\n", text)
		}
		if r.Text != "" {
			fmt.Fprintf(a.stdout, "      %s\n", a.style.warn(r.Text))
		}
	}
}

// outcome is the mark and the verb of a rule: the same truth is good for a constraint and bad for an exclude.
func (a *app) outcome(r experiments.Judged) (mark, verb string) {
	good, bad := a.style.mark(runner.Done), a.style.mark(runner.Infeasible)
	switch {
	case r.Outcome == experiments.OutcomeUnknown:
		return a.style.mark(runner.Unavailable), "cannot be told"
	case r.Kind == "constraint" && r.Outcome == experiments.OutcomeTrue:
		return good, "holds"
	case r.Kind == "constraint":
		return bad, "is false"
	case r.Outcome == experiments.OutcomeFalse:
		return a.style.mark(runner.Excluded), "does not apply"
	case r.Kind == "exclude":
		return bad, "applies"
	}
	return good, "applies"
}

// drawFit prints the memory prediction as the sum that it is.
func (a *app) drawFit(c *experiments.Cell) {
	fmt.Fprintf(a.stdout, "\n%s", a.style.bold("Memory"))
	f := c.Predicted()
	if len(f.Lines) == 0 {
		fmt.Fprintln(a.stdout, " is not predicted for this cell, so it keeps nothing from running.")
		return
	}
	if f.Source != "" {
		fmt.Fprintf(a.stdout, " (from %s)", f.Source)
	}
	fmt.Fprintln(a.stdout)
	for _, line := range f.Lines {
		fmt.Fprintf(a.stdout, "  %s\n", line)
	}
	if f.NeedGiB != nil && f.BudgetGiB != nil {
		verdict := "fits"
		if f.Infeasible() {
			verdict = a.style.warn("does not fit")
		}
		fmt.Fprintf(a.stdout, "  needs %.2f GiB of %.2f GiB: %s\n", *f.NeedGiB, *f.BudgetGiB, verdict)
	}
}

// drawIdentity prints each component with its values.
func (a *app) drawIdentity(e explanation, view planView) {
	if e.identity.Hash != "" {
		fmt.Fprintf(a.stdout, "\n%s %s\n", a.style.bold("Identity"), e.identity.Hash[:16])
	} else {
		fmt.Fprintf(a.stdout, "\n%s is not composed for a cell that will not run; what it asks for:\n", a.style.bold("Identity"))
	}
	means := map[string]string{"environment": "a note", "policy": "no part of the identity"}
	for _, name := range e.components {
		title := fmt.Sprintf("  %s  %s", name, a.style.dim(e.identity.Components.Get(name).Hash[:8]))
		if m := means[name]; m != "" {
			title += "  " + a.style.dim("("+m+")")
		}
		fmt.Fprintln(a.stdout, title)
		for _, attr := range e.item.Cell.Attributes(e.identity, name) {
			fmt.Fprintf(a.stdout, "    %s\n", view.placed(attr.Path+" = "+clip(attr.Value, max(40, a.width-len(attr.Path)-26)), attr.Place))
		}
	}
}
