// Package grid turns experiments into cells: axes, excludes, includes, overrides and constraints, each expression evaluated
// once per combination of the axes that it refers to. It knows no engine; what engines know of a cell is handed to it as
// functions (Hooks).
package grid

import (
	"github.com/hashicorp/hcl/v2"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/lang"
)

// Config is everything that a set of files declares, its experiments ready to be expanded.
type Config struct {
	*lang.Config
	Experiments []*Experiment // in source order
}

// Experiment is one experiment block, not yet expanded.
type Experiment struct {
	Name    string
	Place   cell.Place
	program *program // nil is a broken one
}

// Hooks are what engines know of cells, given by the program. Nil hooks are skipped.
type Hooks struct {
	Check func(*cell.Cell) []cell.Problem // what the engine cannot do of a complete cell; paths as in cell.Problem
	// Fit is called once per combination of platform, model, dataset, hardware and generate, and may read nothing else of
	// the cell: the load, for one, may itself depend on the prediction.
	Fit func(*cell.Cell) cell.Fit
}

// Load reads files and folders (all *.hcl and *.hcl.json in them) and every import. It reports all mistakes
// at once, sorted by place; on an error the Config holds what could be understood and must not be expanded.
func Load(paths []string, opts lang.Options) (*Config, hcl.Diagnostics) {
	config := &Config{Config: lang.Load(paths, opts)}
	for _, e := range config.Config.Experiments {
		p := compile(config.Config, e)
		if e.Imported {
			continue // what is wrong with it was said
		}
		config.Experiments = append(config.Experiments, &Experiment{Name: e.Name, Place: p.place, program: p})
	}
	diags := config.Diagnostics()
	if diags.HasErrors() {
		diags = diagnostic.Sorted(diagnostic.Unique(append(diags, config.mistakesOfCells()...)))
	}
	return config, diags
}

// mistakesOfCells walks what is sound although something else is not, so that all mistakes are said at once. No
// warning of such a walk counts: a rule may match nothing only because of what is broken.
func (c *Config) mistakesOfCells() (found hcl.Diagnostics) {
	for _, e := range c.Experiments {
		x := e.Expand(Hooks{})
		for range x.Cells() {
			continue
		}
		for _, d := range x.Diagnostics() {
			if d.Severity == hcl.DiagError {
				found = append(found, d)
			}
		}
	}
	return found
}
