package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/exchange"
	"matrix/results/foreign"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/results/summary"
)

// folders is the format of a folder a table.
const folders = "tables"

// exportFlags is what `matrix export` was asked for.
type exportFlags struct {
	table, format, out string // out: a file, a folder, or - for stdout
}

// Export is the command.
func Export(a *app.App) *cobra.Command {
	var e exportFlags
	cmd := &cobra.Command{
		Use: "export [EXPERIMENT…]", Short: "Write results as one Parquet, CSV or JSONL file, a folder a table, or as other tools read them",
		Long: `Write one table of all attempts, or of those of some experiments, as one file. The column counts says which attempts the
report goes by, why_not what keeps the others: superseded (the cell was changed since), replaced, engine_failed … Attempts
that a person tainted or whose files are damaged are left out and named.

  matrix export --out runs.csv                                   one row per attempt
  matrix export --table requests --out requests.parquet gemma3   one row per request
  matrix export --format jsonl --out - | jq .output_throughput

For other tools --out is a folder:

  matrix export --format tables --out tables        all four tables, a folder each: pandas.read_parquet("tables/run")
  matrix export --format llm-d --out reports        llm-d's Benchmark Report 0.2.1, a file an attempt
  matrix export --format ` + foreign.Bench + ` --out bench     what that benchmark's --save-detailed writes, a file an attempt
  matrix export --format go-bench --out bench       lines for benchstat, a line an attempt that counts
  matrix export --format mlflow --out mlruns        MLflow's file store, a run an attempt`,
		RunE: func(cmd *cobra.Command, args []string) error { return export(cmd.Context(), a, e, args) },
	}
	f := cmd.Flags()
	f.StringVar(&e.table, "table", "run", "run, requests, samples or outputs")
	f.StringVar(&e.format, "format", "", strings.Join(formats(), ", ")+" (default: by the name of --out)")
	f.StringVar(&e.out, "out", "", "file to write, - for stdout; for other tools a folder")
	return cmd
}

// formats are all that --format takes.
func formats() []string {
	return append([]string{"parquet", "csv", "jsonl", folders}, foreign.Formats()...)
}

// export writes rows of results, in a format that the file's ending tells where --format does not.
// A file is written whole or not at all, see app.WriteWhole.
func export(ctx context.Context, a *app.App, e exportFlags, names []string) error {
	if e.out == "" {
		return app.Hint(errors.New("matrix export needs a file to write"), "For example: --out runs.csv, or --out - --format jsonl for standard output.")
	}
	// runs.csv says it; - and a folder do not
	if e.format == "" {
		e.format = strings.TrimPrefix(filepath.Ext(e.out), ".")
	}
	if e.format == "" {
		return app.Hint(errors.New("the format is unknown"), "Say --format parquet, csv or jsonl; or tables, for a folder a table.")
	}
	if !slices.Contains(formats(), e.format) {
		return fmt.Errorf("format %q is not known: %s", e.format, strings.Join(formats(), ", "))
	}
	if e.format == folders {
		return exportFolders(ctx, a, e, names)
	}
	if slices.Contains(foreign.Formats(), e.format) {
		return exportForeign(ctx, a, e, names)
	}
	attempts, err := exported(ctx, a, e.table, names)
	if err != nil {
		return err
	}
	// of a command whose output is data, nothing else goes to stdout
	if e.out == "-" {
		_, err := exchange.Export(a.Page(), e.format, e.table, attempts)
		return err
	}
	return exportFile(a, e, attempts)
}

// exportFile writes a table as one file. One that is there stays until the new one is whole.
func exportFile(a *app.App, e exportFlags, attempts []exchange.Attempt) error {
	rows, err := app.WriteWhole(e.out, func(w io.Writer) (int64, error) { return exchange.Export(w, e.format, e.table, attempts) })
	if err != nil {
		return err
	}
	a.Tell(ndjson.Exported{File: e.out, Table: e.table, Attempts: len(attempts), Rows: rows}, "%s %s: %s of %s", a.Style.Good("Wrote"), e.out, format.Count(rows, "row"), format.Count(len(attempts), "attempt"))
	return nil
}

