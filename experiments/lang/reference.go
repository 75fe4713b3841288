package lang

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/wording"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// namespaces are the roots of references, in the order of their explanation.
var namespaces = []string{"var", "local", "hardware", "model", "dataset", "platform", "engine", "weights"}

// targets are the declarations that a reference needs.
// cell.… leads to no declaration: where it may stand (inCell), whoever compiles the experiment looks at it.
func (l *loader) targets(t hcl.Traversal, inCell bool) ([]*node, *hcl.Diagnostic) {
	root := t.RootName()
	if root == "cell" && inCell {
		return nil, nil
	}
	if !slices.Contains(namespaces, root) {
		return nil, l.unknownRoot(t, inCell)
	}
	name, ok := Member(t)
	if !ok {
		return l.allOf(root), nil
	}
	if n := l.nodes[root+"."+name]; n != nil {
		return []*node{n}, nil
	}
	return nil, l.unknownMember(t, root, name)
}

// Member is the name behind the root: platform.ollama or platform["ollama"].
func Member(t hcl.Traversal) (string, bool) {
	if len(t) < 2 {
		return "", false
	}
	switch step := t[1].(type) {
	case hcl.TraverseAttr:
		return step.Name, true
	case hcl.TraverseIndex:
		return hclvalue.Text(step.Key)
	}
	return "", false
}

// allOf are the declarations of a kind: a reference to the kind itself, values(platform), needs each.
func (l *loader) allOf(kind string) []*node {
	var all []*node
	for _, n := range l.inSource {
		if n.kind == kind {
			all = append(all, n)
		}
	}
	return all
}

// unknownRoot says what a reference may begin with: most often a name that lacks its kind, or text without its quotes.
func (l *loader) unknownRoot(t hcl.Traversal, inCell bool) *hcl.Diagnostic {
	root := t.RootName()
	at := t.SourceRange()
	if root == "cell" {
		return diagnostic.Error(at, "No cell here", "cell.… is the cell that an experiment's expression is evaluated for; it exists inside an experiment, outside its matrix.")
	}
	roots := namespaces
	if inCell {
		roots = append(slices.Clone(roots), "cell")
	}
	hint := wording.DidYouMean(root, roots)
	if hint == "" {
		hint = l.declaredAs(root)
	}
	return diagnostic.Error(at, "Unknown name", fmt.Sprintf("Nothing is named %q. A reference starts with %s.%s", root, wording.Either(roots), hint))
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

// unknownMember says what is declared of a kind, nearest name first.
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
	switch s := wording.Suggest(name, names); {
	case s != "":
		detail += fmt.Sprintf(" Did you mean %s.%s?", kind, s)
	case len(names) == 0:
		detail += fmt.Sprintf(" No %s is declared in these files.", block)
	default:
		slices.Sort(names)
		detail += " Declared: " + strings.Join(names[:min(len(names), 10)], ", ") + "."
	}
	return diagnostic.Error(t.SourceRange(), "Undeclared "+block, detail)
}

// sound reports the references of an expression that lead nowhere; false when there is one.
// Its caller evaluates nothing then, so that one slip is said once.
func (l *loader) sound(expr hcl.Expression) bool {
	good := true
	for _, t := range expr.Variables() {
		if _, bad := l.targets(t, false); bad != nil {
			l.diags = l.diags.Append(bad)
			good = false
		}
	}
	return good
}

// contextOf is what a node may see: the values it refers to, under their namespaces.
// Every namespace is there, if only as an empty object: a reference into one fails by the name, not by the namespace.
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
