// Package plan has the commands that read a user's files and start nothing.
package plan

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/runner/plan"
)

// Plan is the command.
// Nothing is started and nothing is downloaded; the results are read, and the plan is saved.
func Plan(a *app.App) *cobra.Command {
	var filter plan.Filter
	var detailed, verbose bool
	var out string
	cmd := &cobra.Command{
		Use: "plan FILE|DIR…", Short: "Show each cell, what is pending and why, and what cannot run",
		Args: app.NeedFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			// files, datasets and results of a large tree take seconds
			done := a.Patience("planning…")
			// for the ways out before it is printed
			defer done()
			// mistakes of the files are said, and end it
			s, err := a.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer s.Close()
			// saved with the plan, so that apply runs what was shown
			s.Filter = filter
			// before the plan, which is what takes it
			spareMemory(s)
			plans, err := s.Plan(cmd.Context())
			if err != nil {
				return err
			}
			// before anything is printed below it; done twice does no harm
			done()
			view.Plans(a.Printer, plans, verbose)
			// after it was shown: who cannot write there has still seen it
			path, err := s.Save(plans, out)
			if err != nil {
				return err
			}
			// not where all that is pending waits for what this machine lacks
			if !a.JSON && view.Pending(plans) > view.Waiting(plans...) {
				fmt.Fprintf(a, "\nSaved to %s. To run it: matrix apply%s\n", path, a.ResultsFlag())
			}
			// by default a plan with work to do is a success
			if detailed && view.Pending(plans) > 0 {
				return app.ExitCode(app.CodePending)
			}
			return nil
		},
	}
	a.DeclareVars(cmd)
	app.DeclareFilter(cmd, &filter)
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when something is pending")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "print every group of cells")
	cmd.Flags().StringVar(&out, "out", "", "save the plan to this file (default: under the results folder)")
	return cmd
}

// manyCells is where a plan begins to take memory that a workstation misses.
// Below it the default is faster.
const manyCells = 50_000

// cellBytes is what a large plan may take a cell: of 1,350 bytes at 100,000 cells, 1,500 at a million, that are alive at its end, a
// third more. Where that is too little, garbage is collected more often, up to half of the time. A lower percentage in place of a
// limit collects as often from the beginning, and ends higher or lower by chance.
const cellBytes = 1950

// spareMemory trades processor time for memory in a large plan.
// For the rest of the process, which ends with the plan.
func spareMemory(s *app.Session) {
	n := 0
	for _, cells := range s.Cells {
		n += len(cells)
	}
	if n > manyCells {
		debug.SetMemoryLimit(int64(n) * cellBytes)
	}
}
