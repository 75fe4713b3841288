package experiments

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// cellExpr is an expression that is evaluated for cells, once per distinct combination of the axes it refers to.
type cellExpr struct {
	id     int
	expr   hcl.Expression
	ctx    *hcl.EvalContext // of its file
	dir    string
	axes   []int // sorted
	fit    bool  // refers to cell.fit
	late   bool  // sees the platform with its overrides merged in
	broken bool  // its references lead nowhere: it is never evaluated
}

// constant reports an expression that is the same in every cell.
func (e *cellExpr) constant() bool { return len(e.axes) == 0 && !e.fit }

// fitFields are the attributes of cell.fit.
var fitFields = []string{"weights_gib", "kv_gib_per_sequence", "overhead_gib", "need_gib", "budget_gib", "max_sequences"}

// expr resolves the references of an expression. mayFit: cell.fit exists where it stands.
func (c *compiler) expr(expr hcl.Expression, mayFit bool) *cellExpr {
	e := &cellExpr{id: c.exprs, expr: expr, ctx: c.ctx, dir: c.file.dir}
	c.exprs++
	for _, t := range expr.Variables() {
		var bad *hcl.Diagnostic
		if t.RootName() == "cell" {
			bad = c.cellReference(e, t, mayFit)
		} else {
			_, bad = c.targets(t, true)
		}
		if bad != nil {
			bad.Expression = expr
			c.diags = c.diags.Append(bad)
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

func (c *compiler) sees(e *cellExpr, axis string) bool {
	return slices.Contains(e.axes, c.axisIndex(axis))
}

// cellReference notes which axis a reference needs.
func (c *compiler) cellReference(e *cellExpr, t hcl.Traversal, mayFit bool) *hcl.Diagnostic {
	name, ok := memberOf(t)
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
		return mistake(t.SourceRange(), "Unknown axis", fmt.Sprintf("No axis is named %q. There are %s, and fit.%s%s", name,
			strings.Join(c.axisNames(), ", "), didYouMean(name, append(c.axisNames(), fitName)), c.notAnAxis(name)))
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

func (c *compiler) fitReference(e *cellExpr, t hcl.Traversal, mayFit bool) *hcl.Diagnostic {
	if !mayFit {
		return mistake(t.SourceRange(), "Reference cycle",
			"cell.fit is predicted from the platform with its overrides, the model, the hardware and generate, so none of these can depend on it. Use an exclude or a constraint.")
	}
	e.fit = true
	if len(t) > 2 {
		if step, ok := t[2].(hcl.TraverseAttr); ok && !slices.Contains(fitFields, step.Name) {
			return mistake(t.SourceRange(), "Unknown attribute", fmt.Sprintf("cell.fit has no %q; it has %s.%s",
				step.Name, strings.Join(fitFields, ", "), didYouMean(step.Name, fitFields)))
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

// memoKey tells combinations apart: of the axes that an expression refers to, and of the prediction it may see.
type memoKey struct {
	axes uint64
	fit  uint32
}

// outcome is what an expression gave for one combination.
type outcome struct {
	value cty.Value
	diags hcl.Diagnostics
}

// key is the current cell's combination of some axes, in mixed radix. Counting stopped at maxTotal matrix cells, so
// it cannot overflow.
func (x *Expansion) key(axes []int, fit bool) memoKey {
	var k memoKey
	for _, a := range axes {
		k.axes = k.axes*uint64(len(x.p.axes[a].values)) + uint64(x.idx[a])
	}
	if fit {
		k.fit = x.fitID
	}
	return k
}

// value evaluates an expression for the current cell, or remembers it.
func (x *Expansion) value(e *cellExpr) outcome {
	if e.broken {
		return outcome{value: cty.DynamicVal}
	}
	memo := x.memo[e.id]
	if memo == nil {
		memo = map[memoKey]outcome{}
		x.memo[e.id] = memo
	}
	k := x.key(e.axes, e.fit)
	o, ok := memo[k]
	if !ok {
		// An expression over every axis meets each combination in one cell: the others would only fill the memory.
		if len(e.axes) == len(x.p.axes) {
			clear(memo)
		}
		o = x.evaluate(e)
		memo[k] = o
	}
	return o
}

func (x *Expansion) evaluate(e *cellExpr) outcome {
	x.evaluations++
	ctx := x.context(e)
	if !x.compared[e.id] {
		x.compared[e.id] = true
		if d := comparesObject(e.expr, ctx); d != nil {
			x.silly[e.id] = d
		}
	}
	if d := x.silly[e.id]; d != nil {
		return outcome{cty.DynamicVal, hcl.Diagnostics{d}}
	}
	x.p.budget.reset()
	v, diags := finite(e.expr, ctx)
	if diags.HasErrors() {
		v = cty.DynamicVal
		improve(diags, e.expr, ctx)
	}
	if e.constant() {
		for _, d := range diags {
			d.Extra = everywhere{}
		}
	}
	return outcome{v, diags}
}

// context is what an expression sees of the current cell: the axes that it refers to, no more.
func (x *Expansion) context(e *cellExpr) *hcl.EvalContext {
	if len(e.axes) == 0 && !e.fit {
		return e.ctx
	}
	cell := make(map[string]cty.Value, len(e.axes)+1)
	for _, a := range e.axes {
		v := x.p.axes[a].values[x.idx[a]].value
		if a == x.p.platform && e.late {
			v = x.platformNow().value
		}
		cell[x.p.axes[a].name] = v
	}
	if e.fit {
		cell[fitName] = x.fitValue
	}
	ctx := e.ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"cell": cty.ObjectVal(cell)}
	return ctx
}
