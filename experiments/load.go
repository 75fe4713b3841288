package experiments

import (
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty/function"
)

// LoadOptions are what a user gives beside the files.
type LoadOptions struct {
	Vars     []string          // --var name=value, in order
	VarFiles []string          // --var-file
	Environ  []string          // MATRIX_VAR_name=value among them
	Values   Values            // Config.Variables of a saved plan: stronger than all others
	Source   map[string][]byte // Config.Files of a saved plan: read instead of the disk, by the same names
	Metrics  []Metric          `json:"-"` // what a decision may name; nil = any name
}

// Config is everything that a set of files declares.
type Config struct {
	Experiments []*Experiment        // in source order
	Decisions   map[string]*Decision // by label
	Files       map[string][]byte    // source as read, by the name used in diagnostics
	Variables   Values               // as set from outside (not the defaults), for the saved plan
	loader      *loader              // what Scope and Graph look at
}

// Experiment is one experiment block, not yet expanded.
type Experiment struct {
	Name        string
	Description string
	Tags        []string
	Place       Place
	Source      string // SHA-256 of the file that declares it (its bytes are in Config.Files)
	program     *program
}

// Hooks are what engines know of cells, given by the program. Nil hooks are skipped.
type Hooks struct {
	Check func(*Cell) []Problem
	// Fit is called once per combination of platform, model, dataset, hardware and generate, and may read nothing else of
	// the cell: the load, for one, may itself depend on the prediction.
	Fit func(*Cell) Fit
}

// Load reads files and folders (all *.hcl and *.hcl.json in them) and every import. It reports all mistakes
// at once, sorted by place; on an error the Config holds what could be understood and must not be expanded.
func Load(paths []string, opts LoadOptions) (*Config, hcl.Diagnostics) {
	l := &loader{sources: newSources(opts.Source), opts: opts, nodes: map[string]*node{},
		functions: map[string]map[string]function.Function{}, roots: map[string]*hcl.EvalContext{}, set: Values{}}
	for _, path := range paths {
		l.add(path)
	}
	if l.unread { // whatever else could be said would follow from what is missing
		return &Config{Decisions: map[string]*Decision{}, Files: l.files, Variables: l.set, loader: l}, sorted(unique(l.diags))
	}
	l.declare()
	l.readSettings()
	l.evaluateAll()
	l.validate()
	config := &Config{Decisions: map[string]*Decision{}, Files: l.files, Variables: l.set, loader: l}
	l.experimentsAndDecisions(config)
	if l.diags.HasErrors() {
		l.mistakesOfCells(config)
	}
	return config, sorted(unique(l.diags))
}

func (l *loader) experimentsAndDecisions(config *Config) {
	registry := l.registry()
	seen := map[string]hcl.Range{}
	for _, b := range l.blocks {
		key := b.Type + " " + b.Labels[0]
		if first, twice := seen[key]; twice {
			l.diags = l.diags.Append(mistake(b.LabelRanges[0], "Declared twice", "There is a "+key+" already, at "+placeOf(first).String()+". Give one of them another name."))
			continue
		}
		seen[key] = b.LabelRanges[0]
		if b.Type == "decision" {
			if d := l.decision(b); d != nil {
				config.Decisions[d.ID] = d
			}
			continue
		}
		e, _ := l.compile(b, registry)
		if b.file.imported {
			continue // what is wrong with it was said
		}
		config.Experiments = append(config.Experiments, e)
	}
}

// mistakesOfCells walks what is sound although something else is not, so that all mistakes are said at once. No
// warning of such a walk counts: a rule may match nothing only because of what is broken.
func (l *loader) mistakesOfCells(config *Config) {
	for _, e := range config.Experiments {
		x := e.Expand(Hooks{})
		for range x.Cells() {
			continue
		}
		for _, d := range x.Diagnostics() {
			if d.Severity == hcl.DiagError {
				l.diags = append(l.diags, d)
			}
		}
	}
}

// unique drops diagnostics that say the same of the same place.
func unique(diags hcl.Diagnostics) hcl.Diagnostics {
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

// decision reads how platforms are weighed.
func (l *loader) decision(b fileBlock) *Decision {
	attrs := l.content(b.Block, bodySchema(decisionBlock.fields), "in decision").Attributes
	d := decoder{loader: l, ctx: l.root(b.file), dir: b.file.dir, ranges: map[string]hcl.Range{}}
	result := &Decision{ID: b.Labels[0], Place: placeOf(b.LabelRanges[0]), Weights: map[string]float64{}, Require: map[string]float64{}, Goals: map[string]string{}}
	for _, a := range inOrder(attrs) {
		if !l.sound(a.Expr, false) {
			continue
		}
		v := d.attribute(*fieldNamed(decisionBlock.fields, a.Name), a.Expr, a.Name)
		if l.question(result, d, a, v) {
			continue
		}
		l.decisionPart(result, d, a, valuesOf(v))
	}
	return result
}

func (l *loader) decisionPart(to *Decision, d decoder, a *hcl.Attribute, values Values) {
	for _, name := range keysOf(maps.Clone(values)) {
		at := a.Range
		if r, ok := d.ranges[a.Name+"."+name]; ok {
			at = r
		}
		if a.Name != "weights" && !l.metric(at, name) {
			continue
		}
		if a.Name == "goals" {
			l.goal(to, at, name, values[name])
			continue
		}
		var n float64
		switch v := values[name].(type) {
		case int64:
			n = float64(v)
		case float64:
			n = v
		default:
			l.diags = l.diags.Append(mistake(at, "Wrong type for "+name, a.Name+" holds numbers, for instance "+a.Name+" = { "+name+" = 1 }."))
			continue
		}
		if a.Name == "require" {
			l.bound(at, name, n)
			to.Require[name] = n
			continue
		}
		l.weight(to, at, name, n)
	}
}

// criteria are what a decision weighs.
var criteria = []string{"performance", "reliability", "efficiency", "simplicity", "quality"}

func (l *loader) weight(to *Decision, at hcl.Range, name string, n float64) {
	switch {
	case fieldNamed(fieldsOf(criteria), name) == nil:
		l.diags = l.diags.Append(mistake(at, "Unknown criterion", "A decision weighs "+listed(criteria)+"."+didYouMean(name, criteria)))
	case n < 0:
		l.diags = l.diags.Append(mistake(at, "Negative weight", "A weight is at least 0."))
	default:
		to.Weights[name] = n
	}
}

func fieldsOf(names []string) []field {
	fields := make([]field, len(names))
	for i, n := range names {
		fields[i].name = n
	}
	return fields
}

// goals are the directions of a metric.
var goals = []string{"min", "max"}

func (l *loader) goal(to *Decision, at hcl.Range, metric string, v any) {
	s, ok := v.(string)
	if !ok || fieldNamed(fieldsOf(goals), s) == nil {
		l.diags = l.diags.Append(mistake(at, "Unknown goal", "A metric's goal is "+listed(goals)+": whether less or more of it is better."+didYouMean(s, goals)))
		return
	}
	to.Goals[metric] = s
}
