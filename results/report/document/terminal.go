package document

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"matrix/experiments/wording"
)

// Answer is the answer in plain lines.
// It is for JSON output, where no table fits: leads and headings only.
func (d *Document) Answer() []string {
	var lines []string
	for _, s := range d.Sections {
		if s.ID != "answer" {
			continue
		}
		for _, b := range s.Blocks {
			if b.Tone == "lead" || b.Heading != "" {
				lines = append(lines, b.Heading+words(b.Text))
			}
		}
	}
	return lines
}

// WriteSummary writes the answer, all of it where that fits; fits nil = everything does.
// Else tables have a line a row, then their last rows go, then what stands beside the cards, then the tables of the last models and
// the models themselves: a card for each model, and the first rows below it, are worth more than one of them in full. What is left out
// is counted. What still does not fit is the caller's to cut.
func (d *Document) WriteSummary(w io.Writer, width int, fits func(text string) bool) error {
	most, models := 0, 0
	for _, s := range d.Sections {
		for _, b := range s.Blocks {
			if s.ID == "answer" && b.Table != nil {
				most = max(most, len(b.Table.Rows))
			}
			if s.ID == "answer" && b.Card != nil {
				models++
			}
		}
	}
	models = max(models, 1)
	forms := []form{{short: true, models: models, tables: models}}
	const fewest = 3
	for beside, least := range []int{8, 8, fewest} { // rows that stay before more is left out beside the cards
		for n := most; n == most || n >= least; n-- {
			forms = append(forms, form{short: true, brief: true, rows: n, beside: beside, models: models, tables: models})
		}
	}
	for n := models; n > 0; n-- {
		for tables := min(n, models-1); tables > 0; tables-- {
			forms = append(forms, form{short: true, brief: true, rows: fewest, beside: 2, models: n, tables: tables})
		}
	}
	var text string
	for _, f := range forms {
		if text = d.text(width, f, "answer"); fits == nil || fits(text) {
			break
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

// WriteText writes all sections as plain lines; charts are told in words.
func (d *Document) WriteText(w io.Writer, width int) error {
	_, err := io.WriteString(w, d.text(width, form{}))
	return err
}

// form is how much of a document is told.
type form struct {
	short  bool // what is folded is told by its title
	brief  bool // a table has a line a row, however wide the terminal is
	rows   int  // of a brief table
	beside int  // what is left out beside a card: 1 = lists and folds, 2 = sentences too, but where they are the reason for naming nobody
	models int  // how many of them have their card; of a short form
	tables int  // how many of these have their table
}

// text leaves sections out by their id; no id means all.
func (d *Document) text(width int, f form, only ...string) string {
	t := &lines{width: width, form: f}
	t.line(d.Title)
	if d.Banner != "" {
		t.line(d.Banner)
	}
	for _, s := range d.Sections {
		if len(only) > 0 && !slices.Contains(only, s.ID) {
			continue
		}
		t.line("")
		title := strings.ToUpper(s.Title)
		if d.Mark != "" {
			title += " (" + d.Mark + ")"
		}
		t.line(title)
		t.blocks(s.Blocks, s.ID == "comparison" || s.ID == "answer")
	}
	return t.String()
}

// lines collects folded text.
type lines struct {
	strings.Builder
	form
	width int // in columns; 0 = lines are never folded
}

func (t *lines) line(s string) { t.hang("", s, 0) }

// hang writes text behind its head; what does not fit on the line goes on below it, so far from the edge.
func (t *lines) hang(head, s string, indent int) {
	s = strings.ReplaceAll(clean(s), "★", "*") // as the tables here mark it
	if t.width > indent {
		s = strings.ReplaceAll(ansi.Wordwrap(s, t.width-indent, ""), "\n", "\n"+strings.Repeat(" ", indent))
	}
	t.WriteString(head + s + "\n")
}

// clean takes out what would move a terminal's cursor: models and logs may say anything.
// Escape sequences from a log could otherwise write over what stands above.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if wording.Shows(r) && r != '\t' {
			return r
		}
		return -1
	}, s)
}

// words has no links: in a terminal there is nowhere to go.
func words(t Text) string {
	var s strings.Builder
	for _, span := range t {
		s.WriteString(span.Text)
	}
	return s.String()
}

