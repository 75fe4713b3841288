package experiments

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// decoder turns attributes into checked values, keeping where each stands.
type decoder struct {
	*loader
	ctx    *hcl.EvalContext
	dir    string
	ranges map[string]hcl.Range // attribute path → its place
	meant  map[string]bool      // attributes that are there, misspelt
}

// block evaluates a block's attributes. The result has every field: absent ones are null or {}.
func (d decoder) block(attrs hcl.Attributes, fields []field, missing hcl.Range, where string) map[string]cty.Value {
	values := map[string]cty.Value{}
	for _, f := range fields {
		values[f.name] = f.absent()
		if f.kind == object {
			values[f.name] = cty.NullVal(fullObject(f.fields).Type())
		}
		if f.required && attrs[f.name] == nil {
			values[f.name] = cty.DynamicVal
		}
		if f.required && attrs[f.name] == nil && !d.meant[f.name] {
			d.loader.diags = d.loader.diags.Append(missingAttribute(missing, f, where))
		}
	}
	for _, a := range inOrder(attrs) {
		if f := fieldNamed(fields, a.Name); f != nil {
			d.ranges[a.Name] = a.Range
			values[a.Name] = d.attribute(*f, a.Expr, a.Name)
		}
	}
	return values
}

func missingAttribute(at hcl.Range, f field, where string) *hcl.Diagnostic {
	detail := fmt.Sprintf("%s needs %s.", where, f.name)
	if len(f.oneOf) > 0 {
		detail += fmt.Sprintf(" It is %s.", listed(f.oneOf))
	}
	return mistake(at, "Missing attribute "+f.name, detail)
}

// attribute evaluates one attribute and checks it against its field.
func (d decoder) attribute(f field, expr hcl.Expression, prefix string) cty.Value {
	items := d.items(expr, prefix)
	v, wrong := f.check(d.value(expr, d.ctx))
	if wrong != nil {
		d.report(expr.Range(), expr, wrong)
		return cty.DynamicVal // unknown: what refers to it stays silent
	}
	switch f.kind {
	case object:
		return d.object(f, v, expr, items)
	case length:
		if _, wrong := lengthOf(v); wrong != nil {
			d.report(expr.Range(), expr, wrong)
		}
	}
	return d.located(f, v)
}

// located makes paths absolute, from the folder of the file that names them.
func (d decoder) located(f field, v cty.Value) cty.Value {
	if name, ok := textOf(v); ok {
		return cty.StringVal(resolve(f.kind, d.dir, name))
	}
	return v
}

// object checks the members of an object with known attributes.
func (d decoder) object(f field, v cty.Value, expr hcl.Expression, items map[string]hcl.Range) cty.Value {
	if v.IsNull() {
		return cty.NullVal(fullObject(f.fields).Type())
	}
	if !v.IsKnown() {
		return v
	}
	place := func(name string) hcl.Range {
		if r, ok := items[name]; ok {
			return r
		}
		return expr.Range()
	}
	members := fullObject(f.fields).AsValueMap()
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		name := k.AsString()
		member := fieldNamed(f.fields, name)
		if member == nil {
			d.report(place(name), nil, &fault{summary: "Unknown attribute", detail: fmt.Sprintf("There is no %q in %s; it takes %s.%s",
				name, f.name, strings.Join(fieldNames(f.fields), ", "), didYouMean(name, fieldNames(f.fields)))})
			continue
		}
		checked, wrong := member.check(e)
		if wrong == nil && member.kind == length {
			_, wrong = lengthOf(checked)
		}
		if wrong != nil {
			d.report(place(name), nil, wrong)
			members[name] = cty.DynamicVal
			continue
		}
		members[name] = d.located(*member, checked)
	}
	for _, member := range f.fields {
		if member.required && members[member.name].IsNull() && members[member.name].IsKnown() && !hasElement(v, member.name) {
			d.loader.diags = d.loader.diags.Append(missingAttribute(expr.Range(), member, f.name))
		}
	}
	return cty.ObjectVal(members)
}

func hasElement(v cty.Value, name string) bool {
	for it := v.ElementIterator(); it.Next(); {
		if k, _ := it.Element(); k.AsString() == name {
			return true
		}
	}
	return false
}

// fullObject has all fields, absent.
func fullObject(fields []field) cty.Value {
	members := map[string]cty.Value{}
	for _, f := range fields {
		members[f.name] = f.absent()
	}
	return cty.ObjectVal(members)
}

// items records the places of an object's members, "args.max_num_seqs", where it is written out.
func (d decoder) items(expr hcl.Expression, prefix string) map[string]hcl.Range {
	pairs, diags := hcl.ExprMap(expr)
	if diags.HasErrors() {
		return nil
	}
	items := map[string]hcl.Range{}
	for _, p := range pairs {
		key, diags := p.Key.Value(nil)
		if name, ok := textOf(key); ok && !diags.HasErrors() {
			items[name] = hcl.RangeBetween(p.Key.Range(), p.Value.Range())
			d.ranges[prefix+"."+name] = items[name]
		}
	}
	return items
}

func (d decoder) report(at hcl.Range, expr hcl.Expression, wrong *fault) {
	diag := mistake(at, wrong.summary, wrong.detail)
	if wrong.secret {
		withhold(diag)
	} else if expr != nil {
		diag.Expression, diag.EvalContext = expr, d.ctx
	}
	d.loader.diags = d.loader.diags.Append(diag)
}
