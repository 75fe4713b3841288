package grid

import (
	"fmt"
	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// findings collects what a walk finds, saying the same thing about many cells once.
type findings struct {
	list  []*finding                   // in the order of finding
	byKey map[string]*finding          // see add
	byPtr map[*hcl.Diagnostic]*finding // the memo hands out the same diagnostic for many cells
}

// finding is one diagnostic and how many cells have it.
type finding struct {
	diag  *hcl.Diagnostic
	first string // name of the first cell; "" when it is about no cell
	cells int
	last  *cell.Cell // so that two mistakes of one cell count it once
}

func newFindings() *findings {
	return &findings{byKey: map[string]*finding{}, byPtr: map[*hcl.Diagnostic]*finding{}}
}

// cell notes the diagnostics of one cell.
func (f *findings) cell(c *cell.Cell, diags hcl.Diagnostics) {
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

// add finds or makes the finding of a diagnostic. The text is no part of the key: of a thousand cells whose number is too large,
// each says another number.
func (f *findings) add(d *hcl.Diagnostic, cell string) *finding {
	key := fmt.Sprintf("%d %s %v", d.Severity, d.Summary, d.Subject)
	if _, lacking := d.Extra.(diagnostic.Unwritten); lacking {
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

// diagnostics says of each finding which cell has it and how many others. Copies are changed: the memo keeps the originals.
func (f *findings) diagnostics() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, found := range f.list {
		d := *found.diag
		if _, all := d.Extra.(diagnostic.Everywhere); all {
			d.Extra = nil
		} else if found.cells > 0 {
			d.Extra = diagnostic.Affected{Cell: found.first, More: found.cells - 1}
		}
		diags = append(diags, &d)
	}
	return diagnostic.Sorted(diags)
}