// blocks writes tables on their side where across is true, else a record a row: only few tables are compared down a
// column.
func (t *lines) blocks(blocks []Block, across bool) {
	beside := 0
	if slices.ContainsFunc(blocks, func(b Block) bool { return b.Card != nil }) { // without one, the sentences are the answer
		beside = t.beside
	}
	model, lost := 0, 0
	for i, b := range blocks {
		if b.Card != nil && (i == 0 || blocks[i-1].Heading == "") || b.Heading != "" {
			model++
		}
		if t.short && model > t.models && b.Tone != "warn" { // a warning is of all
			continue
		}
		if t.short && b.Table != nil && model > t.tables {
			lost++
			continue
		}
		if b.Heading != "" {
			t.line("\n" + b.Heading)
		}
		switch {
		case b.Text != nil && b.Tone == "warn":
			t.hang("! ", words(b.Text), 2)
		case beside > 1 && b.Tone != "warn" && !b.Reason: // a sentence
		// what goes on below it is indented, so that two leads do not run together
		case b.Tone == "lead":
			if beside > 1 || i > 0 && blocks[i-1].Tone != "lead" {
				t.line("")
			}
			t.hang("", words(b.Text), 2)
		case b.Text != nil:
			t.line(words(b.Text))
		}
		for _, item := range b.List {
			if beside == 0 || i == 0 { // above all else it stands beside nothing
				t.hang("- ", words(item), 2)
			}
		}
		if b.Card != nil {
			t.card(b.Card)
		}
		if b.Table != nil && across {
			t.across(b.Table)
		} else if b.Table != nil {
			t.records(b.Table)
		}
		if b.Figure != nil && !t.short {
			t.line("[chart] " + b.Figure.Alt)
		}
		if b.Code != "" {
			for line := range strings.Lines(b.Code) {
				t.WriteString("    " + clean(strings.TrimRight(line, "\n")) + "\n")
			}
		}
		if b.Fold != nil && beside == 0 {
			t.line("\n" + b.Fold.Title)
		}
		if b.Fold != nil && !t.short {
			t.blocks(b.Fold.Blocks, false)
		}
	}
	if t.short {
		t.more(max(0, model-t.models), "models", lost, "tables")
	}
}

// more says what of two kinds was left out, where anything was.
func (t *lines) more(n int, noun string, of int, other string) {
	var parts []string
	if n > 0 {
		parts = append(parts, wording.Count(n, noun))
	}
	if of > 0 {
		parts = append(parts, wording.Count(of, other))
	}
	if parts != nil {
		t.hang("  ", "and "+strings.Join(parts, " and ")+" more: --full", 2)
	}
}

// card writes a badge a line.
func (t *lines) card(c *Card) {
	if c.For != "" {
		t.line("For " + c.For)
	}
	for _, b := range c.Badges {
		t.hang(pad(b.Name+":", 17), b.Text, 17)
	}
	if c.Do != "" {
		t.hang(pad("Do next:", 17), c.Why, 17)
		t.command(c.Do)
	}
}

// command writes what is to be copied. Where it is longer than a line it goes on after a backslash, as a shell reads it; a flag and its
// value are never parted.
func (t *lines) command(s string) {
	line := "   "
	for i, part := range strings.Split(clean(s), " --") {
		if i > 0 {
			part = "--" + part
		}
		if t.width > 0 && i > 0 && ansi.StringWidth(line+" "+part+" \\") > t.width {
			t.WriteString(line + " \\\n")
			line = "     "
		}
		line += " " + part
	}
	t.WriteString(line + "\n")
}

// records writes each row under its first value.
// Values without text are left out, dashes are not: a dash says that something is lacking.
func (t *lines) records(table *Table) {
	t.line("\n" + table.Caption)
	for _, r := range table.Rows {
		t.line("  " + said(r.Values[0]))
		for i, v := range r.Values[1:] {
			if v.Text != "" {
				t.line("    " + titled(table.Columns[i+1]) + ": " + said(v))
			}
		}
	}
	for _, n := range table.Notes {
		t.hang("  ", n, 2)
	}
}

// titled is a column's head on one line.
func titled(c Column) string {
	if c.Unit != "" {
		return c.Title + ", " + c.Unit
	}
	return c.Title
}

// said is a value with all that stands below it in a page.
func said(v Value) string {
	s := v.Text
	if v.Tone == "best" {
		s += " *"
	}
	for _, more := range []string{v.Detail, v.Unlike} {
		if more != "" {
			s += " (" + more + ")"
		}
	}
	return s
}

// across writes a table on its side, the rows as columns: a few platforms fit where fifteen figures do not. Rows that do
// not fit beside the others follow below.
func (t *lines) across(table *Table) {
	t.line("\n" + table.Caption)
	label := 0
	for _, c := range table.Columns {
		label = max(label, ansi.StringWidth(titled(c)))
	}
	// longer ones are cut: the figures matter more
	label = min(label, 44)
	if t.brief || t.short && !t.fits(table, label) {
		t.briefly(table)
		return
	}
	// Each turn takes as many rows as fit, and at least one, however narrow the screen is.
	for from := 0; from < len(table.Rows); {
		used, to := label+2, from
		var widths []int
		for to < len(table.Rows) {
			w := columnWidth(table.Rows[to])
			if to > from && t.width > 0 && used+w+2 > t.width {
				break
			}
			widths, used, to = append(widths, w), used+w+2, to+1
		}
		t.side(table, table.Rows[from:to], label, widths)
		from = to
	}
	for i, n := range table.Notes {
		if i < 2 || !t.short {
			t.hang("  ", n, 2)
		}
	}
}

