package experiments

import (
	"iter"

	"github.com/hashicorp/hcl/v2"
)

// LoadOptions are what a user gives beside the files.
type LoadOptions struct {
	Vars     []string // --var name=value, in order
	VarFiles []string // --var-file
	Environ  []string // MATRIX_VAR_name=value among them
}

// Config is everything that a set of files declares.
type Config struct {
	Experiments []*Experiment        // in source order
	Decisions   map[string]*Decision // by label
	Files       map[string][]byte    // source as read, by the name used in diagnostics
	Variables   Values               // as set, for the saved plan
}

// Load reads files and folders (all *.hcl and *.hcl.json in them) and every import. It reports all mistakes
// at once; on an error the Config holds what could be understood and must not be expanded.
func Load(paths []string, opts LoadOptions) (*Config, hcl.Diagnostics) { return nil, nil }

// Experiment is one experiment block, not yet expanded.
type Experiment struct {
	Name        string
	Description string
	Tags        []string
	Place       Place
	Source      string // SHA-256 of the file that declares it (its bytes are in Config.Files)
}

// Hooks are what engines know of cells, given by the program. Nil hooks are skipped.
type Hooks struct {
	Check func(*Cell) []Problem
	Fit   func(*Cell) Fit
}

// Expansion walks an experiment's cells.
type Expansion struct{}

// Expand prepares the walk.
func (e *Experiment) Expand(h Hooks) *Expansion { return &Expansion{} }

// Cells yields every cell in source order, excluded and infeasible ones with their Skip. It may be walked once.
func (x *Expansion) Cells() iter.Seq[*Cell] { return func(func(*Cell) bool) {} }

// Diagnostics holds what the walk found (an error in a per-cell expression, a duplicate cell, an exclude that
// matched nothing); complete once Cells has ended.
func (x *Expansion) Diagnostics() hcl.Diagnostics { return nil }

// Identify composes a cell's identity from its evaluated values and what the world says.
func Identify(c *Cell, f Facts) Identity { return Identity{} }

// Diff lists what changed between a stored identity and a new one, component by component, policy left out;
// places are those of the attributes in the cell's source where known.
func Diff(before, after Identity, c *Cell) []Change { return nil }
