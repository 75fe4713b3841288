package experiments

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// namespaces are the roots of references, in the order of their explanation.
var namespaces = []string{"var", "local", "hardware", "model", "dataset", "platform"}

// node is one declaration that others may refer to.
type node struct {
	kind, name string // "platform", "ollama"
	file       *source
	at         hcl.Range // of its label
	exprs      []hcl.Expression
	eval       func(ctx *hcl.EvalContext) cty.Value
	value      cty.Value // cty.DynamicVal after a mistake, so that what refers to it stays silent
	ranges     map[string]hcl.Range
	state      int // unseen, open, closed: of the walk
}

func (n *node) address() string { return n.kind + "." + n.name }

// loader carries one load from files to experiments.
type loader struct {
	*sources
	opts      LoadOptions
	nodes     map[string]*node
	inSource  []*node // as declared
	variables []*variable
	functions map[string]map[string]function.Function // by folder
	roots     map[string]*hcl.EvalContext             // by folder: every name, for experiments
	blocks    []fileBlock                             // experiments and decisions, in source order
	set       Values
}

// fileBlock is a block with the file that it stands in.
type fileBlock struct {
	*hcl.Block
	file *source
}

// declare registers what every file holds.
func (l *loader) declare() {
	for _, file := range l.parsed {
		for _, b := range file.content.Blocks {
			switch b.Type {
			case "variable":
				l.declareVariable(b, file)
			case "locals":
				l.declareLocals(b, file)
			case "hardware":
				l.declareBlock(b, file, hardwareBlock)
			case "model":
				l.declareBlock(b, file, modelBlock)
			case "dataset":
				l.declareBlock(b, file, datasetBlock)
			case "platform":
				l.declareBlock(b, file, platformBlock)
			default:
				l.blocks = append(l.blocks, fileBlock{b, file})
			}
		}
	}
}

// register adds a node unless its label is bad or taken.
func (l *loader) register(n *node) bool {
	if !hclsyntax.ValidIdentifier(n.name) {
		l.diags = l.diags.Append(mistake(n.at, "Bad name",
			fmt.Sprintf("%q cannot be referred to: a name starts with a letter and holds letters, digits, _ and -. Did you mean %q?", n.name, identifier(n.name))))
		return false
	}
	if first := l.nodes[n.address()]; first != nil {
		l.diags = l.diags.Append(mistake(n.at, "Declared twice",
			fmt.Sprintf("There is a %s %q already, at %s:%d. Give one of them another name.", n.kind, n.name, first.at.Filename, first.at.Start.Line)))
		return false
	}
	n.value = cty.DynamicVal
	l.nodes[n.address()] = n
	l.inSource = append(l.inSource, n)
	return true
}

// identifier turns a label into one that HCL can refer to.
func identifier(label string) string {
	id := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, label)
	if !hclsyntax.ValidIdentifier(id) {
		id = "n" + id
	}
	return id
}

func (l *loader) declareLocals(b *hcl.Block, file *source) {
	attrs, diags := b.Body.JustAttributes()
	l.diags = append(l.diags, diags...)
	for _, a := range inOrder(attrs) {
		l.register(&node{kind: "local", name: a.Name, file: file, at: a.NameRange, exprs: []hcl.Expression{a.Expr},
			eval: func(ctx *hcl.EvalContext) cty.Value { return l.value(a.Expr, ctx) }})
	}
}

func (l *loader) declareBlock(b *hcl.Block, file *source, t blockType) {
	attrs := l.content(b, bodySchema(t.fields), fmt.Sprintf("in %s %q", t.name, b.Labels[0])).Attributes
	meant := l.meant
	n := &node{kind: t.name, name: b.Labels[0], file: file, at: b.LabelRanges[0], ranges: map[string]hcl.Range{}}
	for _, a := range inOrder(attrs) {
		n.exprs = append(n.exprs, a.Expr)
	}
	n.eval = func(ctx *hcl.EvalContext) cty.Value {
		d := decoder{loader: l, ctx: ctx, dir: file.dir, ranges: n.ranges, meant: meant}
		values := d.block(attrs, t.fields, b.Body.MissingItemRange(), fmt.Sprintf("%s %q", t.name, n.name))
		values["id"] = cty.StringVal(n.name)
		return cty.ObjectVal(values)
	}
	l.register(n)
}

// content reads a block's body, with our words for what does not belong there.
func (l *loader) content(b *hcl.Block, schema *hcl.BodySchema, where string) *hcl.BodyContent {
	l.meant = map[string]bool{}
	content, diags := b.Body.Content(schema)
	l.diags = append(l.diags, l.explain(diags, schema, where)...)
	return content
}

// inOrder sorts attributes as they stand in the source: a Go map would shuffle axes and messages.
func inOrder(attrs hcl.Attributes) []*hcl.Attribute {
	list := make([]*hcl.Attribute, 0, len(attrs))
	for _, a := range attrs {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hcl.Attribute) int { return a.NameRange.Start.Byte - b.NameRange.Start.Byte })
	return list
}

// value evaluates an expression, reporting its mistakes; cty.DynamicVal stands for what could not be.
func (l *loader) value(expr hcl.Expression, ctx *hcl.EvalContext) cty.Value {
	l.budget.reset()
	v, diags := evaluate(expr, ctx)
	l.diags = append(l.diags, diags...)
	return v
}

func evaluate(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if d := comparesObject(expr, ctx); d != nil {
		return cty.DynamicVal, hcl.Diagnostics{d}
	}
	v, diags := finite(expr, ctx)
	if diags.HasErrors() {
		return cty.DynamicVal, improve(diags, expr, ctx)
	}
	return v, diags
}

// finite evaluates an expression. Text becomes a number in HCL ("inf"), and 1 / 0 is infinite, but nothing that is asked of
// an engine or kept beside a result can be.
func finite(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := expr.Value(ctx)
	if !diags.HasErrors() && infinite(v) {
		d := mistake(expr.Range(), "Not a finite number", notFinite)
		d.Expression, d.EvalContext = expr, ctx
		return v, append(diags, d)
	}
	return v, diags
}

const notFinite = `A number must be finite: no "inf", no division by zero, nothing above 1.8e308.`

// infinite finds a number that is infinite, or would be in the 64 bits that results have.
func infinite(v cty.Value) bool {
	switch {
	case !present(v):
		return false
	case v.Type() == cty.Number:
		x, _ := v.AsBigFloat().Float64()
		return math.IsInf(x, 0)
	case v.Type().IsPrimitiveType() || !v.CanIterateElements():
		return false
	}
	for it := v.ElementIterator(); it.Next(); {
		if _, e := it.Element(); infinite(e) {
			return true
		}
	}
	return false
}

func (l *loader) functionsOf(file *source) map[string]function.Function {
	if l.functions[file.dir] == nil {
		l.functions[file.dir] = functionsIn(file.dir)
	}
	return l.functions[file.dir]
}
