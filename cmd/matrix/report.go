package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matrix/results/decision"
	"matrix/results/report"
	"matrix/results/summary"
)

// reportFlags are what `matrix report` was asked for.
type reportFlags struct {
	out      string
	formats  []string
	plan     string
	explain  bool
	requests []int64
}

// reportFormats are the forms of a report, in the order of the help.
var reportFormats = []string{"html", "md", "text"}

func (a *app) reportCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use: "report [EXPERIMENT…]", Short: "Say which platform to choose, how sure that is, and why",
		Long: `Say which platform to choose, how sure that is, and why: as a page, as Markdown, and in short in the terminal.

  matrix report                    one report for each experiment in the results
  matrix report gemma3             results/gemma3/report/report.html, report.md and the charts beside it
  matrix report gemma3 old         both in one report, side by side
  matrix report --format md --out - gemma3
  matrix report --requests 50000   what to choose for 50,000 requests (default: the decision block's, else 5000, 50000, 200000)
  matrix report --explain gemma3   each number of the decision, line by line

What was planned, the decision's weights and the recipe come from --plan: a plan or the HCL; by default the last saved plan,
where it has the experiment. Everything else comes from the results alone.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			if cmd.Flags().Changed("results") { // the usual folder comes to be with the first apply
				if err := a.resultsThere(); err != nil {
					return err
				}
			}
			return a.report(cmd.Context(), f, args)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			names, _ := a.experimentsThere(context.Background()) // completion has nowhere to say an error
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "folder to write to, - for standard output (default <results>/<experiment>/report)")
	flags.StringSliceVar(&f.formats, "format", []string{"html", "md"}, "html, md, text")
	flags.StringVar(&f.plan, "plan", "", "plan or HCL that tells what was planned (default: the last saved plan)")
	flags.BoolVar(&f.explain, "explain", false, "print each number of the decision, with where it came from")
	flags.Int64SliceVar(&f.requests, "requests", nil, "numbers of requests that the answer is about, apart by commas")
	a.declareVars(cmd)
	return cmd
}

func (f reportFlags) check(names []string) error {
	for _, format := range f.formats {
		if !slices.Contains(reportFormats, format) {
			return hinted{fmt.Errorf("no report is written as %q", format), "There are " + strings.Join(reportFormats, ", ") + "."}
		}
	}
	for _, n := range f.requests {
		if n < 1 {
			return hinted{fmt.Errorf("%d requests take no time to tell", n), "Say how many there are to answer: --requests 50000."}
		}
	}
	if f.out == "-" && len(f.formats) != 1 {
		return hinted{errors.New("only one format goes to standard output"), "Say which: --format html, md or text."}
	}
	if f.out != "" && len(names) > 1 {
		return hinted{fmt.Errorf("%d experiments have a report each", len(names)), "Name one, or several for one report: " + strings.Join(names, " ")}
	}
	return nil
}

// experimentsThere are the experiments with attempts in the results.
func (a *app) experimentsThere(ctx context.Context) ([]string, error) {
	store, err := a.store()
	if err != nil {
		return nil, err
	}
	past, err := store.History(ctx, "")
	var names []string
	for _, p := range past {
		if !slices.Contains(names, p.Experiment) {
			names = append(names, p.Experiment)
		}
	}
	slices.Sort(names)
	return names, err
}

func (a *app) report(ctx context.Context, f reportFlags, named []string) error {
	there, err := a.experimentsThere(ctx)
	if err != nil {
		return err
	}
	for _, name := range named {
		if !slices.Contains(there, name) {
			return hinted{fmt.Errorf("no experiment %q has results in %s", name, a.results), "There are: " + strings.Join(orNone(there), ", ") + "."}
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
		together = [][]string{nil}
	}
	var each []string
	for _, names := range together {
		each = append(each, strings.Join(names, " + "))
	}
	if err := f.check(each); err != nil {
		return err
	}
	for _, names := range together {
		if err := a.reportOn(ctx, f, names); err != nil {
			return err
		}
	}
	return nil
}

func orNone(names []string) []string {
	if len(names) == 0 {
		return []string{"none"}
	}
	return names
}

// reportOn makes one report of one or several experiments.
func (a *app) reportOn(ctx context.Context, f reportFlags, names []string) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	set, err := summary.Load(ctx, store, a.results, names...)
	if err != nil {
		return err
	}
	_ = set.Keep(store) // of a tree made before, or by a run that was killed; one that we may only read is reported all the same
	a.sayAbsent(set)
	declared := a.declaredFor(ctx, f.plan, names)
	if declared.err != nil {
		return declared.err
	}
	defer declared.close()
	if err := declared.hold(set); err != nil {
		return err
	}
	prompts, err := declared.prompts(ctx)
	if err != nil {
		return err
	}
	weighed, answers, err := decide(ctx, set, question{declared.rules(), f.requests, prompts, declared.command(ctx)})
	if err != nil {
		return err
	}
	in := report.Input{Set: set, Title: reportTitle(names), Made: time.Now(), Version: version(), Quality: answers, Coverage: declared.coverage(), Recipe: declared.recipe(ctx),
		Decision: weighed}
	switch {
	case f.explain && a.json:
		a.emitExplained(weighed)
		return nil
	case f.explain:
		a.writeExplanation(a.stdout, weighed)
		return nil
	}
	doc, err := report.Build(ctx, in)
	if err != nil {
		return err
	}
	return a.deliver(doc, weighed, f, names)
}

func reportTitle(names []string) string {
	if len(names) == 0 {
		return "matrix report"
	}
	return "Report on " + strings.Join(names, " and ")
}

// deliver writes the report's files and says in short what is in them.
func (a *app) deliver(doc *report.Document, weighed *decision.Result, f reportFlags, names []string) error {
	if f.out == "-" {
		return writeReport(a.spelled(), doc, f.formats[0], a.terminalWidth())
	}
	dir := f.out
	if dir == "" && len(names) > 0 {
		dir = filepath.Join(a.results, names[0], "report")
	}
	var written []string
	if dir != "" {
		var err error
		if written, err = saveReport(dir, doc, f.formats); err != nil {
			return notWritable(err)
		}
	}
	if a.json {
		for _, g := range weighed.Groups {
			for _, q := range g.Questions {
				a.record(q.Answer)
			}
		}
		a.emit("report", map[string]any{"experiments": names, "files": orEmpty(written), "title": doc.Title, "simulated": doc.Mark != "", "answer": doc.Answer()})
		return nil
	}
	if err := doc.WriteSummary(a.spelled(), a.terminalWidth()); err != nil {
		return err
	}
	for _, path := range written {
		fmt.Fprintf(a.stdout, "Written: %s\n", path)
	}
	return nil
}

// spelled is standard output, in ASCII where the terminal has no more. A page sent to - is no terminal's business.
func (a *app) spelled() io.Writer {
	if a.tty && a.style.ascii {
		return asciiWriter{a.stdout}
	}
	return a.page()
}

// asciiWriter spells what a terminal without UTF-8 cannot show.
type asciiWriter struct{ w io.Writer }

func (w asciiWriter) Write(p []byte) (int, error) {
	_, err := io.WriteString(w.w, strings.ReplaceAll(asciiOnly.Replace(string(p)), "\u00a0", " "))
	return len(p), err
}

// saveReport writes the formats into a folder, which is made where it is not there.
func saveReport(dir string, doc *report.Document, formats []string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	var written []string
	for _, format := range formats {
		var text strings.Builder
		if err := writeReport(&text, doc, format, 100); err != nil {
			return nil, fmt.Errorf("write the report: %w", err)
		}
		path := filepath.Join(dir, "report."+strings.Replace(format, "text", "txt", 1))
		if err := replaceText(path, text.String()); err != nil {
			return nil, fmt.Errorf("write the report: %w", err)
		}
		written = append(written, path)
	}
	if slices.Contains(formats, "md") {
		for name, svg := range doc.Charts() {
			if err := replaceText(filepath.Join(dir, name), svg); err != nil {
				return nil, fmt.Errorf("write the charts: %w", err)
			}
		}
	}
	return written, nil
}

func writeReport(w io.Writer, doc *report.Document, format string, width int) error {
	switch format {
	case "html":
		return doc.WriteHTML(w)
	case "md":
		return doc.WriteMarkdown(w)
	}
	return doc.WriteText(w, width)
}
