package lang

import (
	"errors"

	"matrix/experiments/diagnostic"
	"matrix/experiments/wording"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// The library's 5 % 0 is 5. Its operators are variables, and this one is ours: to look for % in an expression would miss a
// divisor that only a for knows, and JSON's expressions.
func init() {
	number := func(name string) function.Parameter { return function.Parameter{Name: name, Type: cty.Number} }
	hclsyntax.OpModulo.Impl = function.New(&function.Spec{
		Params: []function.Parameter{number("a"), number("b")},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[1].RawEquals(cty.Zero) {
				return cty.NilVal, errors.New("nothing can be divided by 0")
			}
			return args[0].Modulo(args[1]), nil
		},
	})
}

// mostWork is how often the inside of a for may be evaluated: that takes some seconds, and nobody can interrupt the library.
const mostWork = 1_000_000

// tooMuch finds a for within a for over long lists before it is evaluated.
// It estimates, and refuses only what is certain to be long: unknown lengths count as one.
func tooMuch(expr hcl.Expression, ctx *hcl.EvalContext) *hcl.Diagnostic {
	node, ok := expr.(hclsyntax.Node)
	if !ok {
		return nil // JSON syntax keeps its expressions to itself
	}
	w := &work{ctx: ctx, times: 1}
	_ = hclsyntax.Walk(node, w) // it returns what we return
	if w.sum <= mostWork {
		return nil
	}
	d := diagnostic.Error(w.outer.Range(), "Too much to evaluate", wording.Count(int64(w.sum), "steps")+
		" stand in this for, and the most is a million. What stands in a for is evaluated for each of its elements: make a list once, outside, "+
		"or look a value up in an object instead of searching a list.")
	d.Expression, d.EvalContext = expr, ctx
	return d
}

// work counts how often what stands in the fors of an expression is evaluated. Lengths that only a for's own variable tells count
// as one.
type work struct {
	ctx        *hcl.EvalContext
	fors       []*hclsyntax.ForExpr // that the walk is in
	lengths    []float64            // of their collections
	outer      *hclsyntax.ForExpr
	times, sum float64
}

// Enter implements hclsyntax.Walker. A for's collection is evaluated once, outside of it; only the child scope (keys,
// values and the condition) counts for each element. Floats, because a product of lengths overflows an int.
func (w *work) Enter(node hclsyntax.Node) hcl.Diagnostics {
	switch n := node.(type) {
	case *hclsyntax.ForExpr:
		w.fors, w.lengths = append(w.fors, n), append(w.lengths, max(1, w.length(n.CollExpr)))
	case hclsyntax.ChildScope:
		w.times *= w.lengths[len(w.lengths)-1]
		w.add(w.times)
	case *hclsyntax.FunctionCallExpr:
		if w.times > 1 { // contains(list, x) goes through the list each time
			for _, arg := range n.Args {
				w.add(w.times * w.length(arg) / 4) // faster by so much than an expression
			}
		}
	}
	return nil
}

// Exit implements hclsyntax.Walker, and undoes what Enter did.
func (w *work) Exit(node hclsyntax.Node) hcl.Diagnostics {
	switch node.(type) {
	case *hclsyntax.ForExpr:
		w.fors, w.lengths = w.fors[:len(w.fors)-1], w.lengths[:len(w.lengths)-1]
	case hclsyntax.ChildScope:
		w.times /= w.lengths[len(w.lengths)-1]
	}
	return nil
}

// add counts, and remembers the outermost for in which the bound was passed: that is the one to tell the user of.
func (w *work) add(n float64) {
	if w.sum += n; w.sum > mostWork && w.outer == nil {
		w.outer = w.fors[0]
	}
}

// length of a collection, 0 where it is none, or not known outside of a for.
func (w *work) length(expr hclsyntax.Expression) float64 {
	var inside *hclsyntax.ForExpr
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if f, is := n.(*hclsyntax.ForExpr); is && inside == nil {
			inside = f
		}
		return nil
	})
	if inside != nil { // as long as what it goes through, at most; to evaluate it may be what takes so long
		return w.length(inside.CollExpr)
	}
	v, diags := expr.Value(w.ctx)
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return 0
	}
	return float64(v.LengthInt())
}
