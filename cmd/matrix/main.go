// Command matrix compares LLM serving platforms by declarative experiments: plan, apply, look at what came out. This file names the
// engines and turns signals and the exit code; cli has the commands, view what they print.
package main

import (
	"context"
	"io"
	"os"

	"matrix/backends"
	"matrix/backends/fake"
	"matrix/backends/llamacpp"
	"matrix/backends/ollama"
	"matrix/backends/openai"
	"matrix/backends/process"
	"matrix/backends/simulator"
	"matrix/backends/vllm"
	"matrix/cmd/matrix/cli"
	"matrix/cmd/matrix/cli/app"
	"matrix/experiments"
)

// engines is the one place that names every backend: a new one is a package and a line here.
var engines = map[string]backends.Backend{
	experiments.VLLMOffline: vllm.Offline(),
	experiments.VLLMServe:   vllm.Serve(),
	experiments.Ollama:      ollama.New(),
	llamacpp.Name:           llamacpp.New(),
	experiments.OpenAI:      openai.New(),
	experiments.OpenAIBatch: openai.NewBatch(),
	experiments.Simulator:   simulator.New(),
}

func main() {
	// matrix starts itself again as an engine's guard, as the simulator and as the mock; none returns.
	process.MainIfAsked()
	fake.MainIfAsked()
	ctx, i := app.Signals(context.Background())
	code := run(ctx, i, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	i.Orderly() // an exit code that is known is the one that is told, however slowly the process ends
	os.Exit(code)
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, i *app.Interrupts, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return cli.Run(ctx, app.New(engines, i, stdin, stdout, stderr), args)
}
