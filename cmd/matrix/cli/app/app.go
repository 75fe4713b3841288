// Package app is what the commands share: the printer, the flags that all have, the table of engines, ^C, the files of a user
// loaded and planned, and the words by which a user names a cell. Commands import it; it knows none of them.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"matrix/backends"
	"matrix/cmd/matrix/view"
	"matrix/experiments/lang"
	"matrix/results/store"
)

// App is one run of the program.
// It is made once and passed to every command; flags are written into it before a command begins.
type App struct {
	*view.Printer
	Interrupts *Interrupts
	Stdin      io.Reader                   // for questions and the console
	Engines    map[string]backends.Backend // by the name that a platform block has
	Vars       lang.Options                // as the flags and the environment have them
	NoColor    bool                        // --no-color
	ReadOnly   bool                        // nothing is written into the results, not even what makes the next reading faster
	Log        *slog.Logger                // --log; nil = none is kept
}

// New makes a run of the program over its streams.
// The caller ends it with Finish.
func New(engines map[string]backends.Backend, i *Interrupts, stdin io.Reader, stdout, stderr io.Writer) *App {
	a := &App{Printer: view.NewPrinter(stdout, stderr), Interrupts: i, Stdin: stdin, Engines: engines}
	a.Printer.Version = Version()
	return a
}

// Quiet is the same run of the program with nothing to say.
// A shallow copy: variables and engines are the same.
func (a *App) Quiet() *App {
	quiet := *a
	quiet.Printer = view.NewPrinter(io.Discard, io.Discard)
	quiet.Printer.Results = a.Results
	return &quiet
}

// Store opens the results; what is found wrong with them on the way is said once.
// Each call opens anew: a notice is said once a store.
func (a *App) Store() (*store.Store, error) { return a.StoreAt(a.Results) }

// StoreAt opens another tree.
func (a *App) StoreAt(root string) (*store.Store, error) {
	s, err := store.Open(root)
	if err == nil {
		s.Notice, s.ReadOnly = a.Warn, a.ReadOnly
	}
	return s, err
}

// DeclareVars adds the flags by which a user sets an experiment's variables.
// Commands that load files have them.
func (a *App) DeclareVars(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&a.Vars.Vars, "var", nil, "set a variable: name=value (repeatable)")
	cmd.Flags().StringArrayVar(&a.Vars.VarFiles, "var-file", nil, "read variables from a file (repeatable)")
}

// ExperimentsThere are the experiments with attempts in the results.
// Sorted. Damaged attempts count: their experiment is there.
func (a *App) ExperimentsThere(ctx context.Context) ([]string, error) {
	store, err := a.Store()
	if err != nil {
		return nil, err
	}
	past, err := store.History(ctx, "")
	names := map[string]bool{}
	for _, p := range past {
		names[p.Experiment] = true
	}
	return slices.Sorted(maps.Keys(names)), err
}

// ResultsThere refuses a folder of results that does not exist.
// For commands that only read; an apply makes the folder.
func (a *App) ResultsThere() error {
	if _, err := os.Stat(a.Results); errors.Is(err, fs.ErrNotExist) {
		return Hint(fmt.Errorf("there are no results in %s", a.Results), "Name the folder: --results DIR.")
	}
	return nil
}
