package diagnostic

import (
	"fmt"
	"maps"
	"matrix/experiments/cell"
	"matrix/experiments/hclvalue"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Values lists what the references of an expression stand for, each once: "cell.batch_size = 10". Most mistakes of a condition
// are seen by what it was given, not by how it is written.
func Values(expr hcl.Expression, ctx *hcl.EvalContext) []string {
	var list []string
	for _, r := range referencesIn(expr, ctx) {
		if line := r.Name + " = " + r.Value; !slices.Contains(list, line) {
			list = append(list, line)
		}
	}
	return list
}

// reference is a name in an expression with its value in short.
type reference struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// referencesIn follows a reference as far as it leads somewhere: of cell.platform.args.x, which is not there, it shows what is.
// What has no value is left out.
func referencesIn(expr hcl.Expression, ctx *hcl.EvalContext) []reference {
	if expr == nil || ctx == nil {
		return nil
	}
	var list []reference
	for _, t := range expr.Variables() {
		v, diags := t.TraverseAbs(ctx)
		for diags.HasErrors() && len(t) > 2 { // what is there shows why the rest is not
			t = t[:len(t)-1]
			v, diags = t.TraverseAbs(ctx)
		}
		if diags.HasErrors() {
			continue
		}
		if s := short(v); s != "" {
			list = append(list, reference{traversalText(t), s})
		}
	}
	return list
}

// traversalText writes a reference as its source does.
func traversalText(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			b.WriteString("[" + short(s.Key) + "]")
		}
	}
	return b.String()
}

// maxShort bounds a value in a message, in bytes: it stands on one line beside its name.
const maxShort = 60

// short is a value for a message; "" when there is nothing to say of it.
func short(v cty.Value) string {
	switch {
	case !v.IsKnown():
		return ""
	case v.IsNull():
		return "null"
	case v.Type() == cty.String:
		return clip(fmt.Sprintf("%q", v.AsString()))
	case v.Type().IsPrimitiveType():
		return clip(string(cell.Canonical(hclvalue.Go(v))))
	case v.Type().IsObjectType():
		if id := hclvalue.String(v, "id"); id != "" {
			return fmt.Sprintf("the block %q", id)
		}
		return fmt.Sprintf("an object with %s", clip(strings.Join(slices.Sorted(maps.Keys(v.Type().AttributeTypes())), ", ")))
	case v.CanIterateElements():
		return clip(string(cell.Canonical(hclvalue.Go(v))))
	}
	return ""
}

// clip cuts between letters: half a UTF-8 sequence would garble a terminal.
func clip(s string) string {
	if len(s) <= maxShort {
		return s
	}
	return strings.ToValidUTF8(s[:maxShort], "") + "…"
}

// JSON is a diagnostic for --json. It has no source line, and so nothing of a secret that stands there: who wants the line has
// the file. Columns and bytes are as hcl counts them, from 1 and from 0.
func JSON(d *hcl.Diagnostic) any {
	out := diagnosticJSON{Severity: "error", Summary: d.Summary, Detail: d.Detail, Values: referencesIn(d.Expression, d.EvalContext)}
	if d.Severity == hcl.DiagWarning {
		out.Severity = "warning"
	}
	if d.Subject != nil {
		out.Range = &rangeJSON{File: d.Subject.Filename, Start: posJSON(d.Subject.Start), End: posJSON(d.Subject.End)}
	}
	if a, ok := d.Extra.(Affected); ok {
		out.Cell, out.MoreCells = a.Cell, a.More
	}
	return out
}

// diagnosticJSON is the form of one diagnostic that programs read.
type diagnosticJSON struct {
	Severity  string      `json:"severity"`
	Summary   string      `json:"summary"`
	Detail    string      `json:"detail,omitempty"`
	Range     *rangeJSON  `json:"range,omitempty"`
	Values    []reference `json:"values,omitempty"`
	Cell      string      `json:"cell,omitempty"`       // the first that it is about
	MoreCells int         `json:"more_cells,omitempty"` // beside Cell
}

type rangeJSON struct {
	File  string  `json:"file"`
	Start posJSON `json:"start"`
	End   posJSON `json:"end"`
}

type posJSON struct {
	Line   int `json:"line"`   // from 1
	Column int `json:"column"` // in letters as people see them (grapheme clusters), from 1
	Byte   int `json:"byte"`   // of the file, from 0
}
