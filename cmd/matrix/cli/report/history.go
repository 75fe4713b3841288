package report

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/exchange"
	"matrix/results/format"
)

// History is the command.
func History(a *app.App) *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use: "history [CELLS]", Short: "Show a metric of each cell over its versions",
		Long: `Show how a metric of each cell moved: a line for each version, setting or model that it was measured with, oldest first, the
ratio to the line before with its interval, and what changed. Launches that were declared void are not in it.

CELLS is a cell (a prefix of its id, folder or name), axis=label, or an experiment.

  matrix history                                     every cell's output tokens a second
  matrix history --metric ttft_p99_s platform=serve
  matrix history --csv serve/gemma3/100              a row a launch: time, versions, the metric (Apache Otava reads it)
  matrix history --parquet history.parquet           the same as a Parquet file
  matrix history --gobench | benchstat -col engine-version -
  matrix export --out runs.parquet                   all columns of all attempts`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return history(cmd.Context(), a, f, args)
		},
	}
	cmd.Flags().StringVar(&f.metric, "metric", "output_throughput", "a column of run.parquet")
	cmd.Flags().BoolVar(&f.csv, "csv", false, "write CSV, a row a launch")
	cmd.Flags().BoolVar(&f.gobench, "gobench", false, "write lines as go test -bench does, one a launch")
	cmd.Flags().StringVar(&f.parquet, "parquet", "", "write a Parquet file of the CSV's columns")
	// each is the whole of stdout, or the one file
	cmd.MarkFlagsMutuallyExclusive("csv", "gobench", "parquet")
	return cmd
}

// historyFlags is what `matrix history` was asked for.
type historyFlags struct {
	metric, parquet string // parquet: the file; "" = none
	csv, gobench    bool
}

// history draws, or writes rows for other tools: those need each launch, a person needs each version.
func history(ctx context.Context, a *app.App, f historyFlags, words []string) error {
	// a column that is no metric has no direction, and no "better"
	metric, err := app.Metric(f.metric)
	if err != nil {
		return err
	}
	// eras without a complete launch are in none
	set, err := readSet(ctx, a, a.Results)
	if err != nil {
		return err
	}
	cells, err := chosen(set.Cells, a.Results, words...)
	if err != nil {
		return err
	}
	// one metric: a line each version would not hold more
	h := view.History{Metric: metric}
	// Eras are read from the store, cell by cell: only those that were named.
	for _, c := range cells {
		eras, err := set.Eras(ctx, c)
		if err != nil {
			return err
		}
		h.Add(c, eras)
	}
	switch {
	case f.parquet != "":
		rows, err := app.WriteWhole(f.parquet, func(w io.Writer) (int64, error) { return exchange.History(w, "parquet", h.Metric, h.Points()) })
		if err != nil {
			return err
		}
		a.Tell(ndjson.Exported{File: f.parquet, Table: "history", Attempts: int(rows), Rows: rows}, "%s %s: %s", a.Style.Good("Wrote"), f.parquet, format.Count(rows, "row"))
	case a.JSON:
		h.Records(a.Printer)
	case f.csv:
		_, err := exchange.History(a, "csv", h.Metric, h.Points())
		return err
	case f.gobench:
		return h.GoBench(a)
	default:
		h.Draw(a.Printer)
	}
	return nil
}
