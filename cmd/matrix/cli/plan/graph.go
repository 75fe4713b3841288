package plan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// Graph is the command.
func Graph(a *app.App) *cobra.Command {
	var mermaid bool
	cmd := &cobra.Command{
		Use: "graph FILE|DIR…", Short: "Draw what the files declare and what refers to what, as DOT or Mermaid",
		Long: "Draw what the files declare and what refers to what. DOT goes to Graphviz: matrix graph FILE… | dot -Tsvg > graph.svg",
		Args: app.NeedFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			// Blocks alone: nothing is expanded, so a grid of a million cells is drawn as fast.
			config, diags := grid.Load(args, a.LoadOptions())
			if err := a.Mistakes(config.Files, diags); err != nil {
				return err
			}
			g := config.Graph()
			switch {
			case a.JSON:
				a.Record(ndjson.Graph{Nodes: ndjson.List(g.Nodes), Edges: ndjson.List(g.Edges)})
			case mermaid:
				fmt.Fprint(a.Page(), mermaidOf(g))
			default:
				fmt.Fprint(a.Page(), dotOf(g))
			}
			return nil
		},
	}
	a.DeclareVars(cmd)
	cmd.Flags().BoolVar(&mermaid, "mermaid", false, "Mermaid, which Markdown on GitHub and GitLab shows as a drawing")
	return cmd
}

// shapes tell kinds apart in DOT.
// Others are boxes.
var shapes = map[string]string{"experiment": "box3d", "decision": "diamond", "var": "ellipse", "local": "ellipse"}

// dotOf is the graph in Graphviz' language.
// The tooltip is the place in the file, which an SVG shows under the mouse.
func dotOf(g lang.Graph) string {
	var b strings.Builder
	// from left to right: names are long, and chains short
	b.WriteString("digraph matrix {\n  rankdir = LR\n  node [shape = box, fontname = \"sans-serif\"]\n")
	for _, n := range g.Nodes {
		// the default of the file's head
		shape := ""
		if s := shapes[n.Kind]; s != "" {
			shape = ", shape = " + s
		}
		fmt.Fprintf(&b, "  %s [label = %s, tooltip = %s%s]\n", strconv.Quote(n.ID), strconv.Quote(n.Kind+"\n"+n.Name), strconv.Quote(n.Place.String()), shape)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  %s -> %s\n", strconv.Quote(e.From), strconv.Quote(e.To))
	}
	b.WriteString("}\n")
	return b.String()
}

// mermaidOf numbers the nodes: a label such as "end" is a word of Mermaid's.
// Quotes keep any other sign in a label from being read as syntax.
func mermaidOf(g lang.Graph) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	// by id
	number := map[string]int{}
	for i, n := range g.Nodes {
		number[n.ID] = i
		open, shut := "[", "]"
		// the shapes that Mermaid has, as near to DOT's as they come
		switch n.Kind {
		case "experiment":
			open, shut = "[[", "]]"
		case "decision":
			open, shut = "{", "}"
		case "var", "local":
			open, shut = "([", "])"
		}
		fmt.Fprintf(&b, "  n%d%s\"%s\"%s\n", i, open, n.ID, shut)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  n%d --> n%d\n", number[e.From], number[e.To])
	}
	return b.String()
}
