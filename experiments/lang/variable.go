package lang

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/schema"
	"matrix/experiments/syntax"
	"matrix/experiments/wording"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variableSchema is that of a variable's block, validations included.
var variableSchema = schema.Body(schema.VariableBlock.Fields, schema.Header("validation"))

// They are expressions over all values, and are looked at when everything has one.
var validationSchema = schema.Body([]schema.Field{{Name: "condition"}, {Name: "error_message"}})

// declareVariable registers a variable. What sets it from outside is read when all are known.
func (l *loader) declareVariable(b *hcl.Block, file *source) {
	content := l.content(b, variableSchema, fmt.Sprintf("in variable %q", b.Labels[0]))
	v := &variable{ty: cty.DynamicPseudoType, fallback: content.Attributes["default"]}
	if a := content.Attributes["type"]; a != nil {
		ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expr)
		l.diags = append(l.diags, diags...)
		if !diags.HasErrors() {
			v.ty, v.defaults, v.typed = ty, defaults, true
		}
	}
	v.node = &node{kind: "var", name: b.Labels[0], file: file, at: b.LabelRanges[0],
		eval: func(ctx *hcl.EvalContext) cty.Value { return variableReader{l, v, ctx}.read() }}
	if a := v.fallback; a != nil {
		v.node.exprs = []hcl.Expression{a.Expr}
	}
	if a := content.Attributes["description"]; a != nil {
		decoder{loader: l, ctx: &hcl.EvalContext{}, ranges: map[string]hcl.Range{}}.attribute(schema.Field{Name: "description", Kind: schema.Text}, a.Expr, "description")
	}
	for _, vb := range content.Blocks {
		checks := l.content(vb, validationSchema, "in a validation").Attributes
		if checks["condition"] == nil {
			l.diags = l.diags.Append(MissingAttribute(vb.Body.MissingItemRange(), schema.Field{Name: "condition"}, "A validation"))
			continue
		}
		v.checks = append(v.checks, validation{checks["condition"], checks["error_message"]})
	}
	if l.register(v.node) {
		l.variables = append(l.variables, v)
	}
}

// variableReader finds out what one variable is.
type variableReader struct {
	*loader
	v   *variable
	ctx *hcl.EvalContext
}

// read gives what was set last, else the default.
func (r variableReader) read() cty.Value {
	v := r.v
	if len(v.settings) > 0 {
		s := v.settings[len(v.settings)-1]
		value, ok := r.setting(s)
		if !ok {
			return cty.DynamicVal
		}
		r.set[v.node.name] = hclvalue.Go(value)
		return value
	}
	if v.fallback == nil {
		name := v.node.name
		r.diags = r.diags.Append(diagnostic.Error(v.node.at, "No value for variable "+name,
			fmt.Sprintf("It has no default. Set it with --var %s=…, in a --var-file, or by MATRIX_VAR_%s.", name, name)))
		return cty.DynamicVal
	}
	value := r.value(v.fallback.Expr, r.ctx)
	converted, err := v.convert(value)
	if err != nil {
		r.diags = r.diags.Append(diagnostic.Error(v.fallback.Expr.Range(), "Default does not fit its type",
			fmt.Sprintf("var.%s is declared as %s: %s.", v.node.name, typeexpr.TypeString(v.ty), err)))
		return cty.DynamicVal
	}
	return converted
}

// convert fits a value to the declared type, optional attributes filled in; without a type any value will do.
func (v *variable) convert(value cty.Value) (cty.Value, error) {
	if !v.typed {
		return value, nil
	}
	if v.defaults != nil && hclvalue.Present(value) {
		value = v.defaults.Apply(value)
	}
	return convert.Convert(value, v.ty)
}

// setting reads a value given from outside: text as it is for a string, else as an HCL expression.
// false after a mistake, which is reported at the setting's place, or at the variable's where it has none.
func (r variableReader) setting(s setting) (cty.Value, bool) {
	v, value, want := r.v, s.value, r.v.ty
	if value == cty.NilVal {
		var plain, ok bool
		if want, plain = r.wanted(); plain {
			value = cty.StringVal(s.text)
		} else if value, ok = r.parse(s); !ok {
			return cty.DynamicVal, false
		}
	}
	converted, err := v.convert(value)
	if err == nil && !v.typed {
		converted, err = convert.Convert(value, want)
	}
	if err == nil && hclvalue.Infinite(converted) {
		err = errors.New("it is not finite")
	}
	if err != nil {
		d := diagnostic.Unplaced("Value does not fit variable "+v.node.name, fmt.Sprintf("%s gives var.%s a value that is not %s: %s.",
			s.from, v.node.name, typeexpr.TypeString(want), err))
		d.Subject = cmp.Or(s.at, &v.node.at)
		r.diags = r.diags.Append(d)
		return cty.DynamicVal, false
	}
	return converted, true
}

