// Command matrix compares LLM serving platforms by declarative experiments: plan,
// apply, look at what came out. This package wires the other packages together
// and draws their data on a terminal; it holds no logic of the domain.
package main

import (
	"context"
	"io"
	"os"

	"matrix/backends/process"
	"matrix/backends/simulator"
	"matrix/runner/calibrate/mock"
)

func main() {
	// matrix starts itself again as an engine's guard, as the simulator and as the mock; none returns.
	process.MainIfAsked()
	simulator.MainIfAsked()
	mock.MainIfAsked()
	ctx, i := signals(context.Background())
	os.Exit(run(ctx, i, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, i *interrupts, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := newApp(i, stdin, stdout, stderr)
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	return a.finish(ctx, root.ExecuteContext(ctx))
}
