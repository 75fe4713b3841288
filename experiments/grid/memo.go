package grid

import (
	"matrix/experiments/diagnostic"
	"matrix/experiments/lang"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// memoKey tells combinations apart: of the axes that an expression refers to, and of the prediction it may see.
type memoKey struct {
	axes uint64 // the combination, counted in mixed radix
	fit  uint32 // of the prediction, 0 where it is not read
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

// memo remembers what was made for the cells: once for each combination of the axes that it depends on.
type memo[T any] struct {
	axes  []int         // sorted; positions of the axes
	fit   bool          // depends on the prediction too
	known map[memoKey]T // nil until the first
}

// at is what was made for the current cell's combination, or is made now.
func (m *memo[T]) at(x *Expansion, make func() T) T {
	k := x.key(m.axes, m.fit)
	v, ok := m.known[k]
	if !ok {
		// What depends on every axis meets each combination in one cell: the others would only fill the memory.
		if m.known == nil || len(m.axes) == len(x.p.axes) {
			m.known = map[memoKey]T{}
		}
		v = make()
		m.known[k] = v
	}
	return v
}

// exprState is what a walk knows of one expression.
type exprState struct {
	memo    memo[outcome]
	blocks  memo[foundBlock] // where it gives a cell its dataset or hardware
	looked  bool             // for what is refused before it is evaluated
	refused *hcl.Diagnostic  // what was found
}

// value evaluates an expression for the current cell, or remembers it.
func (x *Expansion) value(e *cellExpr) outcome {
	if e.broken {
		return outcome{value: cty.DynamicVal}
	}
	state := &x.exprs[e.id]
	state.memo.axes, state.memo.fit = e.axes, e.fit
	return state.memo.at(x, func() outcome { return x.evaluate(e, state) })
}

// evaluate computes an expression for the current cell. A comparison that can never be true is looked for once an expression: it
// costs an evaluation of both sides, and does not depend on the cell.
func (x *Expansion) evaluate(e *cellExpr, state *exprState) outcome {
	x.evaluations++
	ctx := x.context(e)
	if !state.looked {
		state.looked, state.refused = true, lang.Refused(e.expr, ctx)
	}
	if state.refused != nil {
		return outcome{cty.DynamicVal, hcl.Diagnostics{state.refused}}
	}
	v, diags := lang.Finite(e.expr, ctx)
	if diags.HasErrors() {
		v = cty.DynamicVal
		lang.Improve(diags, e.expr, ctx)
	}
	if e.constant() {
		for _, d := range diags {
			d.Extra = diagnostic.Everywhere{}
		}
	}
	return outcome{v, diags}
}

// context is what an expression sees of the current cell: the axes that it refers to, no more.
// Diagnostics keep it, for the values that they show, so none is used twice.
func (x *Expansion) context(e *cellExpr) *hcl.EvalContext {
	if len(e.axes) == 0 && !e.fit {
		return e.ctx
	}
	members := make(map[string]cty.Value, len(e.axes)+1)
	for _, a := range e.axes {
		v := x.p.axes[a].values[x.idx[a]].value
		if a == x.p.platform && e.late {
			v = x.platformNow().value
		}
		members[x.p.axes[a].name] = v
	}
	if e.fit {
		members[fitName] = x.fitValue
	}
	ctx := e.ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"cell": cty.ObjectVal(members)}
	return ctx
}
