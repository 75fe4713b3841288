package lang

import (
	"fmt"
	"slices"
	"strings"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// node is one declaration that others may refer to.
type node struct {
	kind, name string // "platform", "ollama"
	file       *source
	at         hcl.Range                            // of its label
	exprs      []hcl.Expression                     // all that it refers to stands in these: the edges of the walk
	eval       func(ctx *hcl.EvalContext) cty.Value // called once, when all that exprs refer to has its value
	value      cty.Value                            // cty.DynamicVal after a mistake, so that what refers to it stays silent
	ranges     map[string]hcl.Range                 // attribute path → its place; nil where it has no attributes
	installed  *cell.Engine                         // of an engine or weights
	state      int                                  // unseen, open, closed: of the walk
}

// address is the node as references have it, "platform.ollama"; var and local, not variable and locals.
func (n *node) address() string { return n.kind + "." + n.name }

// loader carries one load from files to declared blocks.
// It is kept behind the Config: a Scope resolves references, and reports mistakes, long after the load. It is not safe for
// concurrent use.
type loader struct {
	files     map[string][]byte // source as read
	parsed    []*source         // imports before who imports them
	diags     hcl.Diagnostics   // unsorted; the same mistake may be in it twice
	opts      Options
	nodes     map[string]*node // by address
	inSource  []*node          // as declared
	variables variables
	functions map[string]map[string]function.Function // by folder
	roots     map[string]*hcl.EvalContext             // by folder: every name, for experiments
	blocks    []fileBlock                             // experiments and decisions, in source order
	meant     map[string]bool                         // attributes that the last body misspells
	set       cell.Values                             // variables that were set from outside, by name: into the saved plan
	lockFiles map[string]map[string]*cell.Lock        // by path
}

// fileBlock is a block with the file that it stands in.
type fileBlock struct {
	*hcl.Block
	file *source
}

// variable is a declared variable and what it was set to.
type variable struct {
	node     *node
	ty       cty.Type
	typed    bool               // a type is declared; without it ty is any
	defaults *typeexpr.Defaults // of optional attributes; nil = none
	fallback *hcl.Attribute     // its default; nil: it must be set
	checks   []validation
	settings []setting // the last one counts
}

// validation is a condition on a variable.
type validation struct {
	condition, message *hcl.Attribute // message nil: we say it
}

// setting is one value given from outside the files: raw text, or an evaluated value.
type setting struct {
	from  string     // "--var", "MATRIX_VAR_x", the file's name
	text  string     // unquoted, as the shell handed it over
	value cty.Value  // cty.NilVal: take text
	at    *hcl.Range // nil: it stands in no file
}

// register adds a node unless its label is bad or taken.
func (l *loader) register(n *node) bool {
	if !hclsyntax.ValidIdentifier(n.name) {
		l.diags = l.diags.Append(diagnostic.Error(n.at, "Bad name",
			fmt.Sprintf("%q cannot be referred to: a name starts with a letter and holds letters, digits, _ and -. Did you mean %q?", n.name, Identifier(n.name))))
		return false
	}
	if first := l.nodes[n.address()]; first != nil {
		l.diags = l.diags.Append(diagnostic.Error(n.at, "Declared twice",
			fmt.Sprintf("There is a %s %q already, at %s:%d. Give one of them another name.", n.kind, n.name, first.at.Filename, first.at.Start.Line)))
		return false
	}
	n.value = cty.DynamicVal
	l.nodes[n.address()] = n
	l.inSource = append(l.inSource, n)
	return true
}

// Identifier turns a label into one that HCL can refer to.
// It is a suggestion, for messages: two labels may give the same.
func Identifier(label string) string {
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

// content reads a block's body, with our words for what does not belong there.
// meant is of the last body alone, so it must be taken before the next is read.
func (l *loader) content(b *hcl.Block, body *hcl.BodySchema, where string) *hcl.BodyContent {
	content, diags := b.Body.Content(body)
	l.meant = explain(diags, l.files, body, where)
	l.diags = append(l.diags, diags...)
	return content
}

// InOrder sorts attributes as they stand in the source: a Go map would shuffle axes and messages.
func InOrder(attrs hcl.Attributes) []*hcl.Attribute {
	list := make([]*hcl.Attribute, 0, len(attrs))
	for _, a := range attrs {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hcl.Attribute) int { return a.NameRange.Start.Byte - b.NameRange.Start.Byte })
	return list
}

// value evaluates an expression, reporting its mistakes; cty.DynamicVal stands for what could not be.
func (l *loader) value(expr hcl.Expression, ctx *hcl.EvalContext) cty.Value {
	v, diags := evaluate(expr, ctx)
	l.diags = append(l.diags, diags...)
	return v
}

// functionsOf are a file's functions, made once a folder: file() starts from it.
func (l *loader) functionsOf(file *source) map[string]function.Function {
	if l.functions[file.dir] == nil {
		l.functions[file.dir] = functionsIn(file.dir)
	}
	return l.functions[file.dir]
}
