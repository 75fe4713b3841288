// Package report has the commands that read results and conclude.
package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/results/format"
	"matrix/results/report"
	"matrix/results/summary"
)

// reportFlags are what `matrix report` was asked for.
type reportFlags struct {
	out      string   // folder, "-" or "" for the usual one
	formats  []string // of reportFormats
	plan     string   // plan or HCL; "" = the last saved plan, where it fits
	explain  bool
	full     bool
	requests []int64 // none = the decision block's
}

// reportFormats are the forms of a report, in the order of the help.
var reportFormats = []string{"html", "md", "text"}

// Report is the command.
func Report(a *app.App) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use: "report [EXPERIMENT…]", Short: "Say which platform to choose, how sure that is, and why",
		Long: `Say which platform to choose, how sure that is, and why: as a page, as Markdown, and in short in the terminal.

  matrix report                    one report for each experiment in the results
  matrix report gemma3             results/gemma3/report/report.html, report.md and the charts beside it
  matrix report gemma3 old         both in one report, side by side
  matrix report --format md --out - gemma3
  matrix report --requests 50000   what to choose for 50,000 requests (default: the decision block's, else 5000, 50000, 200000)
  matrix report --full gemma3      the whole report in the terminal
  matrix report --explain gemma3   each number of the decision, line by line

What was planned, the decision's weights and the recipe come from --plan: a plan or the HCL; by default the last saved plan,
where it has the experiment. Everything else comes from the results alone.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			if cmd.Flags().Changed("results") { // the usual folder comes to be with the first apply
				if err := a.ResultsThere(); err != nil {
					return err
				}
			}
			return reports(cmd.Context(), a, f, args)
		},
		// experiments with results; files are no arguments here
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			names, _ := a.ExperimentsThere(context.Background()) // completion has nowhere to say an error
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "folder to write to, - for standard output (default <results>/<experiment>/report)")
	flags.StringSliceVar(&f.formats, "format", []string{"html", "md"}, "html, md, text")
	flags.StringVar(&f.plan, "plan", "", "plan or HCL that tells what was planned (default: the last saved plan)")
	flags.BoolVar(&f.explain, "explain", false, "print each number of the decision, with where it came from")
	flags.BoolVar(&f.full, "full", false, "print the whole report in the terminal, not only its first screen")
	flags.Int64SliceVar(&f.requests, "requests", nil, "numbers of requests that the answer is about, apart by commas")
	a.DeclareVars(cmd)
	return cmd
}

// check is of the flags against the reports that they would make; names has one name for each.
func (f reportFlags) check(names []string) error {
	for _, format := range f.formats {
		if !slices.Contains(reportFormats, format) {
			return app.Hint(fmt.Errorf("no report is written as %q", format), "There are "+strings.Join(reportFormats, ", ")+".")
		}
	}
	for _, n := range f.requests {
		if n < 1 {
			return app.Hint(fmt.Errorf("%d requests take no time to tell", n), "Say how many there are to answer: --requests 50000.")
		}
	}
	if f.out == "-" && len(f.formats) != 1 {
		return app.Hint(errors.New("only one format goes to standard output"), "Say which: --format html, md or text.")
	}
	if f.out != "" && len(names) > 1 {
		return app.Hint(fmt.Errorf("%d experiments have a report each", len(names)), "Name one, or several for one report: "+strings.Join(names, " "))
	}
	return nil
}

// reports makes one report of what is named, or one an experiment.
// All names are checked first: a report that takes a minute must not end with a typing error. Without results there is
// still a report, which says so.
func reports(ctx context.Context, a *app.App, f reportFlags, named []string) error {
	there, err := a.ExperimentsThere(ctx)
	if err != nil {
		return err
	}
	for _, name := range named {
		if !slices.Contains(there, name) {
			return app.Hint(fmt.Errorf("no experiment %q has results in %s", name, a.Results), "There are: "+strings.Join(orNone(there), ", ")+".")
		}
	}
	together := [][]string{named}
	if len(named) == 0 {
		together = nil
		for _, name := range there {
			together = append(together, []string{name})
		}
	}
	if len(there) == 0 {
		// a report that says there is nothing yet
		together = [][]string{nil}
	}
	// what a report is called in a message
	var each []string
	for _, names := range together {
		each = append(each, strings.Join(names, " + "))
	}
	if err := f.check(each); err != nil {
		return err
	}
	for _, names := range together {
		if err := reportOn(ctx, a, f, names); err != nil {
			return err
		}
	}
	return nil
}

// orNone keeps a message from ending in nothing.
func orNone(names []string) []string {
	if len(names) == 0 {
		return []string{"none"}
	}
	return names
}

// reportOn makes one report of one or several experiments.
// --explain prints the decision's lines and writes no file.
func reportOn(ctx context.Context, a *app.App, f reportFlags, names []string) error {
	return conclude(ctx, a, f, names, func(in report.Input) error {
		if f.explain {
			view.Decision(a.Printer, in.Decision)
			return nil
		}
		doc, err := report.Build(ctx, in)
		if err != nil {
			return err
		}
		return deliver(a, doc, in.Decision, f, names)
	})
}

// Page writes the page that `matrix report` makes of an experiment, and nothing else: the results are only read.
// It prints nothing, takes no lock and may run beside an apply.
func Page(ctx context.Context, a *app.App, experiment string, w io.Writer) error {
	// warnings of the tree are the server's to show
	quiet := a.Quiet()
	quiet.ReadOnly = true
	return conclude(ctx, quiet, reportFlags{}, []string{experiment}, func(in report.Input) error {
		doc, err := report.Build(ctx, in)
		if err != nil {
			return err
		}
		return doc.WriteHTML(w)
	})
}

// conclude reads what a report is made of and calls do with it.
// The declaration is open while do runs: recipes are written from it.
func conclude(ctx context.Context, a *app.App, f reportFlags, names []string, do func(report.Input) error) error {
	// one reading for all that the report has
	store, set, err := a.Summary(ctx, names...)
	if err != nil {
		return err
	}
	if !a.ReadOnly {
		_ = set.Keep(store) // of a tree made before, or by a run that was killed; one that we may only read is reported all the same
	}
	// before the report, so that a long one does not hide it
	sayAbsent(a, set)
	// after the results: it is of the experiments that were found
	declared := declaredFor(ctx, a, f.plan, names)
	if declared.err != nil {
		return declared.err
	}
	defer declared.close()
	if err := declared.hold(set); err != nil {
		return err
	}
	weighed, answers, err := declared.decide(ctx, set, f.requests)
	if err != nil {
		return err
	}
	sayDamaged(a, set)
	return do(report.Input{Set: set, Title: reportTitle(names), Made: time.Now(), Version: app.Version(), Quality: answers, Coverage: declared.coverage(),
		Recipe: declared.recipe(ctx), Decision: weighed})
}

// reportTitle is "matrix report" where there are no results at all.
func reportTitle(names []string) string {
	if len(names) == 0 {
		return "matrix report"
	}
	return "Report on " + strings.Join(names, " and ")
}

// sayAbsent says what was left behind when a tree was copied, and what therefore cannot be told.
func sayAbsent(a *app.App, set *summary.Set) {
	without := map[string]int{}
	for _, c := range set.Cells {
		for _, at := range c.Attempts {
			for _, name := range at.Absent {
				without[name]++
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(without)) {
		text := fmt.Sprintf("%s without %s, which is not there", format.Count(without[name], "attempt"), name)
		if what := leftOut[name]; what != "" {
			text += ": " + what
		}
		a.Warn(text)
	}
}

// sayDamaged says which attempts are left out, and of which only run.parquet is read. Who reads JSON has no other word of it.
func sayDamaged(a *app.App, set *summary.Set) {
	for _, p := range set.Problems {
		a.Warn(fmt.Sprintf("attempt %s of %s is left out: %s", p.Attempt, p.Slug, p.Problem))
	}
	for _, c := range set.Cells {
		for _, at := range c.Attempts {
			if at.Damaged {
				a.Warn(fmt.Sprintf("requests.parquet of attempt %s of %s is not what was written: %s", at.Attempt, at.Slug, leftOut["requests.parquet"]))
			}
		}
	}
}

// leftOut is what a report cannot tell without a file.
// Files that are not in it cost the report nothing that a reader would miss.
var leftOut = map[string]string{
	"outputs.parquet":  "what their answers say is left out",
	"requests.parquet": "their latency curves and failed requests are left out, and how long other sizes take goes by the steady window of run.parquet",
	"samples.parquet":  "their lines over time are left out",
}
