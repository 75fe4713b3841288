package report

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/results/record"
	"matrix/results/summary"
)

// compareFlags is what `matrix compare` was asked for.
type compareFlags struct {
	metrics  []string // columns of run.parquet; none = usualMetrics
	markdown bool
	before   bool     // A is the past of B
	gates    []string // metric=-5%, as typed
}

// Compare is the command.
// Exit code 7 where a gate does not hold or is not shown to.
func Compare(a *app.App) *cobra.Command {
	var c compareFlags
	cmd := &cobra.Command{
		Use: "compare A B", Short: "Compare two cells, experiments or results trees, metric by metric",
		Long: `Compare B with A: each metric's median over the launches, the ratio B/A with its interval, p where there are launches enough
for a test, and beside each ratio what is unlike between the two.

A side is a cell (a prefix of its id, folder or name), axis=label, an experiment, a folder (another results tree), an
attempt, an identity (8 digits or more), or @2026-11-01: what counted at that day's end. Cells pair by all axes but those
in which the sides differ. With --before, A is each cell as it was measured before its last change, B as it is now.

--gate output_throughput=-5% allows a fall of 5%: where an interval lies beyond, or reaches to both sides, the exit code is 7.

  matrix compare vllm_serve/gemma3/100 ollama/gemma3/100   two cells
  matrix compare platform=vllm_serve platform=ollama       cell by cell, with the geometric mean
  matrix compare results /mnt/other/results                two trees
  matrix compare --before --gate output_throughput=-5%     did my upgrade make anything slower?
  matrix compare @2026-11-01 results                       then and now`,
		Args: func(cmd *cobra.Command, args []string) error { return sidesOf(cmd, c.before, args) },
		RunE: func(cmd *cobra.Command, args []string) error { return compare(cmd.Context(), a, c, args) },
	}
	cmd.Flags().StringSliceVar(&c.metrics, "metrics", nil, "columns of run.parquet, comma-separated")
	cmd.Flags().BoolVar(&c.markdown, "markdown", false, "write Markdown tables")
	cmd.Flags().BoolVar(&c.before, "before", false, "each cell now against before its last change; one word narrows the cells")
	cmd.Flags().StringSliceVar(&c.gates, "gate", nil, "metric=-5% or +10%: how far it may move (exit code 7 where that is not shown)")
	return cmd
}

// sidesOf wants two sides, or with --before at most one: the other is the past.
func sidesOf(cmd *cobra.Command, before bool, args []string) error {
	switch {
	case before && len(args) > 1:
		return app.Hint(fmt.Errorf("%s --before takes one word at most, not %d", cmd.CommandPath(), len(args)), "For example: matrix compare --before platform=vllm_serve")
	case !before && len(args) != 2:
		return app.Hint(fmt.Errorf("%s takes two sides, not %d", cmd.CommandPath(), len(args)), "For example: matrix compare platform=vllm_serve platform=ollama")
	}
	return nil
}

// compare pairs the cells of two sides and draws, or judges by the gates. A metric that a gate names is compared though
// --metrics does not have it.
func compare(ctx context.Context, a *app.App, f compareFlags, words []string) error {
	// Mistakes of the flags come before anything is read: a tree may take a second.
	gates, err := parseGates(f.gates)
	if err != nil {
		return err
	}
	metrics, err := comparedMetrics(f.metrics, gates)
	if err != nil {
		return err
	}
	var sides [2]view.Side
	if f.before {
		sides, err = beforeAndNow(ctx, a, words)
	} else {
		sides, err = readSides(ctx, a, words...)
	}
	if err != nil {
		return err
	}
	m := summary.Match(sides[0].Cells, sides[1].Cells)
	// The two sides may overlap: a cell against itself says nothing.
	m.Pairs = slices.DeleteFunc(m.Pairs, func(p summary.Pair) bool { return p.A == p.B })
	if len(m.Pairs) == 0 {
		return app.Hint(fmt.Errorf("no cell of %q has a partner in %q", sides[0].Word, sides[1].Word), "Cells pair by all axes but those in which the sides differ; name one cell a side to compare any two.")
	}
	c := view.Compare(sides, m, metrics, gates)
	switch {
	case a.JSON:
		c.Records(a.Printer)
	case f.markdown:
		c.Markdown(a)
	default:
		c.Draw(a.Printer)
	}
	if !c.GatesHold() {
		return app.ExitCode(app.CodeGate)
	}
	return nil
}

