package experiments

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// findings collects what a walk finds, saying the same thing about many cells once.
type findings struct {
	list  []*finding
	byKey map[string]*finding
	byPtr map[*hcl.Diagnostic]*finding
}

// finding is one diagnostic and how many cells have it.
type finding struct {
	diag  *hcl.Diagnostic
	first string // name of the first cell; "" when it is about no cell
	cells int
	last  *Cell
}

// Affected tells the cells that a diagnostic is about; it is the Extra of a diagnostic from an expansion.
type Affected struct {
	Cell string // the first one, "vllm_offline/gemma3_4b/1000"
	More int    // how many others have the same mistake
}

// everywhere marks a diagnostic of a cell that is about no cell in particular: a constant that is wrong.
type everywhere struct{}

// unwritten marks a warning about what is not there: of several blocks that lack it, one shows it.
type unwritten struct{}

// withheld marks a diagnostic whose source line may hold a secret: it is shown up to the subject's end.
type withheld struct{}

// withhold shows no more of the source than where the value begins.
func withhold(d *hcl.Diagnostic) {
	at := *d.Subject
	at.End = hcl.Pos{Line: at.Start.Line, Column: at.Start.Column + 1, Byte: at.Start.Byte + 1}
	d.Subject, d.Context, d.Extra = &at, nil, withheld{}
}

func newFindings() *findings {
	return &findings{byKey: map[string]*finding{}, byPtr: map[*hcl.Diagnostic]*finding{}}
}

// cell notes the diagnostics of one cell.
func (f *findings) cell(c *Cell, diags hcl.Diagnostics) {
	for _, d := range diags {
		found := f.byPtr[d]
		if found == nil {
			found = f.add(d, c.Name())
			if len(f.byPtr) < maxRemembered {
				f.byPtr[d] = found
			}
		}
		if found.last != c {
			found.last = c
			found.cells++
		}
	}
}

// maxRemembered bounds the short cut from a diagnostic to its finding; the key finds it as well.
const maxRemembered = 10_000

func (f *findings) add(d *hcl.Diagnostic, cell string) *finding {
	key := fmt.Sprintf("%d %s %v", d.Severity, d.Summary, d.Subject)
	if _, lacking := d.Extra.(unwritten); lacking {
		key = fmt.Sprintf("%d %s %s", d.Severity, d.Summary, d.Detail)
	}
	found := f.byKey[key]
	if found == nil {
		found = &finding{diag: d, first: cell}
		f.byKey[key] = found
		f.list = append(f.list, found)
	}
	return found
}

// mentions reports that an error about a place was found.
func (f *findings) mentions(r hcl.Range) bool {
	return slices.ContainsFunc(f.list, func(found *finding) bool {
		s := found.diag.Subject
		return s != nil && s.Filename == r.Filename && s.Start.Byte >= r.Start.Byte && s.End.Byte <= r.End.Byte
	})
}

func (f *findings) diagnostics() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, found := range f.list {
		d := *found.diag
		if _, all := d.Extra.(everywhere); all {
			d.Extra = nil
		} else if found.cells > 0 {
			d.Extra = Affected{Cell: found.first, More: found.cells - 1}
		}
		diags = append(diags, &d)
	}
	return sorted(diags)
}

// sorted orders diagnostics by place, errors before warnings at the same place; the unplaced come first.
func sorted(diags hcl.Diagnostics) hcl.Diagnostics {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return cmp.Compare(boolInt(a.Subject != nil), boolInt(b.Subject != nil))
		}
		return cmp.Or(cmp.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Summary, b.Summary))
	})
	return diags
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
