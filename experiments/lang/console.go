package lang

import (
	"encoding/json"
	"fmt"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/syntax"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// ConsoleFile is the name by which diagnostics call an expression that stands in no file. Whoever prints them adds
// its text to the files under this name.
const ConsoleFile = "expression"

// Result is what an expression gave.
type Result struct {
	HCL  string          // as it would be written in a file
	JSON json.RawMessage // canonical
}

// Evaluate reads one expression and gives its value.
// References are checked before, so that an unknown name gets our words and not the library's. Where the diagnostics hold
// an error, a value over maxValue included, the Result is empty.
func (s *Scope) Evaluate(src string) (Result, hcl.Diagnostics) {
	expr, diags := syntax.Expression([]byte(src), ConsoleFile)
	if diags.HasErrors() {
		return Result{}, diags
	}
	for _, t := range expr.Variables() {
		if bad := s.consoleReference(t); bad != nil {
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
	case hclvalue.Size(v, maxValue) > maxValue:
		return Result{}, append(diags, diagnostic.Error(expr.Range(), "Value too large", fmt.Sprintf("It would hold more than %d MiB.", maxValue>>20)))
	case !v.IsWhollyKnown():
		return Result{}, append(diags, diagnostic.Error(expr.Range(), "Unknown value", "It depends on something that has no value here."))
	}
	return Result{HCL: string(hclwrite.Format(hclwrite.TokensForValue(v).Bytes())), JSON: cell.Canonical(hclvalue.Go(v))}, diags
}

// consoleReference checks that a name leads somewhere.
func (s *Scope) consoleReference(t hcl.Traversal) *hcl.Diagnostic {
	if t.RootName() == "cell" && !s.inCell {
		return diagnostic.Error(t.SourceRange(), "No cell here", "cell.… is the cell that an experiment's expression is evaluated for. Name one: --cell ID.")
	}
	_, bad := s.loader.targets(t, s.inCell)
	return bad
}
