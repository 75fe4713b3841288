package lang

import (
	"fmt"
	"strings"

	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/schema"
	"matrix/experiments/wording"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// decoder turns attributes into checked values, keeping where each stands.
type decoder struct {
	*loader
	ctx    *hcl.EvalContext
	dir    string               // absolute, what relative paths start from
	ranges map[string]hcl.Range // attribute path → its place
	meant  map[string]bool      // attributes that are there, misspelt
}

// block evaluates a block's attributes. The result has every field: absent ones are null or {}.
// A required one that is missing is unknown, so that what refers to it stays silent.
func (d decoder) block(attrs hcl.Attributes, fields []schema.Field, missing hcl.Range, where string) map[string]cty.Value {
	values := map[string]cty.Value{}
	for _, f := range fields {
		values[f.Name] = f.Absent()
		if f.Kind == schema.Object {
			values[f.Name] = cty.NullVal(fullObject(f.Fields).Type())
		}
		if f.Required && attrs[f.Name] == nil {
			values[f.Name] = cty.DynamicVal
		}
		if f.Required && attrs[f.Name] == nil && !d.meant[f.Name] {
			d.loader.diags = d.loader.diags.Append(MissingAttribute(missing, f, where))
		}
	}
	for _, a := range InOrder(attrs) {
		if f := schema.Named(fields, a.Name); f != nil {
			d.ranges[a.Name] = a.Range
			values[a.Name] = d.attribute(*f, a.Expr, a.Name)
		}
	}
	return values
}

// MissingAttribute says that a block lacks one that it needs.
func MissingAttribute(at hcl.Range, f schema.Field, where string) *hcl.Diagnostic {
	detail := fmt.Sprintf("%s needs %s.", where, f.Name)
	if len(f.OneOf) > 0 {
		detail += fmt.Sprintf(" It is %s.", wording.Listed(f.OneOf))
	}
	return diagnostic.Error(at, "Missing attribute "+f.Name, detail)
}

// attribute evaluates one attribute and checks it against its field.
func (d decoder) attribute(f schema.Field, expr hcl.Expression, prefix string) cty.Value {
	items := d.items(expr, prefix)
	v, wrong := f.Check(d.value(expr, d.ctx))
	if wrong != nil {
		d.report(expr.Range(), expr, wrong)
		return cty.DynamicVal // unknown: what refers to it stays silent
	}
	switch f.Kind {
	case schema.Object:
		return d.object(f, v, expr, items)
	case schema.Length:
		if _, wrong := schema.LengthOf(v); wrong != nil {
			d.report(expr.Range(), expr, wrong)
		}
	}
	return d.located(f, v)
}

// located makes paths absolute, from the folder of the file that names them.
func (d decoder) located(f schema.Field, v cty.Value) cty.Value {
	if name, ok := hclvalue.Text(v); ok {
		return cty.StringVal(schema.Resolve(f.Kind, d.dir, name))
	}
	return v
}

// object checks the members of an object with known attributes.
func (d decoder) object(f schema.Field, v cty.Value, expr hcl.Expression, items map[string]hcl.Range) cty.Value {
	if v.IsNull() {
		return cty.NullVal(fullObject(f.Fields).Type())
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
	members := fullObject(f.Fields).AsValueMap()
	for k, e := range v.Elements() {
		name := k.AsString()
		member := schema.Named(f.Fields, name)
		if member == nil {
			d.report(place(name), nil, &schema.Fault{Summary: "Unknown attribute", Detail: fmt.Sprintf("There is no %q in %s; it takes %s.%s",
				name, f.Name, strings.Join(schema.Names(f.Fields), ", "), wording.DidYouMean(name, schema.Names(f.Fields)))})
			continue
		}
		checked, wrong := member.Check(e)
		if wrong == nil && member.Kind == schema.Length {
			_, wrong = schema.LengthOf(checked)
		}
		if wrong != nil {
			d.report(place(name), nil, wrong)
			members[name] = cty.DynamicVal
			continue
		}
		members[name] = d.located(*member, checked)
	}
	given := v.AsValueMap()
	for _, member := range f.Fields {
		if _, there := given[member.Name]; member.Required && !there {
			d.loader.diags = d.loader.diags.Append(MissingAttribute(expr.Range(), member, f.Name))
		}
	}
	return cty.ObjectVal(members)
}

// fullObject has all fields, absent.
func fullObject(fields []schema.Field) cty.Value {
	members := map[string]cty.Value{}
	for _, f := range fields {
		members[f.Name] = f.Absent()
	}
	return cty.ObjectVal(members)
}

// items records the places of an object's members, "args.max_num_seqs", where it is written out.
// An object that an expression makes (merge, a for) has no places; its faults stand at the whole expression.
func (d decoder) items(expr hcl.Expression, prefix string) map[string]hcl.Range {
	pairs, diags := hcl.ExprMap(expr)
	if diags.HasErrors() {
		return nil
	}
	items := map[string]hcl.Range{}
	for _, p := range pairs {
		key, diags := p.Key.Value(nil)
		if name, ok := hclvalue.Text(key); ok && !diags.HasErrors() {
			items[name] = hcl.RangeBetween(p.Key.Range(), p.Value.Range())
			d.ranges[prefix+"."+name] = items[name]
		}
	}
	return items
}

// report says a fault with the values that its expression saw, unless one of them may be a secret.
func (d decoder) report(at hcl.Range, expr hcl.Expression, wrong *schema.Fault) {
	diag := diagnostic.Error(at, wrong.Summary, wrong.Detail)
	if wrong.Secret {
		diagnostic.Withhold(diag)
	} else if expr != nil {
		diag.Expression, diag.EvalContext = expr, d.ctx
	}
	d.loader.diags = d.loader.diags.Append(diag)
}
