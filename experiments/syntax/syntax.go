// Package syntax parses source text. The parsers recurse, and a Go stack that overflows cannot be recovered from, so
// nothing is given to one before its nesting was measured.
package syntax

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// File parses a file, as JSON syntax where its name ends so; nil where there is nothing that could be understood.
func File(src []byte, name string) (*hcl.File, hcl.Diagnostics) {
	isJSON := strings.HasSuffix(name, ".json")
	if d := guard(src, name, isJSON); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	if !isJSON {
		return hclparse.NewParser().ParseHCL(src, name)
	}
	file, diags := hclparse.NewParser().ParseJSON(src, name)
	if diags.HasErrors() { // half a JSON document tells other mistakes than those that it has
		return nil, diags
	}
	return file, diags
}

// Expression parses one expression.
func Expression(src []byte, name string) (hcl.Expression, hcl.Diagnostics) {
	if d := guard(src, name, false); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	return hclsyntax.ParseExpression(src, name, hcl.InitialPos)
}

// Format lays HCL source out in the one way. Source that does not parse comes back as it was, with its mistakes:
// the formatter would mangle it.
func Format(src []byte, name string) ([]byte, hcl.Diagnostics) {
	if d := guard(src, name, false); d != nil {
		return src, hcl.Diagnostics{d}
	}
	if _, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos); diags.HasErrors() {
		return src, diags
	}
	return hclwrite.Format(src), nil
}
