package schema

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"matrix/experiments/cell"
	"matrix/experiments/hclvalue"
	"matrix/experiments/wording"

	"github.com/zclconf/go-cty/cty"
)

// checkMemory reads an amount of memory: a number of MiB, or a string with a unit. The result is MiB.
func (f Field) checkMemory(v cty.Value) (cty.Value, *Fault) {
	if v.Type() == cty.Number {
		return Field{Name: f.Name, Kind: Number, Min: new(0.0)}.Check(v)
	}
	s, ok := hclvalue.Text(v)
	if !ok {
		return v, f.wrongType("an amount of memory", `"64MiB"`, v)
	}
	for unit, mib := range map[string]float64{"MiB": 1, "GiB": 1024} {
		digits, found := strings.CutSuffix(strings.TrimSpace(s), unit)
		if !found {
			continue
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64); err == nil && n >= 0 && n < maxWhole {
			return cty.NumberFloatVal(n * mib), nil
		}
	}
	return v, &Fault{Summary: "Bad amount of memory for " + f.Name, Detail: fmt.Sprintf(`%q is not an amount of memory. Write "64MiB" or "1GiB".`, s)}
}

// checkCapture reads which outputs are kept: true, false, a number of samples, or a word.
func (f Field) checkCapture(v cty.Value) (cty.Value, *Fault) {
	switch v.Type() {
	case cty.Bool:
		return v, nil
	case cty.Number:
		return Field{Name: f.Name, Kind: Whole, Min: new(0.0)}.Check(v)
	case cty.String:
		return Field{Name: f.Name, Kind: Text, OneOf: []string{"all", "sample", "none"}}.Check(v)
	}
	return v, f.wrongType("true, false or a number of samples", "true", v)
}

// thinkingLevels are those of generate.thinking beside true and false.
var thinkingLevels = []string{"low", "medium", "high"}

// checkThinking reads whether a model is to think, and how hard; the result is a string.
func (f Field) checkThinking(v cty.Value) (cty.Value, *Fault) {
	if v.Type() == cty.Bool {
		return cty.StringVal(strconv.FormatBool(v.True())), nil
	}
	if s, ok := hclvalue.Text(v); ok && s != "true" && s != "false" {
		return Field{Name: f.Name, Kind: Text, OneOf: thinkingLevels}.Check(v)
	} else if ok {
		return v, nil
	}
	return v, f.wrongType("true, false or a level", `"low"`, v)
}

// distributions are those that package dataset draws from.
var distributions = []string{"constant", "uniform", "normal", "lognormal"}

var lengthFields = []Field{
	{Name: "distribution", Kind: Text, OneOf: distributions}, {Name: "mean", Kind: Number, Min: new(1.0)},
	{Name: "stddev", Kind: Number, Min: new(0.0)}, {Name: "min", Kind: Whole, Min: new(1.0)}, {Name: "max", Kind: Whole, Min: new(1.0)},
}

// LengthOf reads a count of tokens, or a distribution of counts.
// Absent or unknown is the zero Length, which means that none is given.
func LengthOf(v cty.Value) (cell.Length, *Fault) {
	if !hclvalue.Present(v) {
		return cell.Length{}, nil
	}
	if v.Type() == cty.Number {
		n := hclvalue.Int(cty.ObjectVal(map[string]cty.Value{"n": v}), "n")
		if n < 1 {
			return cell.Length{}, &Fault{Summary: "Value out of range", Detail: "A length is at least 1 token."}
		}
		return cell.Length{Distribution: "constant", Mean: float64(n), Min: n, Max: n}, nil
	}
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return cell.Length{}, &Fault{Summary: "Wrong type for a length", Detail: `Write a number of tokens, or { distribution = "normal", mean = 200, stddev = 50 }.`}
	}
	return distribution(v)
}

// distribution reads the object form of a length. What is left out follows from the rest: see cell.Length.WithDefaults.
func distribution(v cty.Value) (cell.Length, *Fault) {
	checked := map[string]cty.Value{}
	for k, e := range v.Elements() {
		f := Named(lengthFields, k.AsString())
		if f == nil {
			return cell.Length{}, &Fault{Summary: "Unknown attribute", Detail: fmt.Sprintf("A length has no %q; it takes %s.%s", k.AsString(),
				strings.Join(Names(lengthFields), ", "), wording.DidYouMean(k.AsString(), Names(lengthFields)))}

		}
		c, wrong := f.Check(e)
		if wrong != nil {
			return cell.Length{}, wrong
		}
		checked[f.Name] = c
	}
	o := cty.ObjectVal(checked)
	l := cell.Length{Distribution: hclvalue.String(o, "distribution"), Mean: hclvalue.Float(o, "mean"), Stddev: hclvalue.Float(o, "stddev"), Min: hclvalue.Int(o, "min"), Max: hclvalue.Int(o, "max")}
	l = l.WithDefaults()
	if p := l.Validate(); p != nil {
		return l, &Fault{Summary: p.Summary, Detail: p.Detail}
	}
	return l, nil
}

// Named finds a field; nil: there is none of this name.
func Named(fields []Field, name string) *Field {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

// Names are those of fields, for messages.
func Names(fields []Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// Resolve makes a path absolute, by the rule of its kind: relative to the folder of the file that names it, so that an
// experiment means the same wherever matrix is started. A command without a slash is left to PATH, and a repository's name
// ("org/model") is told from a folder by ./ or ../ in front.
func Resolve(k Kind, dir, name string) string {
	switch {
	case name == "" || filepath.IsAbs(name):
		return name
	case k == Path, k == Command && strings.ContainsRune(name, '/'),
		k == Folder && (strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../")):
		return filepath.Join(dir, name)
	}
	return name
}
