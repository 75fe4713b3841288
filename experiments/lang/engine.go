package lang

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/schema"
	"matrix/experiments/syntax"
	"matrix/experiments/textfile"
	"matrix/experiments/wording"
)

// LockFile lies beside the files that declare engines. It is no *.hcl, which a folder would be read with.
const LockFile = "matrix.lock.json"

// Locks is what a lock file holds: by what each engine asks for, on each kind of machine.
type Locks struct {
	About   string                `json:"about"`   // for whoever opens the file; never read
	Engines map[string]*cell.Lock `json:"engines"` // by cell.Engine.Asks
}

// System is the kind of machine that this is.
const System = runtime.GOOS + "/" + runtime.GOARCH

// usualPython is what an engine's packages are installed for unless its block says otherwise.
const usualPython = "3.12"

var (
	rePinned  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?\s*==`)
	rePython  = regexp.MustCompile(`^3\.\d+$`)
	reRelease = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`)
)

// installer reads what is installed for platforms.
type installer struct{ *loader }

// installs says whether blocks of a kind are installed: what runs, and the weights that it loads.
func installs(kind string) bool { return kind == "engine" || kind == "weights" }

// engineOf reads a block, and the lock beside its file.
// Of what is wrong with it the first is said. The folder is named by the lock, so that two experiments with the same lock
// share one, and a changed lock never runs in what the old one left; without a lock nothing is ever installed there.
func (l installer) engineOf(n *node, v cty.Value) *cell.Engine {
	e := &cell.Engine{Kind: n.kind, ID: n.name, From: l.asked(n.file).name, Python: cmp.Or(hclvalue.String(v, "python"), usualPython), Place: PlaceOf(n.at)}
	e.Script = hclvalue.String(v, "script")
	e.Packages = l.requirements(n, v, "package")
	e.Overrides = l.requirements(n, v, "overrides")
	for _, name := range cell.Programs() {
		if version := hclvalue.String(v, name); version != "" {
			e.Program, e.Version = name, version
		}
	}
	switch {
	case !v.IsWhollyKnown():
	case len(e.Packages) == 0 && n.kind == "weights":
		l.mistakeAt(n, "", "Weights of nothing", `Give them a package = "NAME==1.2.3".`)
	case len(e.Packages) == 0 && e.Program == "":
		l.mistakeAt(n, "", "Engine of nothing", fmt.Sprintf(`Give it a package = "NAME==1.2.3", or the version of %s.`, wording.Listed(cell.Programs())))
	case len(e.Packages) > 0 && !rePinned.MatchString(e.Packages[0]):
		l.mistakeAt(n, "package", "Package without a version", fmt.Sprintf("%s would be another one tomorrow: write it with ==, as in package = \"NAME==1.2.3\".", e.Packages[0]))
	case !rePython.MatchString(e.Python):
		l.mistakeAt(n, "python", "No version of Python", `Write it as python = "3.12". An interpreter by its path goes into a platform's python, without an engine.`)
	case e.Program != "" && !reRelease.MatchString(e.Version):
		l.mistakeAt(n, e.Program, "No version of "+e.Program, fmt.Sprintf(`Write it as %s = "1.2.3".`, e.Program))
	}
	e.Locks = filepath.Join(filepath.Dir(n.file.name), LockFile)
	e.Lock = l.locks(n, e.Locks)[e.Asks(System)]
	e.Folder = filepath.Join(l.opts.Engines, "not-locked", n.address())
	if e.Lock != nil {
		e.Folder = filepath.Join(l.opts.Engines, e.Lock.Hash(e.Python, System))
	}
	return e
}

// asked is the file itself, or where it was imported, the first that imports were read for: what fetch can be told.
func (l installer) asked(file *source) *source {
	if i := slices.IndexFunc(l.parsed, func(f *source) bool { return !f.imported }); file.imported && i >= 0 {
		return l.parsed[i]
	}
	return file
}