// wanted is what text from outside is read as, and whether it is the value itself: so it is for primitive types. Without a declared type
// the default's is the pattern, but only for text: a value out of a file of variables has a type of its own.
func (r variableReader) wanted() (ty cty.Type, plain bool) {
	v := r.v
	if v.typed || v.fallback == nil {
		return v.ty, !v.typed || v.ty.IsPrimitiveType()
	}
	d, diags := v.fallback.Expr.Value(r.ctx)
	switch {
	case diags.HasErrors() || !hclvalue.Present(d):
		return v.ty, true
	case d.Type().IsPrimitiveType():
		return d.Type(), true
	}
	return v.ty, false
}

// parse reads text as an HCL expression that refers to nothing. Its mistakes are shown under the name of what set it.
func (r variableReader) parse(s setting) (cty.Value, bool) {
	v := r.v
	name := s.from + " " + v.node.name
	src := []byte(s.text)
	r.files[name] = src
	expr, diags := syntax.Expression(src, name)
	if !diags.HasErrors() {
		var more hcl.Diagnostics
		var value cty.Value
		value, more = expr.Value(&hcl.EvalContext{})
		if diags = append(diags, more...); !diags.HasErrors() {
			return value, true
		}
	}
	for _, d := range diags {
		d.Detail += fmt.Sprintf(" (%s is %s: write it as in HCL, for instance '[1, 2]'; mind your shell's quotes.)", v.node.name, typeexpr.TypeString(v.ty))
	}
	r.diags = append(r.diags, diags...)
	return cty.DynamicVal, false
}

// validate checks each variable's conditions, once everything has a value.
func (l *loader) validate() {
	for _, v := range l.variables {
		for _, c := range v.checks {
			variableReader{l, v, l.root(v.node.file)}.hold(c)
		}
	}
}

// hold checks one condition; one that could not be evaluated was said to be wrong.
func (r variableReader) hold(c validation) {
	v, ctx := r.v, r.ctx
	if !r.sound(c.condition.Expr) {
		return
	}
	ok, wrong := schema.Field{Name: "condition", Kind: schema.Flag}.Check(r.value(c.condition.Expr, ctx))
	if wrong != nil {
		r.diags = r.diags.Append(diagnostic.Error(c.condition.Expr.Range(), wrong.Summary, wrong.Detail))
		return
	}
	if !hclvalue.Present(ok) || ok.True() {
		return
	}
	detail := "The condition is false."
	if c.message != nil && r.sound(c.message.Expr) {
		if message, ok := hclvalue.Text(r.value(c.message.Expr, ctx)); ok {
			detail = message
		}
	}
	if n := len(v.settings); n > 0 {
		detail += " (set by " + v.settings[n-1].from + ")"
	}
	d := diagnostic.Error(c.condition.Expr.Range(), "Invalid value for variable "+v.node.name, detail)
	d.Expression, d.EvalContext = c.condition.Expr, ctx
	r.diags = r.diags.Append(d)
}

// variables are the declared ones, in the order of the sources.
type variables []*variable

// names are for suggestions.
func (all variables) names() []string {
	var names []string
	for _, v := range all {
		names = append(names, v.node.name)
	}
	slices.Sort(names)
	return names
}

// named is the variable of a name, nil where none is declared.
func (all variables) named(name string) *variable {
	i := slices.IndexFunc(all, func(v *variable) bool { return v.node.name == name })
	if i < 0 {
		return nil
	}
	return all[i]
}

// undeclared says that nobody declared what was set, with the nearest name.
func (all variables) undeclared(from, name string) string {
	return strings.TrimSpace(fmt.Sprintf("%s sets %q, but no variable of that name is declared.%s", from, name, wording.DidYouMean(name, all.names())))
}