// readSides reads what two words name; a tree that both lie in is read once.
// A word is tried as a folder first, then as a date, an attempt or an identity, then as cells: what is nearest to a
// whole tree wins.
func readSides(ctx context.Context, a *app.App, words ...string) (out [2]view.Side, err error) {
	sets := map[string]*summary.Set{}
	for i, word := range words {
		// a word that is no folder names something in the usual results
		root := a.Results
		if info, err := os.Stat(word); err == nil && info.IsDir() {
			root = filepath.Clean(word)
		}
		if sets[root] == nil {
			if sets[root], err = readSet(ctx, a, root); err != nil {
				return out, err
			}
			// once a tree, not once a side
			for _, p := range sets[root].Problems {
				a.Warn(fmt.Sprintf("attempt %s of %s is left out: %s", p.Attempt, p.Slug, p.Problem))
			}
		}
		out[i] = view.Side{Word: word, Set: sets[root], Cells: sets[root].Cells}
		// a folder is all of its cells
		if root != a.Results || word == a.Results {
			continue
		}
		if earlier, err := narrowed(ctx, sets[root], word); err != nil || earlier != nil {
			if err != nil {
				return out, err
			}
			out[i].Set, out[i].Cells = earlier, earlier.Cells
			continue
		}
		if out[i].Cells, err = chosen(sets[root].Cells, root, word); err != nil {
			return out, err
		}
	}
	return out, nil
}

// readSet is the cells of a tree that have a complete launch; no others can be compared.
// Simulated and imported cells are among them: two of a kind may well be compared.
func readSet(ctx context.Context, a *app.App, root string) (*summary.Set, error) {
	store, err := a.StoreAt(root)
	if err != nil {
		return nil, err
	}
	set, err := summary.Load(ctx, store, root)
	if err != nil {
		return nil, err
	}
	set.Cells = slices.DeleteFunc(set.Cells, func(c *summary.Cell) bool { return len(c.Launches) == 0 })
	if len(set.Cells) == 0 {
		return nil, app.Hint(errors.New("there is no complete launch in "+root), "Measure first: matrix apply; or name another folder: --results DIR.")
	}
	return set, nil
}

// chosen are the cells that the one word names, all of them without one.
func chosen(cells []*summary.Cell, root string, words ...string) ([]*summary.Cell, error) {
	if len(words) == 0 {
		return cells, nil
	}
	if found := namedBy(cells, words[0]); len(found) > 0 {
		return found, nil
	}
	return nil, app.Hint(fmt.Errorf("no cell in %s is named by %q", root, words[0]), sidesThere(cells, words[0]))
}

// sidesThere says what could have been meant by a word that names nothing: the axes, an axis's labels, or the cells.
// A mistyped label is met with the labels of its axis.
func sidesThere(cells []*summary.Cell, word string) string {
	axis, _, isAxis := strings.Cut(word, "=")
	axes := []string{"experiment", "platform", "model", "batch_size"}
	var labels, names []string
	for _, c := range cells {
		axes = append(axes, slices.Sorted(maps.Keys(c.Axes))...)
		labels = append(labels, c.Axis(axis))
		names = append(names, c.Name)
	}
	switch {
	case !isAxis:
		return "A side is a cell's prefix, axis=label, an experiment, or a folder; there are " + listed(names) + "."
	case slices.Contains(axes, axis):
		return axis + " is one of " + listed(labels) + "."
	}
	return "The axes are " + listed(axes) + "."
}

// listed are the first words of a list, each once.
func listed(words []string) string {
	// more names than that nobody reads in a message
	const most = 8
	var once []string
	for _, w := range words {
		if w != "" && !slices.Contains(once, w) {
			once = append(once, w)
		}
	}
	if len(once) > most {
		once = append(once[:most], "…")
	}
	return strings.Join(once, ", ")
}

// namedBy are the cells that axis=glob, an experiment's name, or the prefix of a cell names.
// Experiments come before cells: a prefix of a cell may be an experiment's whole name. None is no error here.
func namedBy(cells []*summary.Cell, word string) []*summary.Cell {
	if axis, glob, found := strings.Cut(word, "="); found {
		return slices.DeleteFunc(slices.Clone(cells), func(c *summary.Cell) bool {
			ok, err := path.Match(glob, c.Axis(axis))
			return err != nil || !ok
		})
	}
	experiment := slices.DeleteFunc(slices.Clone(cells), func(c *summary.Cell) bool { return c.Experiment != word })
	if len(experiment) > 0 {
		return experiment
	}
	return app.Pick(cells, app.Measured, word)
}

// comparedMetrics are the metrics asked for, or the usual ones, and those of the gates: none is silently without its metric.
// In the order asked for.
func comparedMetrics(names []string, gates []summary.Gate) (out []record.Metric, err error) {
	if len(names) == 0 {
		names = usualMetrics
	}
	for _, g := range gates {
		if !slices.Contains(names, g.Metric) {
			names = append(slices.Clip(names), g.Metric)
		}
	}
	// an unknown name is said with its nearest neighbour, see app.Metric
	for _, name := range names {
		m, err := app.Metric(name)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// usualMetrics are compared where the user names none.
// What a decision may rest on, and what explains it.
var usualMetrics = []string{"output_throughput", "request_throughput", "valid_evaluations_per_hour", "ttft_p50_s", "tpot_p50_s", "e2e_p50_s", "e2e_p99_s", "load_s", "batch_s",
	"success_rate", "valid_share", "vram_peak_bytes", "rss_peak_bytes", "cpu_cores_mean", "j_per_output_token"}
