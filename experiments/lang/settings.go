package lang

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/syntax"
	"matrix/experiments/textfile"
)

// environPrefix marks the environment variables that set ours.
const environPrefix = "MATRIX_VAR_"

// settingReader collects what sets variables from outside, weakest first: the environment, files, --var, a saved plan.
// An undeclared name is an error from --var, a warning from a file, and nothing from the environment, where it may
// belong to another experiment.
type settingReader struct{ *loader }

// read goes from the weakest to the strongest: of a variable's settings the last counts.
func (r settingReader) read() {
	for _, e := range r.opts.Environ {
		rest, ours := strings.CutPrefix(e, environPrefix)
		name, value, ok := strings.Cut(rest, "=")
		if v := r.variables.named(name); ours && ok && v != nil {
			v.settings = append(v.settings, setting{from: environPrefix + name, text: value})
		}
	}
	for _, path := range r.opts.VarFiles {
		r.file(path)
	}
	for _, arg := range r.opts.Vars {
		name, value, ok := strings.Cut(arg, "=")
		name = strings.TrimSpace(name)
		if !ok {
			r.diags = r.diags.Append(diagnostic.Unplaced("Bad --var", "Write --var "+arg+"=VALUE."))
			continue
		}
		v := r.variables.named(name)
		if v == nil {
			r.diags = r.diags.Append(diagnostic.Unplaced("Undeclared variable "+name, r.variables.undeclared("--var", name)))
			continue
		}
		v.settings = append(v.settings, setting{from: "--var", text: value})
	}
	for _, name := range slices.Sorted(maps.Keys(r.opts.Values)) {
		if v := r.variables.named(name); v != nil {
			v.settings = append(v.settings, setting{from: "the saved plan", value: hclvalue.Cty(r.opts.Values[name])})
		}
	}
}

// file reads a file of variables: attributes alone, which refer to nothing.
// One that cannot be read is a mistake; the other files are read all the same.
func (r settingReader) file(path string) {
	src, err := textfile.Read(path, syntax.MaxBytes)
	if err != nil {
		r.diags = r.diags.Append(diagnostic.Unplaced("Cannot read --var-file", path+": "+Reason(err)+"."))
		return
	}
	src = newlines(src)
	r.files[path] = src
	file, diags := syntax.File(src, path)
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() {
		return
	}
	attrs, diags := file.Body.JustAttributes()
	r.diags = append(r.diags, diags...)
	for _, a := range InOrder(attrs) {
		r.fromFile(path, a)
	}
}

// fromFile books one attribute of it. One that nobody declared is a warning: files are shared between experiments.
func (r settingReader) fromFile(path string, a *hcl.Attribute) {
	v := r.variables.named(a.Name)
	if v == nil {
		r.diags = r.diags.Append(diagnostic.Warning(a.NameRange, "Undeclared variable "+a.Name, r.variables.undeclared(path, a.Name)))
		return
	}
	at := a.Expr.Range()
	v.settings = append(v.settings, setting{from: path, value: r.value(a.Expr, &hcl.EvalContext{}), at: &at})
}
