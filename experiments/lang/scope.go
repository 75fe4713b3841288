package lang

import (
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"matrix/experiments/schema"
)

// Scope is what an expression may refer to: everything that the files declare, and the functions of one file's folder.
// Reporting through it adds to the Config's diagnostics, so it is not safe for concurrent use.
type Scope struct {
	loader *loader
	file   *source          // for its folder
	ctx    *hcl.EvalContext // of all names; a child of it where there is a cell
	inCell bool             // cell.… may be referred to
}

// Scope is that of the first file, for expressions that stand in none. The files must have loaded without a mistake.
func (c *Config) Scope() *Scope {
	l := c.loader
	file := &source{dir: "."}
	if dir, err := filepath.Abs("."); err == nil {
		file.dir = dir
	}
	if len(l.parsed) > 0 {
		file = l.parsed[0]
	}
	return &Scope{loader: l, file: file, ctx: l.root(file)}
}

// ScopeOf is what an experiment's expressions see, a cell apart.
func (c *Config) ScopeOf(e Experiment) *Scope {
	return &Scope{loader: c.loader, file: e.file, ctx: c.loader.root(e.file)}
}

// WithCell is the scope and a cell.
func (s *Scope) WithCell(members map[string]cty.Value) *Scope {
	ctx := s.ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"cell": cty.ObjectVal(members)}
	return &Scope{loader: s.loader, file: s.file, ctx: ctx, inCell: true}
}

// Context is the scope as HCL has it.
func (s *Scope) Context() *hcl.EvalContext { return s.ctx }

// Dir is the folder that relative paths start from.
func (s *Scope) Dir() string { return s.file.dir }

// Report adds to what is wrong with the files.
func (s *Scope) Report(diags ...*hcl.Diagnostic) { s.loader.diags = append(s.loader.diags, diags...) }

// Reference says what is wrong with a reference that is not to the cell; nil: it leads somewhere.
func (s *Scope) Reference(t hcl.Traversal) *hcl.Diagnostic {
	_, bad := s.loader.targets(t, true)
	return bad
}

// Content reads a block's body, with our words for what does not belong there; where is "in load".
func (s *Scope) Content(b *hcl.Block, body *hcl.BodySchema, where string) *hcl.BodyContent {
	return s.loader.content(b, body, where)
}

// Constant evaluates and checks an attribute that no cell can change; cty.NilVal where a reference leads nowhere. Its place,
// and those of its members, are added to ranges.
func (s *Scope) Constant(f schema.Field, expr hcl.Expression, path string, ranges map[string]hcl.Range) cty.Value {
	if !s.loader.sound(expr) {
		return cty.NilVal
	}
	return decoder{loader: s.loader, ctx: s.ctx, dir: s.file.dir, ranges: ranges}.attribute(f, expr, path)
}

// Items records the places of an object's members where it is written out.
func (s *Scope) Items(expr hcl.Expression, path string, ranges map[string]hcl.Range) {
	decoder{loader: s.loader, ranges: ranges}.items(expr, path)
}
