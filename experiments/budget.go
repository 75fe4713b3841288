package experiments

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Bounds of one evaluation. A few nested for expressions or templates reach any number of steps and bytes, and HCL
// itself cannot be interrupted.
const (
	maxSteps = 1_000_000 // elements that the for expressions of one expression walk, together
	maxText  = 64 << 20  // bytes that its templates and for expressions produce, together
)

// budget counts what one evaluation takes. It is not safe for concurrent use, as a loader is not.
type budget struct {
	steps, text int
	said        bool
}

func (b *budget) reset() { *b = budget{} }

// limit puts the counting into every for expression and template of a parsed file. JSON syntax parses its templates
// anew at each evaluation, so its expressions are bounded by guardJSON alone.
func (b *budget) limit(body hcl.Body) {
	native, ok := body.(*hclsyntax.Body)
	if !ok {
		return
	}
	// The visitor itself never has anything to report.
	_ = hclsyntax.VisitAll(native, func(n hclsyntax.Node) hcl.Diagnostics {
		switch e := n.(type) {
		case *hclsyntax.ForExpr:
			e.CollExpr = b.wrap(e.CollExpr, true)
			e.ValExpr = b.wrap(e.ValExpr, false)
		case *hclsyntax.TemplateExpr:
			for i, part := range e.Parts {
				if _, literal := part.(*hclsyntax.LiteralValueExpr); !literal {
					e.Parts[i] = b.wrap(part, false)
				}
			}
		}
		return nil
	})
}

// wrap stands for an expression. The parentheses between are for HCL's walkers, which would else pass over what is
// wrapped: they look at a node's children through a method that only HCL's own types have.
func (b *budget) wrap(e hclsyntax.Expression, walked bool) hclsyntax.Expression {
	if _, done := e.(*counted); done {
		return e
	}
	return &counted{Expression: &hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}, budget: b, walked: walked}
}

// counted is an expression whose value counts against a budget.
type counted struct {
	hclsyntax.Expression
	budget *budget
	walked bool // its elements are walked
}

// Value is the expression's, or unknown with one mistake when the budget is spent.
func (c *counted) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if c.budget.said {
		return cty.DynamicVal, nil // HCL goes on with the other elements; each would say the same
	}
	v, diags := c.Expression.Value(ctx)
	if present(v) {
		switch {
		case c.walked && v.CanIterateElements():
			c.budget.steps += v.LengthInt()
		case v.Type() == cty.String:
			c.budget.text += len(v.AsString())
		}
	}
	if c.budget.steps <= maxSteps && c.budget.text <= maxText {
		return v, diags
	}
	c.budget.said = true
	return cty.DynamicVal, diags.Append(mistake(c.Range(), "Expression takes too long",
		fmt.Sprintf("The for expressions of one expression walk at most %d elements, and its text has at most %d MiB.", maxSteps, maxText>>20)))
}
