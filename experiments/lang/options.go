package lang

import "matrix/experiments/cell"

// Options are what a user gives beside the files.
type Options struct {
	Vars     []string          // --var name=value, in order
	VarFiles []string          // --var-file
	Environ  []string          // MATRIX_VAR_name=value among them
	Values   cell.Values       // Config.Variables of a saved plan: stronger than all others
	Source   map[string][]byte // Config.Files of a saved plan: read instead of the disk, by the same names
	Engines  string            `json:"-"` // folder that engines are installed in
	Metrics  []cell.Metric     `json:"-"` // what a decision may name; nil = any name
}
