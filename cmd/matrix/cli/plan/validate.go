package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
)

// Validate is the command.
// Notes are no mistakes: it exits 0 with them.
func Validate(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "validate FILE|DIR…", Short: "Check files and datasets: no GPU, no network, nothing started",
		Args: app.NeedFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			s, err := a.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer s.Close()
			cells, notes, err := checkData(cmd.Context(), s)
			if err != nil {
				return err
			}
			if a.JSON {
				a.Record(ndjson.Validated{Experiments: len(s.Config.Experiments), Cells: cells, Notes: ndjson.List(notes)})
				return nil
			}
			for _, note := range notes {
				a.Line("%s", a.Style.Warn(note))
			}
			fmt.Fprintf(a, "%s %s, %s.\n", a.Style.Good("Valid:"), format.Count(len(s.Config.Experiments), "experiment"), format.Count(cells, "cell"))
			return nil
		},
	}
	a.DeclareVars(cmd)
	return cmd
}

// checkData opens every dataset and holds every cell against its own; each mistake is said once. cells counts all; notes are
// what to know of how a dataset was read.
// Datasets of cells that are skipped are not opened: they may not even exist.
func checkData(ctx context.Context, s *app.Session) (cells int, notes []string, err error) {
	var faults []error
	// a thousand cells share a dataset and its fault
	said := map[string]bool{}
	for _, c := range s.Each() {
		cells++
		if c.Skip != nil || c.Dataset == nil {
			continue
		}
		// opened once for all cells that name it
		set, err := s.Dataset(ctx, c.Dataset)
		if err == nil {
			// enough prompts, references and schemas for what the cell asks
			err = set.Fits(c)
			for _, note := range slices.Concat(set.Form(), set.Notes()) {
				if !said[note] {
					said[note] = true
					notes = append(notes, note)
				}
			}
		}
		if err != nil && !said[err.Error()] {
			said[err.Error()] = true
			faults = append(faults, err)
		}
	}
	// All at once, so that one run of the command shows all there is to mend.
	return cells, notes, errors.Join(faults...)
}
