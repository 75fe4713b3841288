package backends

import (
	"context"

	"matrix/experiments"
)

// Download is something that a cell's model needs and that this machine lacks.
type Download struct {
	Name  string // "google/gemma-3-4b-it", "gemma3:4b-it-fp16"
	Bytes *int64 // nil: the other side does not say
	Into  string // absolute folder that it lands in; else the URL of an attached server, which keeps it
}

// Fetcher is a Backend that can get models from a network, before anything is measured.
type Fetcher interface {
	// Lacking asks the network what is not here yet, with sizes; empty when everything is.
	Lacking(ctx context.Context, cell *experiments.Cell) ([]Download, error)
	// Fetch gets one of them; a fetch that was cut off goes on where it stopped. progress is called from one goroutine.
	Fetch(ctx context.Context, cell *experiments.Cell, d Download, progress func(doneBytes, totalBytes int64)) error
}
