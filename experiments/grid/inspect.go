package grid

import (
	"maps"
	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/lang"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Inspection is one cell with everything that decided about it.
type Inspection struct {
	Cell  *cell.Cell // complete, its Skip included
	Rules []Judged   // excludes, overrides, constraints, as they stand in the source within each kind

	config *Config    // for the source, and the scope
	x      *Expansion // stands at the cell
}

// Judged is one rule of an experiment as it turned out for a cell.
type Judged struct {
	Kind      string     `json:"kind"`           // exclude, override, constraint
	Name      string     `json:"name,omitempty"` // of a constraint
	Condition string     `json:"condition"`      // as written; "" = always
	Outcome   string     `json:"outcome"`        // true, false, unknown (it cannot be evaluated)
	Values    []string   `json:"values"`         // what the condition refers to: "cell.batch_size = 10"
	Text      string     `json:"text,omitempty"` // the reason or message, where it applies; the mistake, where unknown
	Sets      []string   `json:"sets,omitempty"` // what an override that applies declares: "args.max_num_seqs = 256"
	Place     cell.Place `json:"place"`
}

// Outcomes of a rule.
const (
	OutcomeTrue    = "true"
	OutcomeFalse   = "false"
	OutcomeUnknown = "unknown"
)

// Inspect evaluates one cell and each of its rules, even those that no longer matter; nil when the experiment has no
// cell of that address.
func (c *Config) Inspect(h Hooks, experiment, address string) *Inspection {
	for _, e := range c.Experiments {
		if e.Name != experiment {
			continue
		}
		x := e.Expand(h)
		cell := x.find(address)
		if cell == nil {
			continue
		}
		i := &Inspection{Cell: cell, config: c, x: x}
		i.judge()
		return i
	}
	return nil
}

// find builds the cell of an address and makes it the current one. No other cell is built.
// Addresses are hashes, so combinations are gone through until one has it.
func (x *Expansion) find(address string) *cell.Cell {
	for place := range x.combinations() {
		if found, _ := x.address.Of(x.axes()); found == address {
			return x.cell(place)
		}
	}
	return nil
}

// judge evaluates every rule, those behind the first that applies as well: who asks why a cell is out wants to see them all.
func (i *Inspection) judge() {
	p := i.x.p
	for _, r := range p.excludes {
		i.Rules = append(i.Rules, i.rule("exclude", r, OutcomeTrue))
	}
	for _, o := range p.overrides {
		i.Rules = append(i.Rules, i.override(o))
	}
	for _, r := range p.constraints {
		i.Rules = append(i.Rules, i.rule("constraint", r, OutcomeFalse))
	}
}

// rule judges an exclude or a constraint; it speaks when the outcome is the one that counts against the cell.
func (i *Inspection) rule(kind string, r *rule, against string) Judged {
	j := Judged{Kind: kind, Name: r.name, Place: lang.PlaceOf(r.whenRange)}
	i.condition(&j, r.when, r.whenName)
	if j.Outcome == against {
		j.Text, _ = i.x.say(r, "")
	}
	return j
}

// override judges an override, and lists what it sets where it applies.
func (i *Inspection) override(o *override) Judged {
	j := Judged{Kind: "override", Outcome: OutcomeTrue, Place: lang.PlaceOf(o.at)}
	if o.when != nil {
		i.condition(&j, o.when, "when")
	}
	if j.Outcome != OutcomeTrue {
		return j
	}
	for _, name := range slices.Sorted(maps.Keys(o.parts)) {
		if v := i.x.value(o.parts[name]).value; hclvalue.Present(v) {
			values := cell.Flatten(cell.Canonical(hclvalue.Go(v)))
			for _, path := range slices.Sorted(maps.Keys(values)) {
				j.Sets = append(j.Sets, name+"."+path+" = "+values[path])
			}
		}
	}
	return j
}

// condition evaluates a rule's condition for the cell.
// A condition with an unknown value is neither true nor false: an expansion takes it as against an exclude, and for a
// constraint.
func (i *Inspection) condition(j *Judged, e *cellExpr, name string) {
	j.Condition = i.text(e.expr.Range())
	j.Values = diagnostic.Values(e.expr, i.x.context(e))
	o := i.x.value(e)
	if !o.value.IsKnown() {
		j.Outcome, j.Text = OutcomeUnknown, summaries(o.diags)
		return
	}
	ok, diags := i.x.applies(e, name)
	switch {
	case diags.HasErrors():
		j.Outcome, j.Text = OutcomeUnknown, summaries(diags)
	case ok:
		j.Outcome = OutcomeTrue
	default:
		j.Outcome = OutcomeFalse
	}
}

// text is a piece of the source on one line.
func (i *Inspection) text(r hcl.Range) string {
	src := i.config.Files[r.Filename]
	if !r.CanSliceBytes(src) {
		return ""
	}
	return strings.Join(strings.Fields(string(r.SliceBytes(src))), " ")
}

// summaries are mistakes on one line.
func summaries(diags hcl.Diagnostics) string {
	var list []string
	for _, d := range diags {
		list = append(list, strings.TrimSuffix(d.Summary+": "+d.Detail, ": "))
	}
	return strings.Join(list, "; ")
}

// Scope is the scope of the cell: everything, and cell.<axis> and cell.fit.
func (i *Inspection) Scope() *lang.Scope {
	x := i.x
	members := map[string]cty.Value{fitName: x.fitValue}
	for n, a := range x.p.axes {
		members[a.name] = a.values[x.idx[n]].value
	}
	members["platform"] = x.platformNow().value
	return i.config.Scope().WithCell(members)
}