// requirements are one text or several.
// An option of pip (-r, --index-url) is none, nor is a text of several lines.
func (l installer) requirements(n *node, block cty.Value, name string) (all []string) {
	v := hclvalue.Attribute(block, name)
	if text, ok := hclvalue.Text(v); ok {
		v = cty.TupleVal([]cty.Value{cty.StringVal(text)})
	}
	if !hclvalue.Present(v) || !v.IsWhollyKnown() {
		return nil
	}
	if !v.CanIterateElements() || v.Type().IsObjectType() {
		l.mistakeAt(n, name, "Wrong type for "+name, fmt.Sprintf("%s must be a requirement such as \"NAME==1.2.3\", or a list of them, not %s.", name, schema.Article(v.Type())))
		return nil
	}
	for _, one := range v.Elements() {
		text, ok := hclvalue.Text(one)
		if !ok || strings.TrimSpace(text) == "" || strings.HasPrefix(text, "-") || strings.ContainsAny(text, "\n\r") {
			l.mistakeAt(n, name, "No requirement", fmt.Sprintf("%s holds requirements as pip has them, such as \"NAME==1.2.3\".", name))
			return nil
		}
		all = append(all, strings.TrimSpace(text))
	}
	return all
}

// locks reads a lock file once. What a saved plan was made with is read from it.
func (l installer) locks(n *node, path string) map[string]*cell.Lock {
	if known, ok := l.lockFiles[path]; ok {
		return known
	}
	var file Locks
	src, given := l.opts.Source[path]
	if !given && l.opts.Source == nil {
		src, _ = textfile.Read(path, syntax.MaxBytes) // absent: nothing is locked
	}
	// Kept with the sources, so that a saved plan has it.
	if len(src) > 0 {
		l.files[path] = src
		if err := json.Unmarshal(src, &file); err != nil {
			l.diags = l.diags.Append(diagnostic.Error(n.at, "Damaged lock file", fmt.Sprintf("%s: %s. Take it back from version control, or remove it and run matrix fetch.", path, textfile.PlainJSON(err))))
		}
	}
	l.lockFiles[path] = file.Engines
	return file.Engines
}

// loads finds the weights that paths of a model's parts lead into.
// It goes by the path's text: on its way from weights.NAME.folder to a part it may have passed through any expression.
func (l installer) loads(m *cell.Model) {
	m.Weights = map[string][]*cell.Engine{}
	for _, n := range l.allOf("weights") {
		inside := func(v any) bool {
			path, ok := v.(string)
			return ok && n.installed != nil && strings.HasPrefix(path, n.installed.Folder+string(filepath.Separator))
		}
		for name, part := range m.Parts {
			if slices.ContainsFunc(slices.Collect(maps.Values(part)), inside) {
				m.Weights[name] = append(m.Weights[name], n.installed)
			}
		}
	}
}

// installed gives a platform the programs of its engine.
func (l installer) installed(n *node, p *cell.Platform, all Blocks) {
	v := hclvalue.Attribute(n.value, "engine")
	if !hclvalue.Present(v) || !v.IsKnown() {
		return
	}
	b := all.Find("engine", v)
	if b == nil {
		l.mistakeAt(n, "engine", "Not an engine", "An engine is one of the declared blocks, engine.NAME.")
		return
	}
	if why := Install(p, b.Engine); why != "" {
		l.mistakeAt(n, "engine", "Engine of another kind", strings.ToUpper(why[:1])+why[1:])
	}
}

// Install makes a platform run what an engine's folder holds, in the place of an engine that it has; else it says why it
// cannot.
// It is given a copy where the declared platform must stay as it is. What it says is a whole sentence, in lower case.
func Install(p *cell.Platform, e *cell.Engine) string {
	if p.Engine != nil {
		p.Engine, p.Python, p.Binary = nil, "", ""
	}
	switch takes := p.Kind().Installs; {
	case takes == "" || p.Attach:
		return fmt.Sprintf("platform %q launches nothing that could be installed (backend %q).", p.ID, p.Backend)
	case p.Python != "" || p.Binary != "":
		return fmt.Sprintf("platform %q names a program by its path as well. Keep one of the two.", p.ID)
	case takes == cell.InstallsPackage && (len(e.Packages) == 0 || e.Program != ""):
		return fmt.Sprintf("platform %q runs a Python package, and engine %q is something else.", p.ID, e.ID)
	case takes != cell.InstallsPackage && e.Program != takes:
		return fmt.Sprintf("platform %q runs %s, and engine %q has no version of it.", p.ID, takes, e.ID)
	}
	p.Engine = e
	if e.Program != "" {
		p.Binary = filepath.Join(e.Folder, "bin", e.Program)
	} else {
		p.Python = filepath.Join(e.Folder, "bin", "python")
	}
	return ""
}
