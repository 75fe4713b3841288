package experiments

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// States of a node during the walk.
const (
	unseen = iota
	open
	closed
)

// maxReferences bounds how long a chain of references may be.
const maxReferences = 10_000

// edge is one reference on the way that the walk has taken.
type edge struct {
	from *node
	at   hcl.Range
}

// evaluateAll gives every node its value, each after those that it refers to.
func (l *loader) evaluateAll() {
	for _, n := range l.inSource {
		l.visit(n, nil)
	}
}

func (l *loader) visit(n *node, way []edge) {
	if n.state == closed {
		return
	}
	if n.state == open {
		l.cycle(n, way)
		return
	}
	if len(way) > maxReferences {
		l.diags = l.diags.Append(mistake(n.at, "References too deep", fmt.Sprintf("A chain of references may be %d long.", maxReferences)))
		n.state = closed
		return
	}
	n.state = open
	uses := map[string]*node{}
	sound := true
	for _, expr := range n.exprs {
		for _, t := range expr.Variables() {
			targets, bad := l.targets(t, false)
			if bad != nil {
				bad.Expression = expr
				l.diags = l.diags.Append(bad)
				sound = false
			}
			for _, target := range targets {
				l.visit(target, append(way, edge{n, t.SourceRange()}))
				uses[target.address()] = target
			}
		}
	}
	// A value that lies on a cycle stays unknown; so does one with a reference to nowhere.
	if n.state == open && sound {
		n.value = l.bounded(n, n.eval(l.contextOf(n.file, uses)))
	}
	n.state = closed
}

// maxValue bounds a declared value: locals that double each other reach a gigabyte within thirty lines.
const maxValue = 16 << 20 // bytes of text, each element counted as elementBytes

// elementBytes is about what an element of a list or object takes beside its text.
const elementBytes = 64

// bounded replaces a value that is too large by an unknown one, with a mistake.
func (l *loader) bounded(n *node, v cty.Value) cty.Value {
	if left := maxValue - sizeOf(v, maxValue); left >= 0 {
		return v
	}
	l.diags = l.diags.Append(mistake(n.at, "Value too large", fmt.Sprintf("%s would hold more than %d MiB.", n.address(), maxValue>>20)))
	return cty.DynamicVal
}

// sizeOf estimates a value's size, and stops counting beyond limit.
func sizeOf(v cty.Value, limit int) int {
	if !present(v) || limit < 0 {
		return 1
	}
	if v.Type() == cty.String {
		return elementBytes/4 + len(v.AsString())
	}
	size := elementBytes
	if !v.CanIterateElements() {
		return size
	}
	for it := v.ElementIterator(); it.Next() && size <= limit; {
		_, e := it.Element()
		size += sizeOf(e, limit-size)
	}
	return size
}

// targets are the declarations that a reference needs.
func (l *loader) targets(t hcl.Traversal, inCell bool) ([]*node, *hcl.Diagnostic) {
	root := t.RootName()
	if root == "cell" && inCell {
		return nil, nil
	}
	if !slices.Contains(namespaces, root) {
		return nil, l.unknownRoot(t, inCell)
	}
	name, ok := memberOf(t)
	if !ok {
		return l.allOf(root), nil
	}
	if n := l.nodes[root+"."+name]; n != nil {
		return []*node{n}, nil
	}
	return nil, l.unknownMember(t, root, name)
}

// memberOf is the name behind the root: platform.ollama or platform["ollama"].
func memberOf(t hcl.Traversal) (string, bool) {
	if len(t) < 2 {
		return "", false
	}
	switch step := t[1].(type) {
	case hcl.TraverseAttr:
		return step.Name, true
	case hcl.TraverseIndex:
		return textOf(step.Key)
	}
	return "", false
}

func (l *loader) allOf(kind string) []*node {
	var all []*node
	for _, n := range l.inSource {
		if n.kind == kind {
			all = append(all, n)
		}
	}
	return all
}

func (l *loader) unknownRoot(t hcl.Traversal, inCell bool) *hcl.Diagnostic {
	root := t.RootName()
	at := t.SourceRange()
	if root == "cell" {
		return mistake(at, "No cell here", "cell.… is the cell that an experiment's expression is evaluated for; it exists inside an experiment, outside its matrix.")
	}
	roots := namespaces
	if inCell {
		roots = append(slices.Clone(roots), "cell")
	}
	dotted := strings.Join(roots[:len(roots)-1], ", ") + " or " + roots[len(roots)-1]
	hint := didYouMean(root, roots)
	if hint == "" {
		hint = l.declaredAs(root)
	}
	return mistake(at, "Unknown name", fmt.Sprintf("Nothing is named %q. A reference starts with %s.%s", root, dotted, hint))
}

// declaredAs helps who wrote gemma3_4b for model.gemma3_4b.
func (l *loader) declaredAs(name string) string {
	text := fmt.Sprintf(" If it is text, write it in quotes: %q.", name)
	for _, ns := range namespaces {
		if l.nodes[ns+"."+name] != nil {
			return fmt.Sprintf(" Did you mean %s.%s?%s", ns, name, text)
		}
	}
	return text
}

func (l *loader) unknownMember(t hcl.Traversal, kind, name string) *hcl.Diagnostic {
	var names []string
	for _, n := range l.allOf(kind) {
		names = append(names, n.name)
	}
	block := map[string]string{"var": "variable", "local": "local value"}[kind]
	if block == "" {
		block = kind
	}
	detail := fmt.Sprintf("There is no %s %q.", block, name)
	switch s := suggest(name, names); {
	case s != "":
		detail += fmt.Sprintf(" Did you mean %s.%s?", kind, s)
	case len(names) == 0:
		detail += fmt.Sprintf(" No %s is declared in these files.", block)
	default:
		slices.Sort(names)
		detail += " Declared: " + strings.Join(names[:min(len(names), 10)], ", ") + "."
	}
	return mistake(t.SourceRange(), "Undeclared "+block, detail)
}

// cycle reports a ring of references once, with each of its edges, and leaves its members unknown.
func (l *loader) cycle(n *node, way []edge) {
	start := slices.IndexFunc(way, func(e edge) bool { return e.from == n })
	ring := way[start:]
	var lines []string
	for i, e := range ring {
		next := n
		if i+1 < len(ring) {
			next = ring[i+1].from
		}
		lines = append(lines, fmt.Sprintf("%s refers to %s (%s:%d)", e.from.address(), next.address(), e.at.Filename, e.at.Start.Line))
		e.from.state = closed
	}
	detail := "Nothing can be evaluated first: " + strings.Join(lines, ", ") + "."
	if len(ring) == 1 {
		detail = fmt.Sprintf("%s refers to itself.", n.address())
	}
	l.diags = l.diags.Append(mistake(ring[0].at, "Reference cycle", detail))
}

// contextOf is what a node may see: the values it refers to, under their namespaces.
func (l *loader) contextOf(file *source, uses map[string]*node) *hcl.EvalContext {
	spaces := map[string]map[string]cty.Value{}
	for _, ns := range namespaces {
		spaces[ns] = map[string]cty.Value{}
	}
	for n := range maps.Values(uses) {
		spaces[n.kind][n.name] = n.value
	}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: l.functionsOf(file)}
	for ns, members := range spaces {
		ctx.Variables[ns] = cty.ObjectVal(members)
	}
	return ctx
}

// root is what an experiment may see: everything. It is built once per folder, after all nodes have values.
func (l *loader) root(file *source) *hcl.EvalContext {
	if l.roots[file.dir] == nil {
		l.roots[file.dir] = l.contextOf(file, l.nodes)
	}
	return l.roots[file.dir]
}
