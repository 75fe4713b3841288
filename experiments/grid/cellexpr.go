package grid

import (
	"fmt"
	"matrix/experiments/diagnostic"
	"matrix/experiments/lang"
	"matrix/experiments/wording"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// cellExpr is an expression that is evaluated for cells, once per distinct combination of the axes it refers to.
type cellExpr struct {
	id     int // its place among an expansion's exprs
	expr   hcl.Expression
	ctx    *hcl.EvalContext // of its file
	dir    string           // of its file, for paths
	axes   []int            // sorted
	fit    bool             // refers to cell.fit
	late   bool             // sees the platform with its overrides merged in
	broken bool             // its references lead nowhere: it is never evaluated
}

// constant reports an expression that is the same in every cell.
func (e *cellExpr) constant() bool { return len(e.axes) == 0 && !e.fit }

// fitFields are the attributes of cell.fit.
var fitFields = []string{"weights_gib", "kv_gib_per_sequence", "overhead_gib", "need_gib", "budget_gib", "max_sequences"}

// expr resolves the references of an expression. mayFit: cell.fit exists where it stands.
// The axes are found by the text of the references, before anything is evaluated: a conditional's branch that is not taken
// counts, which at worst costs an evaluation more.
func (c *compiler) expr(expr hcl.Expression, mayFit bool) *cellExpr {
	e := &cellExpr{id: c.exprs, expr: expr, ctx: c.scope.Context(), dir: c.scope.Dir()}
	c.exprs++
	for _, t := range expr.Variables() {
		var bad *hcl.Diagnostic
		if t.RootName() == "cell" {
			bad = c.cellReference(e, t, mayFit)
		} else {
			bad = c.scope.Reference(t)
		}
		if bad != nil {
			bad.Expression = expr
			c.scope.Report(bad)
			e.broken = true
		}
	}
	for _, i := range e.axes {
		c.used[i] = true
	}
	if c.merged && c.sees(e, "platform") {
		e.late = true
		e.axes = union(e.axes, c.overrideAxes)
	}
	return e
}

// sees reports that an expression refers to an axis.
func (c *compiler) sees(e *cellExpr, axis string) bool {
	return slices.Contains(e.axes, c.axisIndex(axis))
}

// cellReference notes which axis a reference needs.
func (c *compiler) cellReference(e *cellExpr, t hcl.Traversal, mayFit bool) *hcl.Diagnostic {
	name, ok := lang.Member(t)
	if !ok { // cell as a whole, or an index that is only known later
		for i := range c.axes {
			e.axes = union(e.axes, []int{i})
		}
		e.fit = mayFit
		return nil
	}
	if name == fitName {
		return c.fitReference(e, t, mayFit)
	}
	i := c.axisIndex(name)
	if i < 0 {
		if c.broken && len(c.axes) == 0 {
			return nil // the matrix is missing, which has been said
		}
		return diagnostic.Error(t.SourceRange(), "Unknown axis", fmt.Sprintf("No axis is named %q. There are %s, and fit.%s%s", name,
			strings.Join(c.axisNames(), ", "), wording.DidYouMean(name, append(c.axisNames(), fitName)), c.notAnAxis(name)))
	}
	e.axes = union(e.axes, []int{i})
	return nil
}

// notAnAxis explains the two names that look like axes.
func (c *compiler) notAnAxis(name string) string {
	if c.body.Attributes[name] != nil && isCoordinate(name) {
		return fmt.Sprintf(" %s is an attribute of this experiment, not an axis: refer to the block itself.", name)
	}
	return ""
}

// fitReference notes that an expression needs the prediction, and so must wait for what the prediction itself is made of.
func (c *compiler) fitReference(e *cellExpr, t hcl.Traversal, mayFit bool) *hcl.Diagnostic {
	if !mayFit {
		return diagnostic.Error(t.SourceRange(), "Reference cycle",
			"cell.fit is predicted from the platform with its overrides, the model, the hardware and generate, so none of these can depend on it. Use an exclude or a constraint.")
	}
	e.fit = true
	if len(t) > 2 {
		if step, ok := t[2].(hcl.TraverseAttr); ok && !slices.Contains(fitFields, step.Name) {
			return diagnostic.Error(t.SourceRange(), "Unknown attribute", fmt.Sprintf("cell.fit has no %q; it has %s.%s",
				step.Name, strings.Join(fitFields, ", "), wording.DidYouMean(step.Name, fitFields)))
		}
	}
	return nil
}

// union merges two sorted sets of axes.
func union(a, b []int) []int {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