// exportFolders writes each table into a folder of its own, for readers that take a folder for a table (pandas, pyarrow, Spark).
// A file a table, not one an attempt: what was tainted since the last export must not stay there.
func exportFolders(ctx context.Context, a *app.App, e exportFlags, names []string) error {
	if e.out == "-" || e.table != record.TableRun {
		return app.Hint(errors.New("all four tables are written into a folder, so there is no choice of one"), "For example: matrix export --format tables --out tables.")
	}
	attempts, err := standing(ctx, a, names)
	if err != nil {
		return err
	}
	for _, table := range []string{record.TableRun, record.TableRequests, record.TableSamples, record.TableOutputs} {
		folder := filepath.Join(e.out, table)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		one := exportFlags{table: table, format: "parquet", out: filepath.Join(folder, table+".parquet")}
		if err := exportFile(a, one, withTable(a, table, attempts)); err != nil {
			return err
		}
	}
	return nil
}

// exportForeign writes attempts as another tool reads them, and says what that has no place for.
// Rows in the record of --json are files here.
func exportForeign(ctx context.Context, a *app.App, e exportFlags, names []string) error {
	if e.out == "-" || e.table != "run" {
		return app.Hint(fmt.Errorf("%s is written into a folder, and has no choice of tables", e.format), "For example: matrix export --format "+e.format+" --out "+e.format+".")
	}
	needs := record.TableRun
	// it has a list entry a request, so without rows there is nothing to write
	if e.format == foreign.Bench {
		needs = record.TableRequests
	}
	attempts, err := exported(ctx, a, needs, names)
	if err != nil {
		return err
	}
	// files of the same names are replaced, others in the folder stay
	files, err := foreign.Write(e.out, e.format, attempts)
	if err != nil {
		return err
	}
	a.Tell(ndjson.Exported{File: e.out, Table: "run", Attempts: len(attempts), Rows: int64(len(files))}, "%s %s: %s of %s", a.Style.Good("Wrote"), e.out, format.Count(len(files), "file"), format.Count(len(attempts), "attempt"))
	if !a.JSON {
		fmt.Fprintln(a, a.Style.Dim(foreign.Lost(e.format)))
	}
	return nil
}

// exported lists the attempts to write, each with whether it counts. What is void, damaged or without the table is named
// instead.
// Nothing at all is an error: an empty file would be taken for an empty experiment.
func exported(ctx context.Context, a *app.App, table string, names []string) ([]exchange.Attempt, error) {
	all, err := standing(ctx, a, names)
	if err != nil {
		return nil, err
	}
	out := withTable(a, table, all)
	if len(out) == 0 {
		return nil, fmt.Errorf("every attempt in %s is left out", a.Results)
	}
	return out, nil
}

// standing lists the attempts that may be written, and names the others.
func standing(ctx context.Context, a *app.App, names []string) ([]summary.Standing, error) {
	store, err := a.Store()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = []string{""}
	}
	// also what does not count: the column says so
	set, err := summary.Survey(ctx, store, a.Results, names...)
	if err != nil {
		return nil, err
	}
	var out []summary.Standing
	for _, p := range set.Standings() {
		switch {
		case p.Problem != "":
			fmt.Fprintf(a.Err, "left out: %s is %s (%s)\n", p.Dir, p.Problem, p.Detail)
		// somebody found it wrong: it must not get into a sum
		case p.Tainted != "":
			fmt.Fprintf(a.Err, "left out: %s is tainted (%s)\n", p.Dir, p.Tainted)
		default:
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, noAttempts(ctx, a, names)
	}
	return out, nil
}

// withTable are those that have a table, and names the others.
// Damage inside of a file shows only when it is read: told then, and the others go on.
func withTable(a *app.App, table string, all []summary.Standing) []exchange.Attempt {
	var out []exchange.Attempt
	for _, p := range all {
		if p.Lacks(table) {
			fmt.Fprintf(a.Err, "left out: %s has no %s.parquet any more\n", p.Dir, table)
			continue
		}
		out = append(out, exchange.Attempt{Dir: p.Dir, WhyNot: p.WhyNot, Unreadable: func(err error) {
			fmt.Fprintf(a.Err, "left out: %s cannot be read (%v); matrix verify looks at all files\n", p.Dir, err)
		}})
	}
	return out
}

// noAttempts says that there is nothing of these experiments, and what there is.
// An experiment's name mistyped is the usual cause.
func noAttempts(ctx context.Context, a *app.App, names []string) error {
	there, err := a.ExperimentsThere(ctx)
	if err != nil {
		return err
	}
	if len(there) == 0 {
		return app.Hint(fmt.Errorf("there are no results in %s", a.Results), "Measure first: matrix apply; or name another folder: --results DIR.")
	}
	if names[0] == "" {
		return fmt.Errorf("every attempt in %s is left out", a.Results)
	}
	return app.Hint(fmt.Errorf("no attempt of %s in %s", strings.Join(names, ", "), a.Results), "There are: "+strings.Join(there, ", ")+".")
}
