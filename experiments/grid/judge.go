package grid

import (
	"fmt"
	"strconv"
	"strings"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/lang"
	"matrix/experiments/schema"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// fitKey is what a prediction depends on: the shared parts of a cell, by identity.
type fitKey struct {
	platform *cell.Platform
	model    *cell.Model
	dataset  *cell.Dataset
	hardware *cell.Hardware
	generate *cell.Generate
}

// fitAt is a prediction with what expressions and the memo need of it.
type fitAt struct {
	fit   *cell.Fit
	id    uint32    // from 1, in the order of asking; 0 is no prediction
	value cty.Value // cell.fit
}

// noFit is cell.fit before the prediction, or without one. It is never changed.
var noFit = fitObject(cell.Fit{})

// predict asks the engine for the cell's memory, once per combination of what it depends on.
func (x *Expansion) predict(c *cell.Cell) {
	if x.hooks.Fit == nil || c.Dataset == nil {
		return
	}
	k := fitKey{c.Platform, c.Model, c.Dataset, c.Hardware, c.Generate}
	at, ok := x.fits[k]
	if !ok {
		fit := x.hooks.Fit(c)
		at.fit, at.id, at.value = &fit, uint32(len(x.fits)+1), fitObject(fit)
		x.fits[k] = at
	}
	c.Fit, x.fitID, x.fitValue = at.fit, at.id, at.value
}

// fitObject is cell.fit: always an object, null where a number is unknown.
func fitObject(f cell.Fit) cty.Value {
	n := func(p *float64) cty.Value {
		if p == nil {
			return cty.NullVal(cty.Number)
		}
		return cty.NumberFloatVal(*p)
	}
	return cty.ObjectVal(map[string]cty.Value{"weights_gib": n(f.WeightsGiB), "kv_gib_per_sequence": n(f.KVGiBPerSequence),
		"overhead_gib": n(f.OverheadGiB), "need_gib": n(f.NeedGiB), "budget_gib": n(f.BudgetGiB), "max_sequences": n(f.MaxSequences)})
}

// exclude applies the excludes that do (not) need the prediction. The first that matches gives the reason; the others
// are evaluated too, to know which never match.
func (x *Expansion) exclude(predicted bool) (*cell.Skip, hcl.Diagnostics) {
	var skip *cell.Skip
	var diags hcl.Diagnostics
	for i, r := range x.p.excludes {
		if r.when.fit != predicted {
			continue
		}
		matches, more := x.applies(r.when, r.whenName)
		diags = append(diags, more...)
		if !matches {
			continue
		}
		x.excluded[i] = true
		if skip == nil {
			why, more := x.say(r, "excluded")
			diags = append(diags, more...)
			skip = &cell.Skip{Kind: cell.SkipExcluded, Reason: why, Place: lang.PlaceOf(r.at)}
		}
	}
	return skip, diags
}

// say evaluates a rule's reason or message, only now that it applies.
func (x *Expansion) say(r *rule, otherwise string) (string, hcl.Diagnostics) {
	if r.say == nil {
		return otherwise, nil
	}
	o := x.value(r.say)
	v, wrong := schema.Field{Name: r.sayName, Kind: schema.Text}.Check(o.value)
	if wrong != nil {
		return otherwise, append(o.diags, x.wrong(r.say, wrong))
	}
	if s, ok := hclvalue.Text(v); ok {
		return s, o.diags
	}
	return otherwise, o.diags
}

// judge says whether the cell can run: the model has a form for the backend, the engine has no problem with a
// setting, the memory suffices, and all constraints hold. The first reason is the skip's, the others its More.
func (x *Expansion) judge(c *cell.Cell) (*cell.Skip, hcl.Diagnostics) {
	var against []cell.Skip
	if s := modelMissing(c); s != nil {
		against = append(against, *s)
	}
	problems, diags := x.problems(c, len(against) > 0)
	against = append(against, problems...)
	if fit := c.Predicted(); fit.Infeasible() {
		against = append(against, cell.Skip{Kind: cell.SkipInfeasible, Reason: fitReason(fit), Place: fitPlace(c)})
	}
	// Every constraint is evaluated, though the first reason suffices to skip the cell: More lists the others.
	for _, r := range x.p.constraints {
		holds, more := x.holds(r)
		diags = append(diags, more...)
		if holds {
			continue
		}
		why, more := x.say(r, fmt.Sprintf("constraint %q is false", r.name))
		diags = append(diags, more...)
		if values := diagnostic.Values(r.when.expr, x.context(r.when)); len(values) > 0 {
			why += " (" + strings.Join(values, ", ") + ")"
		}
		against = append(against, cell.Skip{Kind: cell.SkipInfeasible, Reason: why, Place: lang.PlaceOf(r.whenRange)})
	}
	if len(against) == 0 {
		return nil, diags
	}
	first := against[0]
	first.More = against[1:]
	return &first, diags
}

// holds evaluates a constraint; one that cannot be evaluated holds nothing against the cell but its mistake.
func (x *Expansion) holds(r *rule) (bool, hcl.Diagnostics) {
	o := x.value(r.when)
	if !o.value.IsKnown() {
		return true, o.diags
	}
	ok, diags := x.applies(r.when, r.whenName)
	return ok || diags.HasErrors(), diags
}

// modelMissing reports a model that has no form for the platform's backend.
func modelMissing(c *cell.Cell) *cell.Skip {
	p := c.Platform.Kind().Loads
	if p == nil || c.Model.Parts[p.Name] != nil {
		return nil
	}
	return &cell.Skip{Kind: cell.SkipInfeasible, Reason: fmt.Sprintf("model %s has no %s = { … }", c.Model.ID, p.Name), Place: c.Model.Place}
}

// problems asks the engine what it cannot do. What the user wrote and no engine of this kind can honour is an error
// of the file; what follows from the combination makes the cell infeasible.
// A problem of the model is passed over where the model has no form for the backend at all (modelSaid): it would say the
// same in other words.
func (x *Expansion) problems(c *cell.Cell, modelSaid bool) ([]cell.Skip, hcl.Diagnostics) {
	if x.hooks.Check == nil || c.Dataset == nil {
		return nil, nil
	}
	var skips []cell.Skip
	var diags hcl.Diagnostics
	for _, p := range x.hooks.Check(c) {
		ofModel := strings.HasPrefix(p.Path, "model")
		if ofModel && modelSaid {
			continue
		}
		at, written := x.written(c, p.Path)
		switch {
		case p.Warning:
			d := diagnostic.Warning(at, p.Summary, p.Detail)
			if !written {
				d.Extra = diagnostic.Unwritten{}
			}
			diags = append(diags, d)
			continue
		case written && !ofModel:
			diags = append(diags, diagnostic.Error(at, p.Summary, p.Detail))
		}
		skips = append(skips, cell.Skip{Kind: cell.SkipInfeasible, Reason: p.Summary, Place: c.PlaceOf(p.Path)})
	}
	return skips, diags
}

// written finds the attribute that a problem is about; false when the file does not have it.
// An override's place counts where it is the one that set the attribute, which is told by the place that the merged platform
// keeps for it.
func (x *Expansion) written(c *cell.Cell, path string) (hcl.Range, bool) {
	if r, ok := x.p.ranges[path]; ok {
		return r, true
	}
	head, rest, _ := strings.Cut(path, ".")
	block := x.valueOf(x.p.platform).block
	if head == "model" {
		block = x.valueOf(x.p.model).block
	} else if head != "platform" {
		rest = path
	}
	for _, o := range x.p.overrides {
		if r, ok := o.ranges[rest]; ok && lang.PlaceOf(r) == c.Platform.Places[rest] {
			return r, true
		}
	}
	if r, ok := block.Ranges[rest]; ok {
		return r, true
	}
	return block.At, false
}

// fitReason is the sum that does not fit: "needs 24.4 GiB (weights 22.7, KV ≥ 0.9, overhead 0.8) > 15.57 GiB". The cache
// is what the need holds beside weights and overhead (the least that the engine starts with), so that the parts add up.
func fitReason(f cell.Fit) string {
	var kv *float64
	if f.WeightsGiB != nil && f.OverheadGiB != nil && f.KVGiBPerSequence != nil {
		rest := max(0, *f.NeedGiB-*f.WeightsGiB-*f.OverheadGiB)
		kv = &rest
	}
	var parts []string
	add := func(name string, n *float64) {
		if n != nil {
			parts = append(parts, fmt.Sprintf("%s %.1f", name, *n))
		}
	}
	add("weights", f.WeightsGiB)
	add("KV ≥", kv)
	add("overhead", f.OverheadGiB)
	sum := ""
	if len(parts) > 0 {
		sum = " (" + strings.Join(parts, ", ") + ")"
	}
	return fmt.Sprintf("needs %.1f GiB%s > %s GiB", *f.NeedGiB, sum, shortGiB(*f.BudgetGiB))
}

// shortGiB writes two decimals at most: 16, 15.57.
func shortGiB(g float64) string {
	s := strconv.FormatFloat(g, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// fitPlace is where the budget was declared, else the model, whose size is the other half of the sum.
func fitPlace(c *cell.Cell) cell.Place {
	if c.Hardware != nil {
		return c.Hardware.Place
	}
	return c.Model.Place
}
