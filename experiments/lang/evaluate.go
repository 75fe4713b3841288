package lang

import (
	"regexp"
	"slices"
	"strings"

	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/schema"
	"matrix/experiments/wording"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// evaluate is an expression's value, cty.DynamicVal after a mistake.
func evaluate(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if d := Refused(expr, ctx); d != nil {
		return cty.DynamicVal, hcl.Diagnostics{d}
	}
	v, diags := Finite(expr, ctx)
	if diags.HasErrors() {
		return cty.DynamicVal, Improve(diags, expr, ctx)
	}
	return v, diags
}

// Refused is what is wrong with an expression before it is evaluated; nil = nothing.
func Refused(expr hcl.Expression, ctx *hcl.EvalContext) *hcl.Diagnostic {
	if d := comparesObject(expr, ctx); d != nil {
		return d
	}
	return tooMuch(expr, ctx)
}

// Finite evaluates an expression. Text becomes a number in HCL ("inf"), and 1 / 0 is infinite, but nothing that is asked of
// an engine or kept beside a result can be.
func Finite(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := expr.Value(ctx)
	if !diags.HasErrors() && hclvalue.Infinite(v) {
		d := diagnostic.Error(expr.Range(), "Not a finite number", schema.NotFinite)
		d.Expression, d.EvalContext = expr, ctx
		return v, append(diags, d)
	}
	return v, diags
}

// quotedName finds the name in the library's own messages, which give it in no other form. A message that a newer
// version words otherwise loses its suggestion, no more.
var quotedName = regexp.MustCompile(`(?:attribute named|function named) "([^"]+)"`)

// panicked is what the library says of a function that panicked, with its stack: log(-1, 10).
var panicked = regexp.MustCompile(`(?s)panic in function implementation: .*`)

// Improve adds suggestions to the library's messages about an expression.
// It changes the diagnostics that it is given, and returns them.
func Improve(diags hcl.Diagnostics, expr hcl.Expression, ctx *hcl.EvalContext) hcl.Diagnostics {
	for _, d := range diags {
		d.Detail = panicked.ReplaceAllString(d.Detail, "it has no value for these arguments.")
		if d.Expression == nil {
			d.Expression, d.EvalContext = expr, ctx
		}
		found := quotedName.FindStringSubmatch(d.Detail)
		if found == nil {
			continue
		}
		var candidates []string
		switch d.Summary {
		case "Unsupported attribute":
			d.Summary = "Unknown attribute"
			candidates = attributesBefore(found[1], expr, ctx)
		case "Call to unknown function":
			d.Summary = "Unknown function"
			candidates = functionNames(ctx)
		}
		if !strings.Contains(d.Detail, "Did you mean") {
			d.Detail += wording.DidYouMean(found[1], candidates)
		}
		if d.Summary == "Unknown function" && !strings.Contains(d.Detail, "Did you mean") {
			slices.Sort(candidates)
			d.Detail += " There are: " + strings.Join(slices.Compact(candidates), ", ") + "."
		}
	}
	return diags
}

// attributesBefore lists what the object has on which the attribute was not found.
// nil where the object cannot be told, as inside a for: then there is no suggestion.
func attributesBefore(name string, expr hcl.Expression, ctx *hcl.EvalContext) []string {
	for _, traversal := range expr.Variables() {
		for i := 1; i < len(traversal); i++ {
			step, ok := traversal[i].(hcl.TraverseAttr)
			if !ok || step.Name != name {
				continue
			}
			v, diags := traversal[:i].TraverseAbs(ctx)
			if diags.HasErrors() || v.IsNull() || !v.Type().IsObjectType() {
				continue
			}
			var names []string
			for n := range v.Type().AttributeTypes() {
				names = append(names, n)
			}
			return names
		}
	}
	return nil
}

// comparesObject finds a comparison of an object with a string or a number: in HCL that is silently false.
func comparesObject(expr hcl.Expression, ctx *hcl.EvalContext) *hcl.Diagnostic {
	node, ok := expr.(hclsyntax.Node)
	if !ok {
		return nil // JSON syntax keeps its expressions to itself
	}
	var found *hcl.Diagnostic
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		op, ok := n.(*hclsyntax.BinaryOpExpr)
		if !ok || found != nil || op.Op != hclsyntax.OpEqual && op.Op != hclsyntax.OpNotEqual {
			return nil
		}
		found = unlike(op, op.LHS, op.RHS, ctx)
		if found == nil {
			found = unlike(op, op.RHS, op.LHS, ctx)
		}
		return nil
	})
	return found
}

// unlike is the mistake of an object on the left and text or a number on the right; nil where it is none.
func unlike(op *hclsyntax.BinaryOpExpr, left, right hclsyntax.Expression, ctx *hcl.EvalContext) *hcl.Diagnostic {
	l, lDiags := left.Value(ctx)
	r, rDiags := right.Value(ctx)
	// A side that cannot be evaluated by itself (a for's own variable) is left to the evaluation of the whole.
	if lDiags.HasErrors() || rDiags.HasErrors() || l.IsNull() || r.IsNull() || !l.Type().IsObjectType() || !r.Type().IsPrimitiveType() {
		return nil
	}
	hint := "Compare one of its attributes."
	if l.Type().HasAttribute("id") {
		hint = "Did you mean `.id`?"
		if name, ok := hclvalue.Text(r); ok && l.Type().HasAttribute("backend") && wording.Suggest(name, schema.BackendNames()) == "" {
			hint = "Did you mean `.id`, or `.backend`?"
		} else if ok && l.Type().HasAttribute("backend") {
			hint = "Did you mean `.backend` (which engine), or `.id` (the block's label)?"
		}
	}
	d := diagnostic.Error(op.Range(), "Object compared with a "+r.Type().FriendlyName(),
		"An object never equals a "+r.Type().FriendlyName()+", so this would always be the same. "+hint)
	d.Expression, d.EvalContext = op, ctx
	return d
}
