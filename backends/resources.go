package backends

import "matrix/experiments"

// Reserver is a Backend whose engine takes a declared share of each GPU at its start, and does not start without it.
type Reserver interface {
	// Reserves is how many bytes of a GPU with so many the engine will want; 0 = it takes what there is.
	Reserves(c *experiments.Cell, totalBytes int64) int64
}

// ModelFiler is a Backend that knows which files a launch reads the weights from.
type ModelFiler interface {
	// ModelFiles are absolute paths; none where the model is not here.
	ModelFiles(c *experiments.Cell) []string
}
