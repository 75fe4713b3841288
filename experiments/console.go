package experiments

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// ConsoleFile is the name by which diagnostics call an expression that stands in no file. Whoever prints them adds
// its text to the files under this name.
const ConsoleFile = "expression"

// Scope is what an expression may refer to.
type Scope struct {
	loader *loader
	ctx    *hcl.EvalContext
	inCell bool
}

// Result is what an expression gave.
type Result struct {
	HCL  string          // as it would be written in a file
	JSON json.RawMessage // canonical
}

// Scope is everything that the files declare: var., local., the blocks, and the functions of the first file's folder.
// The files must have loaded without a mistake.
func (c *Config) Scope() *Scope {
	l := c.loader
	file := &source{dir: "."}
	if dir, err := filepath.Abs("."); err == nil {
		file.dir = dir
	}
	if len(l.parsed) > 0 {
		file = l.parsed[0]
	}
	return &Scope{loader: l, ctx: l.root(file)}
}

// Evaluate reads one expression and gives its value.
func (s *Scope) Evaluate(src string) (Result, hcl.Diagnostics) {
	if d := guardSource([]byte(src), ConsoleFile, false); d != nil {
		return Result{}, hcl.Diagnostics{d}
	}
	expr, diags := hclsyntax.ParseExpression([]byte(src), ConsoleFile, hcl.InitialPos)
	if diags.HasErrors() {
		return Result{}, diags
	}
	for _, t := range expr.Variables() {
		if bad := s.reference(t); bad != nil {
			diags = diags.Append(bad)
		}
	}
	if diags.HasErrors() {
		return Result{}, diags
	}
	v, diags := evaluate(expr, s.ctx)
	switch {
	case diags.HasErrors():
		return Result{}, diags
	case sizeOf(v, maxValue) > maxValue:
		return Result{}, append(diags, mistake(expr.Range(), "Value too large", fmt.Sprintf("It would hold more than %d MiB.", maxValue>>20)))
	case !v.IsWhollyKnown():
		return Result{}, append(diags, mistake(expr.Range(), "Unknown value", "It depends on something that has no value here."))
	}
	return resultOf(v), diags
}

// reference checks that a name leads somewhere.
func (s *Scope) reference(t hcl.Traversal) *hcl.Diagnostic {
	if t.RootName() == "cell" && !s.inCell {
		return mistake(t.SourceRange(), "No cell here", "cell.… is the cell that an experiment's expression is evaluated for. Name one: --cell ID.")
	}
	_, bad := s.loader.targets(t, s.inCell)
	return bad
}

func resultOf(v cty.Value) Result {
	return Result{HCL: string(hclwrite.Format(hclwrite.TokensForValue(v).Bytes())), JSON: canonical(goValue(v))}
}

// Scope is the scope of the cell: everything, and cell.<axis> and cell.fit.
func (i *Inspection) Scope() *Scope {
	x := i.x
	cell := map[string]cty.Value{fitName: x.fitValue}
	for n, a := range x.p.axes {
		cell[a.name] = a.values[x.idx[n]].value
	}
	cell["platform"] = x.platformNow().value
	ctx := i.config.Scope().ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"cell": cty.ObjectVal(cell)}
	return &Scope{loader: i.config.loader, ctx: ctx, inCell: true}
}
