package backends

import (
	"context"

	"matrix/experiments"
)

// Reciper is a Backend whose engines can be started by hand.
type Reciper interface {
	// Recipe is a shell script that starts the cell's engine with the settings that a launch would give it, and needs
	// nothing of matrix. port is the server's, 0 = the declared one, else the engine's usual one. What is missing on
	// this machine is said in the script's comments: it may be meant for another. example is a request of the cell, which
	// the script shows as it is sent; a zero one is made up.
	Recipe(ctx context.Context, cell *experiments.Cell, port int, example Request) (string, error)
}
