// Package diagnostic makes and shows what is wrong with a file: hcl's diagnostics, with the values of the cell under the
// source line, and as JSON. hcl's own writer knows neither cells nor what must not be shown.
package diagnostic

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// Error is an error in a file, with its place.
func Error(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}

// Unplaced is an error that stands in no file: a flag, an environment variable, a file that cannot be read.
func Unplaced(summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail}
}

// Warning is what may be right and probably is not, with its place.
func Warning(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	d := Error(at, summary, detail)
	d.Severity = hcl.DiagWarning
	return d
}

// Affected tells the cells that a diagnostic is about; it is the Extra of a diagnostic from an expansion.
type Affected struct {
	Cell string // the first one, "vllm_offline/gemma3_4b/1000"
	More int    // how many others have the same mistake
}

// Everywhere marks a diagnostic of a cell that is about no cell in particular: a constant that is wrong.
type Everywhere struct{}

// Unwritten marks a warning about what is not there: of several blocks that lack it, one shows it.
type Unwritten struct{}

// Withheld marks a diagnostic whose source line may hold a secret: it is shown up to the subject's end.
type Withheld struct{}

// Withhold shows no more of the source than where the value begins.
func Withhold(d *hcl.Diagnostic) {
	at := *d.Subject
	at.End = hcl.Pos{Line: at.Start.Line, Column: at.Start.Column + 1, Byte: at.Start.Byte + 1}
	d.Subject, d.Context, d.Extra = &at, nil, Withheld{}
}

// Unique drops diagnostics that say the same of the same place: an expression is checked once for its references and again
// when it is evaluated.
// The first of them stays, with its Extra.
func Unique(diags hcl.Diagnostics) hcl.Diagnostics {
	type key struct{ summary, detail, at string }
	seen := map[key]bool{}
	var list hcl.Diagnostics
	for _, d := range diags {
		k := key{d.Summary, d.Detail, ""}
		if d.Subject != nil {
			k.at = d.Subject.String()
		}
		if !seen[k] {
			seen[k] = true
			list = append(list, d)
		}
	}
	return list
}

// Sorted orders diagnostics by place, errors before warnings at the same place; the unplaced come first. It sorts the list that
// it is given: hcl.Diagnostics has no order of its own that anybody relies on.
func Sorted(diags hcl.Diagnostics) hcl.Diagnostics {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return cmp.Compare(boolInt(a.Subject != nil), boolInt(b.Subject != nil))
		}
		return cmp.Or(cmp.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Summary, b.Summary))
	})
	return diags
}

// boolInt makes a truth comparable: cmp knows none.
func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
