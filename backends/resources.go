package backends

import "matrix/experiments"

// Reserver is a Backend whose engine takes a declared share of each GPU at its start, and does not start without it.
type Reserver interface {
	// Reserves is how many bytes of a GPU with so many the engine will want; 0 = it takes what there is.
	Reserves(c *experiments.Cell, totalBytes int64) int64
}

// Compiler is a Backend whose engines compile at their first start and keep what they compiled on disk, so that this start
// takes longer than any later one.
type Compiler interface {
	// Compiles names what an engine compiles, told from the platform's backend, arguments and environment: engines of one
	// version and model with the same name find each other's code. "" = nothing is kept.
	Compiles(platform string, args experiments.Values, env map[string]string) string
}

// ModelFiler is a Backend that knows which files a launch reads the weights from.
type ModelFiler interface {
	// ModelFiles are absolute paths; none where the model is not here.
	ModelFiles(c *experiments.Cell) []string
}
