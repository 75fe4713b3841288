package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"matrix/experiments"
)

func (a *app) consoleCommand() *cobra.Command {
	var exprs []string
	var cell string
	cmd := &cobra.Command{
		Use: "console [FILE|DIR…]", Short: "Evaluate expressions over what the files declare",
		Long: "Evaluate expressions, one a line from stdin, over what the files declare: var., local., hardware., model., dataset.,\n" +
			"platform. and every function; with --cell also cell.<axis> and cell.fit. Nothing is started.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			scope, done, err := a.scope(cmd.Context(), args, cell)
			if err != nil {
				return err
			}
			defer done()
			if cmd.Flags().Changed("expression") {
				return a.evaluateAll(scope, exprs)
			}
			return a.converse(cmd.Context(), scope)
		},
	}
	a.declareVars(cmd)
	cmd.Flags().StringArrayVarP(&exprs, "expression", "e", nil, "evaluate this instead of stdin (repeatable)")
	cmd.Flags().StringVar(&cell, "cell", "", "a cell that cell.… stands for: any unique prefix of its id, folder or name")
	return cmd
}

// scope is what the expressions see. Only a cell needs the experiments expanded.
func (a *app) scope(ctx context.Context, args []string, cell string) (*experiments.Scope, func(), error) {
	if cell == "" {
		config, diags := experiments.Load(args, a.loadOptions())
		return config.Scope(), func() {}, a.mistakes(config, diags)
	}
	s, err := a.load(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	var all []named
	for _, e := range s.config.Experiments {
		for _, c := range s.cells[e.Name] {
			all = append(all, named{e.Name, c.Address, c.Slug, c.Name()})
		}
	}
	found := pick(all, func(n named) named { return n }, cell)
	if len(found) != 1 {
		s.close()
		return nil, nil, hinted{fmt.Errorf("%q begins %s, not one", cell, count(len(found), "cell")), "matrix plan shows the names and ids of all."}
	}
	hooks := experiments.Hooks{Check: check(a.engines()), Fit: s.fit(ctx, a.engines())}
	return s.config.Inspect(hooks, found[0].experiment, found[0].address).Scope(), s.close, nil
}

// evaluateAll evaluates every expression, whatever becomes of the others.
func (a *app) evaluateAll(scope *experiments.Scope, exprs []string) error {
	var failed error
	for _, src := range exprs {
		if err := a.evaluate(scope, src); err != nil {
			failed = err
		}
	}
	return failed
}

func (a *app) evaluate(scope *experiments.Scope, src string) error {
	result, diags := scope.Evaluate(src)
	if err := a.mistakes(&experiments.Config{Files: map[string][]byte{experiments.ConsoleFile: []byte(src)}}, diags); err != nil {
		return err
	}
	if a.json {
		a.emit("value", map[string]any{"expression": src, "value": result.JSON})
		return nil
	}
	fmt.Fprintln(a.stdout, result.HCL)
	return nil
}

// maxExpression bounds a line of stdin.
const maxExpression = 1 << 20

// converse evaluates stdin line by line. A person gets a prompt, and their mistakes are no failure of the command.
func (a *app) converse(ctx context.Context, scope *experiments.Scope) error {
	f, ok := a.stdin.(*os.File)
	person := ok && isatty.IsTerminal(f.Fd())
	prompt := func() {
		if person && !a.json {
			fmt.Fprint(a.stdout, "> ")
		}
	}
	var failed error
	lines, readErr := lines(ctx, a.stdin)
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
					fmt.Fprintln(a.stdout)
					return nil
				}
				return failed
			}
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if person && (line == "exit" || line == "quit") {
				return nil
			}
			if err := a.evaluate(scope, line); err != nil {
				failed = err
			}
		}
	}
}

// lines reads in the background, since a read of a terminal cannot be interrupted: after ^C the goroutine stays in its
// read until the program ends, which it then does at once. The error comes when the lines have ended.
func lines(ctx context.Context, r io.Reader) (<-chan string, <-chan error) {
	out, end := make(chan string), make(chan error, 1)
	go func() {
		defer close(out)
		s := bufio.NewScanner(r)
		s.Buffer(nil, maxExpression)
		for s.Scan() {
			select {
			case out <- s.Text():
			case <-ctx.Done():
				end <- nil
				return
			}
		}
		if err := s.Err(); errors.Is(err, bufio.ErrTooLong) {
			end <- fmt.Errorf("read an expression: a line is longer than %d bytes", maxExpression)
		} else {
			end <- err
		}
	}()
	return out, end
}
