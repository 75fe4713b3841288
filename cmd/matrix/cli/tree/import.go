package tree

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/exchange"
	"matrix/results/format"
	"matrix/results/store"
)

// importFlags is what `matrix import` was asked for.
type importFlags struct {
	experiment  string // a name of its own keeps imports apart from what matrix measured
	options     exchange.Options
	maps        []string // column=field, as typed
	weightBytes int64    // 0 = unknown
}

// Import is the command.
func Import(a *app.App) *cobra.Command {
	var i importFlags
	cmd := &cobra.Command{
		Use: "import FILE…", Short: "Take in results that another tool measured",
		Long: `Take in results that another tool measured. They become attempts with imported = true, with null where nothing was
recorded, and stand in a report beside measured ones.

  matrix import --format vllm-bench --experiment gemma3 --platform vllm_before result.json
  matrix import --format jsonl --experiment old --platform ollama --model gemma3_4b \
      --map output_tokens=eval_count --map e2e_s=total_duration/1e9 answers.jsonl
  matrix import --format sqlite --query 'SELECT * FROM runs' --map platform=engine --map model=model … history.db

Formats: ` + strings.Join(exchange.Formats(), ", ") + `. Several files with the same labels are launches 1, 2, …, also where
they are imported one after the other; the same file again takes the place that it had. Results of unlike loads (concurrency, rate)
are cells of their own.

` + exchange.MapHelp,
		Args: app.Need("a file", "--format vllm-bench --platform vllm_before result.json"),
		RunE: func(cmd *cobra.Command, args []string) error { return importFiles(cmd.Context(), a, i, args) },
	}
	f := cmd.Flags()
	f.StringVar(&i.options.Format, "format", "", "what wrote the file: "+strings.Join(exchange.Formats(), ", "))
	f.StringVar(&i.experiment, "experiment", "imported", "experiment that the results belong to")
	f.StringVar(&i.options.Labels.Platform, "platform", "", "label of the platform")
	f.StringVar(&i.options.Labels.Model, "model", "", "label of the model")
	f.IntVar(&i.options.Labels.BatchSize, "batch-size", 0, "requests of the batch (default: those in the file)")
	f.IntVar(&i.options.Labels.Launch, "launch", 0, "which launch of the cell it was (default: the next)")
	// not a slice flag, which would part a value at its commas
	f.StringArrayVar(&i.maps, "map", nil, "column=field of jsonl, csv and sqlite, with *factor or /divisor for units (repeatable)")
	f.StringVar(&i.options.Query, "query", "", "SELECT that yields the rows of a sqlite file")
	f.Int64Var(&i.weightBytes, "weight-bytes", 0, "size of the model's weights, held against its label")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(exchange.Formats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// importFiles reads every file before it keeps anything.
// A mistake in the tenth file must not leave nine imported.
func importFiles(ctx context.Context, a *app.App, i importFlags, paths []string) error {
	if i.options.Format == "" {
		return app.Hint(errors.New("what wrote the file is not said"), "Say --format "+strings.Join(exchange.Formats(), ", ")+".")
	}
	var err error
	if i.options.Map, err = exchange.ParseMap(i.maps); err != nil {
		return err
	}
	i.options.WeightBytes = i.weightBytes
	// nothing is written before every file has been read
	files, err := exchange.Read(ctx, paths, i.options)
	if err != nil {
		return err
	}
	tree, err := a.Store()
	if err != nil {
		return err
	}
	// as they were, one a file
	sources := make([][]byte, len(files))
	for n, path := range paths {
		if sources[n], err = sourceOf(path); err != nil {
			return err
		}
	}
	// launches are numbered over all files at once
	if err := exchange.Number(ctx, tree, i.experiment, sources, files); err != nil {
		return err
	}
	for n, sets := range files {
		if len(sets) == 0 {
			continue // an error file, which belongs to the one before it
		}
		kept, err := exchange.Keep(ctx, tree, i.experiment, sources[n], sets)
		// what was kept before an error is said before the error
		for k, one := range kept {
			sayImported(a, paths[n], one, sets[k])
		}
		// no fault of the file
		var locked *store.ErrLocked
		if errors.As(err, &locked) {
			return err
		}
		if err != nil {
			return fmt.Errorf("%s: %w", paths[n], err)
		}
	}
	a.Recount(tree, i.experiment)
	return nil
}

// keptSource bounds what is kept of a file beside the results; a larger one is named by its hash alone.
const keptSource = 4 << 20

// sourceOf is a file as it was, nil where it is too large to be kept.
// Kept as evidence: an import cannot be measured again.
func sourceOf(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() > keptSource {
		return nil, err
	}
	// packed as it may be: evidence is kept as it came
	return os.ReadFile(path)
}

// numbering says how a set got its launch's number, where that is worth a word.
func numbering(s *exchange.Set) []string {
	if s.Place == "" {
		return nil
	}
	return []string{s.Place}
}

// sayImported tells each set with its warnings, which are kept with the results, too.
func sayImported(a *app.App, path string, k exchange.Kept, s *exchange.Set) {
	if a.JSON {
		a.Record(ndjson.Imported{File: path, Cell: k.Cell.Name(), Address: k.Cell.Address, Experiment: k.Cell.Experiment, Launch: s.Labels.Launch,
			Requests: len(s.Requests), Warnings: ndjson.List(slices.Concat(s.Warnings, numbering(s)))})
		return
	}
	rows := format.Count(len(s.Requests), "request")
	// a tool that kept no row per request
	if len(s.Requests) == 0 {
		rows = "totals only"
	}
	// one line a set, with the figure that shows a wrong unit at once
	fmt.Fprintf(a, "%s %s %s, launch %d: %s", a.Style.Good("Imported"), k.Cell.Experiment, k.Cell.Name(), s.Labels.Launch, rows)
	if v := k.Summary.Metrics["output_throughput"]; v != nil {
		fmt.Fprintf(a, ", %.1f output tok/s", *v)
	}
	fmt.Fprintln(a)
	for _, w := range append(numbering(s), s.Warnings...) {
		a.Line("  %s", a.Style.Warn(w))
	}
}
