package lang

import (
	"fmt"
	"slices"
	"strings"

	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"

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
	from *node     // that holds the reference
	at   hcl.Range // of the reference
}

// evaluateAll gives every node its value, each after those that it refers to.
func (l *loader) evaluateAll() {
	for _, n := range l.inSource {
		l.visit(n, nil)
	}
}

// visit gives a node its value after those that it refers to, in depth; way is how the walk came here, by which a ring is told.
// Recursion is bounded by maxReferences, since a stack overflow could not be recovered from.
func (l *loader) visit(n *node, way []edge) {
	if n.state == closed {
		return
	}
	if n.state == open {
		l.cycle(n, way)
		return
	}
	if len(way) > maxReferences {
		l.diags = l.diags.Append(diagnostic.Error(n.at, "References too deep", fmt.Sprintf("A chain of references may be %d long.", maxReferences)))
		n.state = closed
		return
	}
	n.state = open
	// uses holds what may be seen, and no more: a context of all names would let a value be read before it is there.
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

// bounded replaces a value that is too large by an unknown one, with a mistake.
func (l *loader) bounded(n *node, v cty.Value) cty.Value {
	if left := maxValue - hclvalue.Size(v, maxValue); left >= 0 {
		return v
	}
	l.diags = l.diags.Append(diagnostic.Error(n.at, "Value too large", fmt.Sprintf("%s would hold more than %d MiB.", n.address(), maxValue>>20)))
	return cty.DynamicVal
}

// cycle reports a ring of references once, with each of its edges, and leaves its members unknown.
// way ends with the edge back to n, so the ring is its part from n on.
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
		// Closed, so that the walk, on its way back, evaluates none of them.
		e.from.state = closed
	}
	detail := "Nothing can be evaluated first: " + strings.Join(lines, ", ") + "."
	if len(ring) == 1 {
		detail = fmt.Sprintf("%s refers to itself.", n.address())
	}
	l.diags = l.diags.Append(diagnostic.Error(ring[0].at, "Reference cycle", detail))
}
