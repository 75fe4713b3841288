// Command matrix compares LLM serving platforms by declarative experiments: plan, apply, look at what came out. This file turns
// signals and the exit code; backends/engines has the engines, cli the commands, view what they print.
package main

import (
	"context"
	"io"
	"os"

	"matrix/backends/engines"
	"matrix/backends/fake"
	"matrix/backends/process"
	"matrix/cmd/matrix/cli"
	"matrix/cmd/matrix/cli/app"
)

func main() {
	// matrix starts itself again as an engine's guard, as the simulator and as the mock; none returns.
	process.MainIfAsked()
	fake.MainIfAsked()
	ctx, i := app.Signals(context.Background())
	os.Exit(run(ctx, i, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, i *app.Interrupts, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	code := cli.Run(ctx, app.New(engines.Table(), i, stdin, stdout, stderr), args)
	i.Orderly() // an exit code that is known is the one that is told, however slowly the process ends
	return code
}
