package app

import (
	"fmt"

	"github.com/spf13/cobra"

	"matrix/runner/plan"
)

// Need is what cobra.MinimumNArgs(1) checks, in words that say what to type: example is the arguments of one good command.
// cobra says "requires at least 1 arg(s)", which helps nobody.
func Need(what, example string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return Hint(fmt.Errorf("%s needs %s", cmd.CommandPath(), what), "For example: "+cmd.CommandPath()+" "+example)
	}
}

// NeedFiles wants the files that declare experiments, one or more, or their folders.
var NeedFiles = Need("a file or a folder", "experiments/gemma3.hcl")

// NoArguments is what cobra.NoArgs checks, in words that fit a command without commands of its own.
func NoArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return Hint(fmt.Errorf("%s takes no argument, and got %q", cmd.CommandPath(), args[0]), cmd.CommandPath()+" --help lists its flags.")
}

// DeclareFilter adds the flags that narrow a plan.
// Of apply and plan: both must choose alike.
func DeclareFilter(cmd *cobra.Command, f *plan.Filter) {
	DeclareChoice(cmd, f)
	cmd.Flags().StringSliceVar(&f.Replace, "replace", nil, "run these cells again though they are done: axis=glob, an id or a name")
	cmd.Flags().IntVar(&f.Launches, "launches", 0, "launches of each cell at least, where the files declare fewer: results stay valid")
	cmd.Flags().StringSliceVar(&f.Rerun, "rerun", nil, "run again what ended so or changed there: failed, censored, spec, dataset, model, backend, hardware")
}

// DeclareChoice adds those that choose cells.
// Of commands that choose cells and run none again.
func DeclareChoice(cmd *cobra.Command, f *plan.Filter) {
	cmd.Flags().StringArrayVar(&f.Only, "only", nil, "only these cells: axis=glob, an id or a name, globs too (repeatable, all must match)")
	cmd.Flags().StringArrayVar(&f.Except, "except", nil, "leave these cells out: axis=glob, an id or a name (repeatable)")
}

// SelectorHelp says how commands take a cell.
const SelectorHelp = "CELL is any unique prefix of a cell's id, of its folder's name, or of its name (platform/model/batch size)."

// NeedCell is what cobra.MinimumNArgs(1) checks, in words that say what to type.
func NeedCell(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return Hint(fmt.Errorf("%s needs a cell", cmd.CommandPath()), SelectorHelp+" matrix plan shows them.")
}

// OnlyCell wants one selector and no more.
func OnlyCell(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return Hint(fmt.Errorf("%s takes one selector, not %d", cmd.CommandPath(), len(args)), "For several cells at once: axis=glob, like batch_size=10,100.")
	}
	return NeedCell(cmd, args)
}
