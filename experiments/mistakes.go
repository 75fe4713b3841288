package experiments

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// mistake is an error in a file, with its place.
func mistake(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}

// unplaced is an error that stands in no file.
func unplaced(summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail}
}

func warning(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	d := mistake(at, summary, detail)
	d.Severity = hcl.DiagWarning
	return d
}

// explain puts the library's messages about a body's contents into our words, with our suggestions.
func (s *sources) explain(diags hcl.Diagnostics, schema *hcl.BodySchema, where string) hcl.Diagnostics {
	for _, d := range diags {
		if d.Subject == nil {
			continue
		}
		name := strings.Trim(string(d.Subject.SliceBytes(s.files[d.Subject.Filename])), `"`)
		switch d.Summary {
		case "Unsupported argument", "Extraneous JSON object property":
			d.Summary = "Unknown attribute"
			d.Detail = fmt.Sprintf("There is no %q %s.%s", name, where, insteadOfAttribute(name, schema))
			attributes, _ := schemaNames(schema)
			if s.meant != nil {
				s.meant[suggest(name, attributes)] = true
			}
		case "Unsupported block type":
			d.Summary = "Unknown block"
			d.Detail = fmt.Sprintf("There is no block %q %s.%s", name, where, insteadOfBlock(name, schema))
		}
		if kind, extra := strings.CutPrefix(d.Summary, "Extraneous label for "); extra {
			d.Summary = "Extra label"
			d.Detail = fmt.Sprintf("A %s block has %s.", kind, labelsOf(kind, schema))
		}
		if kind, missing := strings.CutPrefix(d.Summary, "Missing name for "); missing {
			d.Summary = "Missing label"
			d.Detail = fmt.Sprintf("A block of this kind needs a name: %s \"name\" { … }.", kind)
		}
	}
	return diags
}

func labelsOf(kind string, schema *hcl.BodySchema) string {
	for _, b := range schema.Blocks {
		if b.Type == kind && len(b.LabelNames) > 0 {
			return "one label, its name"
		}
	}
	return "no label"
}

func insteadOfAttribute(name string, schema *hcl.BodySchema) string {
	attributes, blocks := schemaNames(schema)
	for _, b := range blocks {
		if b == name {
			return fmt.Sprintf(" It is a block: write %s { … } without the equals sign.", name)
		}
	}
	if s := didYouMean(name, append(attributes, blocks...)); s != "" {
		return s
	}
	return takes(attributes, blocks)
}

func insteadOfBlock(name string, schema *hcl.BodySchema) string {
	attributes, blocks := schemaNames(schema)
	for _, a := range attributes {
		if a == name {
			return fmt.Sprintf(" It is an attribute: write %s = … with an equals sign.", name)
		}
	}
	if s := didYouMean(name, append(blocks, attributes...)); s != "" {
		return s
	}
	return takes(attributes, blocks)
}

func takes(attributes, blocks []string) string {
	switch {
	case len(attributes) > 0 && len(blocks) > 0:
		return fmt.Sprintf(" There may stand: %s; and the blocks %s.", strings.Join(attributes, ", "), strings.Join(blocks, ", "))
	case len(blocks) > 0:
		return fmt.Sprintf(" There may stand the blocks %s.", strings.Join(blocks, ", "))
	}
	return fmt.Sprintf(" There may stand: %s.", strings.Join(attributes, ", "))
}

func schemaNames(schema *hcl.BodySchema) (attributes, blocks []string) {
	for _, a := range schema.Attributes {
		attributes = append(attributes, a.Name)
	}
	for _, b := range schema.Blocks {
		blocks = append(blocks, b.Type)
	}
	return attributes, blocks
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

var quotedName = regexp.MustCompile(`(?:attribute named|function named) "([^"]+)"`)

// improve adds suggestions to the library's messages about an expression.
func improve(diags hcl.Diagnostics, expr hcl.Expression, ctx *hcl.EvalContext) hcl.Diagnostics {
	for _, d := range diags {
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
			d.Detail += didYouMean(found[1], candidates)
		}
		if d.Summary == "Unknown function" && !strings.Contains(d.Detail, "Did you mean") {
			slices.Sort(candidates)
			d.Detail += " There are: " + strings.Join(slices.Compact(candidates), ", ") + "."
		}
	}
	return diags
}

// attributesBefore lists what the object has on which the attribute was not found.
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
		if name, ok := textOf(r); ok && l.Type().HasAttribute("backend") && suggest(name, backendNames()) == "" {
			hint = "Did you mean `.id`, or `.backend`?"
		} else if ok && l.Type().HasAttribute("backend") {
			hint = "Did you mean `.backend` (which engine), or `.id` (the block's label)?"
		}
	}
	d := mistake(op.Range(), "Object compared with a "+r.Type().FriendlyName(),
		"An object never equals a "+r.Type().FriendlyName()+", so this would always be the same. "+hint)
	d.Expression, d.EvalContext = op, ctx
	return d
}
