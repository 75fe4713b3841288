package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"matrix/results/exchange"
	"matrix/results/summary"
)

// exporting is what `matrix export` was asked for.
type exporting struct {
	table, format, out string
}

func (a *app) exportCommand() *cobra.Command {
	var e exporting
	cmd := &cobra.Command{
		Use: "export [EXPERIMENT…]", Short: "Write results as one Parquet, CSV or JSONL file",
		Long: `Write one table of all attempts, or of those of some experiments, as one file. The column counts says which attempts the
report goes by, why_not what keeps the others: superseded (the cell was changed since), replaced, engine_failed … Attempts
that a person tainted or whose files are damaged are left out and named.

  matrix export --out runs.csv                                   one row per attempt
  matrix export --table requests --out requests.parquet gemma3   one row per request
  matrix export --format jsonl --out - | jq .output_throughput`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.export(cmd.Context(), e, args) },
	}
	f := cmd.Flags()
	f.StringVar(&e.table, "table", "run", "run, requests, samples or outputs")
	f.StringVar(&e.format, "format", "", "parquet, csv or jsonl (default: by the name of --out)")
	f.StringVar(&e.out, "out", "", "file to write, - for stdout")
	return cmd
}

func (a *app) export(ctx context.Context, e exporting, names []string) error {
	if e.out == "" {
		return hinted{errors.New("matrix export needs a file to write"), "For example: --out runs.csv, or --out - --format jsonl for standard output."}
	}
	if e.format == "" {
		e.format = strings.TrimPrefix(filepath.Ext(e.out), ".")
	}
	if e.format == "" {
		return hinted{errors.New("the format is unknown"), "Say --format parquet, csv or jsonl."}
	}
	attempts, err := a.exported(ctx, e.table, names)
	if err != nil {
		return err
	}
	if e.out == "-" {
		_, err := exchange.Export(a.page(), e.format, e.table, attempts)
		return err
	}
	rows, err := writeWhole(e.out, func(w io.Writer) (int64, error) { return exchange.Export(w, e.format, e.table, attempts) })
	if err != nil {
		return err
	}
	if a.json {
		a.emit("exported", map[string]any{"file": e.out, "table": e.table, "attempts": len(attempts), "rows": rows})
		return nil
	}
	fmt.Fprintf(a.stdout, "%s %s: %s of %s\n", a.style.good("Wrote"), e.out, count(int(rows), "row"), count(len(attempts), "attempt"))
	return nil
}

// exported lists the attempts to write, each with whether it counts. What is void, damaged or without the table is named
// instead.
func (a *app) exported(ctx context.Context, table string, names []string) ([]exchange.Attempt, error) {
	store, err := a.store()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = []string{""}
	}
	set, err := summary.Survey(ctx, store, a.results, names...)
	if err != nil {
		return nil, err
	}
	var out []exchange.Attempt
	for _, p := range set.Standings() {
		switch {
		case p.Problem != "":
			fmt.Fprintf(a.stderr, "left out: %s is %s (%s)\n", p.Dir, p.Problem, p.Detail)
		case p.Tainted != "":
			fmt.Fprintf(a.stderr, "left out: %s is tainted (%s)\n", p.Dir, p.Tainted)
		case p.Lacks(table):
			fmt.Fprintf(a.stderr, "left out: %s has no %s.parquet any more\n", p.Dir, table)
		default:
			out = append(out, exchange.Attempt{Dir: p.Dir, WhyNot: p.WhyNot, Unreadable: func(err error) {
				fmt.Fprintf(a.stderr, "left out: %s cannot be read (%v); matrix verify looks at all files\n", p.Dir, err)
			}})
		}
	}
	if len(out) == 0 {
		return nil, a.noAttempts(ctx, names)
	}
	return out, nil
}

// noAttempts says that there is nothing of these experiments, and what there is.
func (a *app) noAttempts(ctx context.Context, names []string) error {
	there, err := a.experimentsThere(ctx)
	if err != nil {
		return err
	}
	if len(there) == 0 {
		return hinted{fmt.Errorf("there are no results in %s", a.results), "Measure first: matrix apply; or name another folder: --results DIR."}
	}
	if names[0] == "" {
		return fmt.Errorf("every attempt in %s is left out", a.results)
	}
	return hinted{fmt.Errorf("no attempt of %s in %s", strings.Join(names, ", "), a.results), "There are: " + strings.Join(there, ", ") + "."}
}
