// Package engines is the table of all backends. It makes them known to the language, whoever imports it.
package engines

import (
	"matrix/backends"
	"matrix/backends/llamacpp"
	"matrix/backends/ollama"
	"matrix/backends/openai"
	"matrix/backends/simulator"
	"matrix/backends/vllm"
	"matrix/experiments/cell"
)

// served are the engines, in the order in which they are named to a user: a new one is a package and a line here.
var served = []backends.Backend{
	vllm.Offline(),
	vllm.Serve(),
	ollama.New(),
	llamacpp.New(),
}

// By init, since experiments are read before anything asks for the table: the language must know the names by then.
func init() {
	for _, b := range served {
		cell.Register(b.Kind)
	}
}

// Table has every backend by the name that a platform gives.
// It is made anew for each call, so a caller may change its own.
func Table() map[string]backends.Backend {
	// These have no Kind: the language knows them without being told.
	table := map[string]backends.Backend{
		cell.OpenAI: openai.New(), cell.OpenAIBatch: openai.NewBatch(), cell.Simulator: simulator.New(),
	}
	for _, b := range served {
		table[b.Kind.Name] = b
	}
	return table
}