// fits reports that all rows stand beside each other. In a pipe nothing breaks a line, but nobody reads across more than a wide screen.
func (t *lines) fits(table *Table, label int) bool {
	used := label
	for _, r := range table.Rows {
		used += 2 + columnWidth(r)
	}
	return used <= cmp.Or(t.width, 200)
}

// briefly writes a line a row, of the first of them: of its figures those that fit, without what stands below them.
// Columns stand by weight, so those on the right are the ones to lose. A file of text has no width to fit into.
func (t *lines) briefly(table *Table) {
	widths := make([]int, len(table.Columns))
	shown, used := 0, 0
	text := func(r Row, i int) string {
		switch v := r.Values[i]; {
		case v.Tone == "best":
			return v.Text + " *"
		case i == 0 && r.Out != "":
			return v.Text + " ✗"
		default:
			return v.Text
		}
	}
	for i, c := range table.Columns {
		widths[i] = ansi.StringWidth(cmp.Or(c.Short, c.Title))
		for _, r := range table.Rows {
			widths[i] = max(widths[i], ansi.StringWidth(text(r, i)))
		}
		if i == 0 && t.width > 0 {
			widths[i] = min(widths[i], max(t.width/2, 20)) // else a long name would leave no room for what is said of it
		}
		if used += widths[i] + 2; t.width > 0 && used > t.width+2 {
			break
		}
		shown = i + 1
	}
	line := func(of func(i int) string) {
		var b strings.Builder
		for i := range shown {
			b.WriteString(pad(shortened(of(i), widths[i]), widths[i]) + "  ")
		}
		t.WriteString(clean(strings.ReplaceAll(strings.TrimRight(b.String(), " "), "★", "*")) + "\n")
	}
	line(func(i int) string { return cmp.Or(table.Columns[i].Short, table.Columns[i].Title) })
	rows := table.Rows
	if t.brief {
		rows = rows[:min(t.rows, len(rows))]
	}
	for _, r := range rows {
		line(func(i int) string { return text(r, i) })
	}
	t.more(len(table.Rows)-len(rows), "rows", len(table.Columns)-shown, "columns")
	if t.beside > 0 { // else the sentences say it
		t.outs(table.Rows)
	}
	if len(table.Notes) > 0 {
		t.hang("  ", table.Notes[0], 2)
	}
}

// outs says of the first rows that are out why they are.
func (t *lines) outs(rows []Row) {
	var parts []string
	for _, r := range rows {
		if r.Out != "" {
			parts = append(parts, r.Values[0].Text+" "+r.Out)
		}
	}
	const most = 3
	if n := len(parts) - most; n > 0 {
		parts = append(parts[:most], fmt.Sprintf("%d more", n))
	}
	if parts != nil {
		t.hang("  ", "Out: "+strings.Join(parts, "; "), 2)
	}
}

// shortened is a name without its middle where it is too long: those of a family differ in how they begin or end.
func shortened(name string, width int) string {
	w := ansi.StringWidth(name)
	if w <= width {
		return name
	}
	head := ansi.Truncate(name, (width-1)/2, "")
	return head + "…" + ansi.TruncateLeft(name, w-(width-1-ansi.StringWidth(head)), "")
}

// columnWidth is what a row needs as a column.
func columnWidth(r Row) int {
	w := 0
	for _, v := range r.Values {
		w = max(w, ansi.StringWidth(v.Text)+2, min(max(ansi.StringWidth(v.Detail), ansi.StringWidth(v.Unlike)), 44))
	}
	return w
}

// notShown ends the detail of a figure of which there is no more to tell: a screen has no line for it.
const notShown = "not shown"

// side writes a line a column of the table, and below it what stands below the values; widths are those of the rows as
// columns.
func (t *lines) side(table *Table, rows []Row, label int, widths []int) {
	for i, c := range table.Columns {
		if i > 0 && missing(rows, i) {
			continue
		}
		name := titled(c)
		if i == 0 {
			name = ""
		}
		first, below := pad(ansi.Truncate(name, label, ""), label), [2]string{strings.Repeat(" ", label), strings.Repeat(" ", label)}
		// whether a line below has anything in it
		var some [2]bool
		for k, r := range rows {
			v := r.Values[i]
			text := v.Text
			if v.Tone == "best" {
				text += " *"
			}
			first += "  " + pad(ansi.Truncate(text, widths[k], "…"), widths[k])
			for n, more := range []string{v.Detail, v.Unlike} {
				below[n] += "  " + pad(ansi.Truncate(more, widths[k], "…"), widths[k])
				some[n] = some[n] || more != "" && !(t.short && strings.HasSuffix(more, notShown))
			}
		}
		t.WriteString(clean(strings.TrimRight(first, " ")) + "\n")
		for n, line := range below {
			if some[n] {
				t.WriteString(clean(strings.TrimRight(line, " ")) + "\n")
			}
		}
	}
}

// pad counts columns of the screen, not bytes: ≈ and CJK are not one each.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}
