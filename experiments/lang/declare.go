package lang

import (
	"fmt"

	"matrix/experiments/schema"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// declare registers what every file holds.
func (l *loader) declare() {
	values := map[string]schema.Block{}
	for _, b := range schema.ValueBlocks() {
		values[b.Name] = b
	}
	for _, file := range l.parsed {
		for _, b := range file.content.Blocks {
			switch b.Type {
			case "variable":
				l.declareVariable(b, file)
			case "locals":
				l.declareLocals(b, file)
			case "experiment", "decision":
				l.blocks = append(l.blocks, fileBlock{b, file})
			default:
				l.declareBlock(b, file, values[b.Type])
			}
		}
	}
}

// declareLocals registers each attribute by itself: locals may refer to each other in any order.
func (l *loader) declareLocals(b *hcl.Block, file *source) {
	attrs, diags := b.Body.JustAttributes()
	l.diags = append(l.diags, diags...)
	for _, a := range InOrder(attrs) {
		l.register(&node{kind: "local", name: a.Name, file: file, at: a.NameRange, exprs: []hcl.Expression{a.Expr},
			eval: func(ctx *hcl.EvalContext) cty.Value { return l.value(a.Expr, ctx) }})
	}
}

// declareBlock registers a block that is one value. It is read here, for its mistakes of form, and evaluated when what it refers to
// has values.
func (l *loader) declareBlock(b *hcl.Block, file *source, t schema.Block) {
	attrs := l.content(b, schema.Body(t.Fields), fmt.Sprintf("in %s %q", t.Name, b.Labels[0])).Attributes
	// meant is of the body just read; eval runs when others have been read since.
	meant := l.meant
	n := &node{kind: t.Name, name: b.Labels[0], file: file, at: b.LabelRanges[0], ranges: map[string]hcl.Range{}}
	for _, a := range InOrder(attrs) {
		n.exprs = append(n.exprs, a.Expr)
	}
	n.eval = func(ctx *hcl.EvalContext) cty.Value {
		d := decoder{loader: l, ctx: ctx, dir: file.dir, ranges: n.ranges, meant: meant}
		values := d.block(attrs, t.Fields, b.Body.MissingItemRange(), fmt.Sprintf("%s %q", t.Name, n.name))
		values["id"] = cty.StringVal(n.name)
		if installs(n.kind) {
			n.installed = installer{l}.engineOf(n, cty.ObjectVal(values))
			values["folder"] = cty.StringVal(n.installed.Folder)
		}
		return cty.ObjectVal(values)
	}
	l.register(n)
}
