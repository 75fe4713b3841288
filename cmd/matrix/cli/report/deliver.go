package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/decision"
	"matrix/results/report"
)

// deliver writes the report's files and says in short what is in them.
// With --out - only the report goes to stdout, in the one format that check allowed.
func deliver(a *app.App, doc *report.Document, weighed *decision.Result, f reportFlags, names []string) error {
	if f.out == "-" {
		if f.formats[0] == "text" { // for people
			return doc.WriteText(a, a.Width())
		}
		return writeReport(a.Page(), doc, f.formats[0], a.Width())
	}
	dir := f.out
	if dir == "" && len(names) > 0 {
		// of several experiments it lies with the first
		dir = filepath.Join(a.Results, names[0], "report")
	}
	var written []string
	var unsaved error // told last: who may not write there still gets the answer
	if dir != "" {
		if written, unsaved = saveReport(dir, doc, f.formats); unsaved != nil {
			unsaved = app.Hint(unsaved, "Name another folder: --out DIR.")
		}
	}
	if a.JSON {
		// one answer a line, then the record of the report itself
		for _, g := range weighed.Groups {
			for _, q := range g.Questions {
				a.Document(q.Answer)
			}
		}
		a.Record(ndjson.Report{Experiments: ndjson.List(names), Files: ndjson.List(written), Title: doc.Title, Simulated: doc.Mark != "", Answer: ndjson.List(doc.Answer())})
		return unsaved
	}
	if err := printReport(a, doc, f.full); err != nil {
		return err
	}
	if len(written) > 0 {
		for i, path := range written[1:] { // they lie in one folder
			written[i+1] = filepath.Base(path)
		}
		a.Line("Written: %s", strings.Join(written, ", "))
	}
	return unsaved
}

// screenLines is how much is printed where nobody asked for all of it: a screen that can be read without scrolling back.
const screenLines = 40

// printReport prints the answer, as much as a screen takes, or all of the report.
func printReport(a *app.App, doc *report.Document, full bool) error {
	if full {
		return doc.WriteText(a, a.Width())
	}
	const most = screenLines - 2 // what says how to have the rest, and where it was written
	screen := func(text string) (lines []string) {
		for line := range strings.Lines(text) {
			// It is as wide as the terminal by now, but for signs that are spelled there.
			lines = append(lines, strings.Split(a.Fit(strings.TrimRight(line, "\n")), "\n")...)
		}
		return lines
	}
	var text strings.Builder
	if err := doc.WriteSummary(&text, a.Width(), func(text string) bool { return len(screen(text)) <= most }); err != nil {
		return err
	}
	lines := screen(text.String())
	fmt.Fprintln(a, strings.Join(lines[:firstScreen(lines, most)], "\n"))
	fmt.Fprintln(a, a.Style.Dim("All of it: matrix report --full"+a.ResultsFlag()))
	return nil
}

// firstScreen is how many lines are printed: all, or those up to the last blank one that leaves no table cut and no title alone.
func firstScreen(lines []string, most int) int {
	if len(lines) <= most {
		return len(lines)
	}
	blank := func(n int) bool { return strings.TrimSpace(lines[n]) == "" }
	for n := most; n > 1; n-- {
		if blank(n) && !blank(n-1) && !blank(n-2) { // a line between blank ones is a title
			return n
		}
	}
	return most
}

// saveReport writes the formats into a folder, which is made where it is not there.
// Each file is replaced whole: an open browser never reads half a page.
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
		if err := app.ReplaceText(path, text.String()); err != nil {
			return nil, fmt.Errorf("write the report: %w", err)
		}
		written = append(written, path)
	}
	// a page has its charts within, Markdown refers to files
	if slices.Contains(formats, "md") {
		for name, svg := range doc.Charts() {
			if err := app.ReplaceText(filepath.Join(dir, name), svg); err != nil {
				return nil, fmt.Errorf("write the charts: %w", err)
			}
		}
	}
	return written, nil
}

// writeReport takes a format that check knows; width is for text alone.
func writeReport(w io.Writer, doc *report.Document, format string, width int) error {
	switch format {
	case "html":
		return doc.WriteHTML(w)
	case "md":
		return doc.WriteMarkdown(w)
	}
	return doc.WriteText(w, width)
}
