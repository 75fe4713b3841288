// Package cli is the command line: one file a command, in packages by what they are about.
package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/cli/apply"
	"matrix/cmd/matrix/cli/machine"
	"matrix/cmd/matrix/cli/plan"
	"matrix/cmd/matrix/cli/report"
	"matrix/cmd/matrix/cli/tree"
)

// Run is the whole program: it returns the exit code.
// Whatever a command returns is said by Finish, not by cobra.
func Run(ctx context.Context, a *app.App, args []string) int {
	root := Root(a)
	root.SetArgs(args)
	root.SetIn(a.Stdin)
	root.SetOut(a)
	root.SetErr(a.Err)
	return a.Finish(ctx, root.ExecuteContext(ctx))
}

// Root is matrix with all its commands.
func Root(a *app.App) *cobra.Command {
	root := &cobra.Command{
		Use:   "matrix",
		Short: "Compare LLM serving platforms by declarative experiments",
		Long:  rootLong,
		// and usage: a page of flags below an error hides the error
		SilenceErrors: true,
		SilenceUsage:  true,
		// after the flags are read, before any command
		PersistentPreRun: func(*cobra.Command, []string) {
			a.Start(a.NoColor)
			a.Vars.Environ = os.Environ()
		},
	}
	// a hint in place of cobra's page of usage
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return app.Hint(err, cmd.CommandPath()+" --help lists its flags.")
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.Results, "results", "results", "folder that the results land under")
	flags.BoolVar(&a.JSON, "json", false, "newline-delimited JSON on stdout, nothing else")
	flags.BoolVar(&a.NoColor, "no-color", false, "plain ASCII without colour (also: NO_COLOR)")
	root.AddCommand(
		plan.Plan(a), plan.Show(a), plan.Explain(a), plan.Validate(a), plan.Fmt(a), plan.Graph(a), plan.Console(a),
		apply.Apply(a), apply.Tune(a), apply.Bisect(a), apply.RunCells(a),
		report.Report(a), report.Compare(a), report.History(a), report.Judge(a), report.Recipe(a), report.Export(a),
		tree.Status(a), tree.Serve(a), tree.Taint(a), tree.Accept(a), tree.Verify(a), tree.Merge(a), tree.Import(a),
		machine.Doctor(a), machine.Calibrate(a), machine.Fetch(a), machine.GC(a), machine.Version(a))
	return root
}

const rootLong = `matrix runs one declarative experiment over vLLM offline, vllm serve and Ollama:

  matrix plan experiments/gemma3.hcl     the cells, what is pending and why, what cannot fit
  matrix apply                           runs the pending ones, each isolated, warmed up, resumable

Results are Parquet, one row per request, under results/<experiment>/.

Exit codes: 0 ok, 1 error, 2 pending (plan --detailed-exitcode; apply: launches wait for
what this machine lacks), 3 fmt --check differs,
4 some cells failed, 5 declined, 6 locked by another apply, 7 a gate of compare does not hold or is not shown to, 130 interrupted.`
