package experiments

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format lays HCL source out in the one way. Source that does not parse comes back as it was, with its mistakes:
// the formatter would mangle it.
func Format(src []byte, filename string) ([]byte, hcl.Diagnostics) {
	if d := guardSource(src, filename, false); d != nil {
		return src, hcl.Diagnostics{d}
	}
	if _, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos); diags.HasErrors() {
		return src, diags
	}
	return hclwrite.Format(src), nil
}
