// Package lang reads the HCL that users write: files and imports, variables, declared blocks, functions, and what is wrong
// with them. An experiment's own block it hands on as it stands (see package grid).
package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty/function"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
)

// Config is everything that a set of files declares.
type Config struct {
	Experiments []Experiment              // in source order
	Decisions   map[string]*cell.Decision // by label
	Blocks      Blocks                    // what has no value, after a mistake, is not among them
	Files       map[string][]byte         // source as read, by the name used in diagnostics
	Variables   cell.Values               // as set from outside (not the defaults), for the saved plan
	loader      *loader                   // what Scope and Graph look at
}

// Experiment is one experiment block as it stands in its file.
type Experiment struct {
	*hcl.Block
	Name     string
	Imported bool    // only other files led here: nobody asked for its cells
	file     *source // for the folder that its paths start from
}

// Load reads files and folders (all *.hcl and *.hcl.json in them) and every import. What is wrong with them is in
// Diagnostics; the Config holds what could be understood.
// The order of the steps matters: variables can be set only once all are declared, values need the settings, and what
// blocks must be together is looked at when they have values.
func Load(paths []string, opts Options) *Config {
	files := newSources(opts.Source)
	for _, path := range paths {
		files.add(path)
	}
	l := &loader{files: files.files, parsed: files.parsed, diags: files.diags, opts: opts, nodes: map[string]*node{},
		functions: map[string]map[string]function.Function{}, roots: map[string]*hcl.EvalContext{}, set: cell.Values{},
		lockFiles: map[string]map[string]*cell.Lock{}}
	config := &Config{Decisions: map[string]*cell.Decision{}, Files: l.files, Variables: l.set, loader: l}
	if files.unread { // whatever else could be said would follow from what is missing
		return config
	}
	l.declare()
	settingReader{l}.read()
	l.evaluateAll()
	l.validate()
	config.Blocks = l.declaredBlocks()
	l.experimentsAndDecisions(config)
	return config
}

// Diagnostics is what was found wrong so far, by whoever read the files or looked at them through a Scope: each once,
// sorted by place.
func (c *Config) Diagnostics() hcl.Diagnostics {
	return diagnostic.Sorted(diagnostic.Unique(c.loader.diags))
}

// experimentsAndDecisions hands on what nothing can refer to, each label once.
func (l *loader) experimentsAndDecisions(config *Config) {
	seen := map[string]hcl.Range{}
	for _, b := range l.blocks {
		key := b.Type + " " + b.Labels[0]
		if first, twice := seen[key]; twice {
			l.diags = l.diags.Append(diagnostic.Error(b.LabelRanges[0], "Declared twice", "There is a "+key+" already, at "+PlaceOf(first).String()+". Give one of them another name."))
			continue
		}
		seen[key] = b.LabelRanges[0]
		if b.Type == "decision" {
			d := l.decision(b)
			config.Decisions[d.ID] = d
			continue
		}
		config.Experiments = append(config.Experiments, Experiment{Block: b.Block, Name: b.Labels[0], Imported: b.file.imported, file: b.file})
	}
}
