package lang

import (
	"matrix/experiments/cell"
	"matrix/experiments/schema"

	"github.com/hashicorp/hcl/v2"
)

// Graph is what files declare and what each declaration refers to.
type Graph struct {
	Nodes []GraphNode `json:"nodes"` // in source order, experiments and decisions last
	Edges []GraphEdge `json:"edges"` // each once
}

// GraphNode is one declaration.
type GraphNode struct {
	ID    string     `json:"id"`   // "platform.ollama", as references have it
	Kind  string     `json:"kind"` // var, local, hardware, model, dataset, platform, experiment, decision
	Name  string     `json:"name"` // label
	Place cell.Place `json:"place"`
}

// GraphEdge says that From refers to To.
type GraphEdge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Graph returns the declarations and references. The files must have loaded without a mistake.
func (c *Config) Graph() Graph {
	g := grapher{loader: c.loader, seen: map[GraphEdge]bool{}}
	for _, n := range g.loader.inSource {
		g.node(n.kind, n.name, n.at)
		g.expressions(n.address(), n.exprs)
	}
	for _, v := range g.loader.variables {
		for _, check := range v.checks {
			for _, a := range []*hcl.Attribute{check.condition, check.message} {
				if a != nil {
					g.expressions(v.node.address(), []hcl.Expression{a.Expr})
				}
			}
		}
	}
	for _, b := range g.loader.blocks {
		g.node(b.Type, b.Labels[0], b.LabelRanges[0])
		body := schema.Experiment
		if b.Type == "decision" {
			body = schema.Body(schema.DecisionBlock.Fields)
		}
		content, _, _ := b.Body.PartialContent(body) // the load has said what is wrong with it
		g.attributes(b.Type+"."+b.Labels[0], content.Attributes)
		for _, inner := range content.Blocks {
			attrs, _ := inner.Body.JustAttributes()
			g.attributes(b.Type+"."+b.Labels[0], attrs)
		}
	}
	return g.Graph
}

// grapher gathers the graph of one load.
type grapher struct {
	Graph
	loader *loader
	seen   map[GraphEdge]bool // of an edge only the first is drawn
}

// node adds a declaration, whether or not anything refers to it.
func (g *grapher) node(kind, name string, at hcl.Range) {
	g.Nodes = append(g.Nodes, GraphNode{ID: kind + "." + name, Kind: kind, Name: name, Place: PlaceOf(at)})
}

// attributes draws what the attributes of one block refer to. References to cell.… lead to no declaration, and draw nothing.
func (g *grapher) attributes(from string, attrs hcl.Attributes) {
	for _, a := range InOrder(attrs) {
		g.expressions(from, []hcl.Expression{a.Expr})
	}
}

// expressions draws an edge for each declaration that expressions refer to, once.
func (g *grapher) expressions(from string, exprs []hcl.Expression) {
	for _, expr := range exprs {
		for _, t := range expr.Variables() {
			targets, _ := g.loader.targets(t, true)
			for _, to := range targets {
				edge := GraphEdge{from, to.address()}
				// A validation refers to its own variable.
				if !g.seen[edge] && edge.From != edge.To {
					g.seen[edge] = true
					g.Edges = append(g.Edges, edge)
				}
			}
		}
	}
}
