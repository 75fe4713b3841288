package plan

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
	"matrix/results/format"
)

// Console is the command.
// Its exit code tells of mistakes only where no person typed them.
func Console(a *app.App) *cobra.Command {
	var exprs []string
	var cell string
	cmd := &cobra.Command{
		Use: "console [FILE|DIR…]", Short: "Evaluate expressions over what the files declare",
		Long: "Evaluate expressions, one a line from stdin, over what the files declare: var., local., hardware., model., dataset.,\n" +
			"platform. and every function; with --cell also cell.<axis> and cell.fit. Nothing is started.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			scope, done, err := scope(cmd.Context(), a, args, cell)
			if err != nil {
				return err
			}
			defer done()
			if cmd.Flags().Changed("expression") {
				return evaluateAll(a, scope, exprs)
			}
			return converse(cmd.Context(), a, scope)
		},
	}
	a.DeclareVars(cmd)
	cmd.Flags().StringArrayVarP(&exprs, "expression", "e", nil, "evaluate this instead of stdin (repeatable)")
	cmd.Flags().StringVar(&cell, "cell", "", "a cell that cell.… stands for: any unique prefix of its id, folder or name")
	return cmd
}

// scope is what the expressions see. Only a cell needs the experiments expanded.
// The function ends it; it is nil where there is an error. A fault of the files is said here, once.
func scope(ctx context.Context, a *app.App, args []string, cell string) (*lang.Scope, func(), error) {
	// cell.… is then not known, and an expression that has it says so
	if cell == "" {
		config, diags := grid.Load(args, a.LoadOptions())
		return config.Scope(), func() {}, a.Mistakes(config.Files, diags)
	}
	s, err := a.Load(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	var all []app.Name
	for experiment, c := range s.Each() {
		all = append(all, app.Declared(experiment, c))
	}
	found := app.Pick(all, func(n app.Name) app.Name { return n }, cell)
	if len(found) != 1 {
		s.Close()
		return nil, nil, app.Hint(fmt.Errorf("%q begins %s, not one", cell, format.Count(len(found), "cell")), "matrix plan shows the names and ids of all.")
	}
	return s.Config.Inspect(s.Hooks(ctx), found[0].Experiment, found[0].Address).Scope(), s.Close, nil
}

// evaluateAll evaluates every expression, whatever becomes of the others.
// A script gets every value that there is.
func evaluateAll(a *app.App, scope *lang.Scope, exprs []string) error {
	var failed error
	for _, src := range exprs {
		if err := evaluate(a, scope, src); err != nil {
			failed = err
		}
	}
	return failed
}

// evaluate says the value, or each mistake with its place in the expression.
func evaluate(a *app.App, scope *lang.Scope, src string) error {
	result, diags := scope.Evaluate(src)
	// the expression stands as a file, so that its mistakes show their place
	if err := a.Mistakes(map[string][]byte{lang.ConsoleFile: []byte(src)}, diags); err != nil {
		return err
	}
	if a.JSON {
		a.Record(ndjson.Value{Expression: src, Value: result.JSON})
		return nil
	}
	for line := range strings.SplitSeq(result.HCL, "\n") { // a script that reads it gets it to the sign
		fmt.Fprintln(a.Page(), view.Fold(line, a.Width()))
	}
	return nil
}

// converse evaluates stdin line by line. A person gets a prompt, and their mistakes are no failure of the command.
// Lines that begin with # are passed over, so that a file of expressions may have comments.
func converse(ctx context.Context, a *app.App, scope *lang.Scope) error {
	f, ok := a.Stdin.(*os.File)
	// a pipe gets values alone
	person := ok && isatty.IsTerminal(f.Fd())
	prompt := func() {
		if person && !a.JSON {
			fmt.Fprint(a, "> ")
		}
	}
	// the last one; each was said
	var failed error
	// in the background, or ^C would wait for the next line
	lines, readErr := app.Lines(ctx, a.Stdin)
	for prompt(); ; prompt() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, more := <-lines:
			if !more {
				if err := <-readErr; err != nil {
					return err
				}
				if person {
					fmt.Fprintln(a)
					return nil
				}
				return failed
			}
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			// in a script these would be expressions
			if person && (line == "exit" || line == "quit") {
				return nil
			}
			if err := evaluate(a, scope, line); err != nil {
				failed = err
			}
		}
	}
}
