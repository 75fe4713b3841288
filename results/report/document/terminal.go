package document

import (
	"cmp"
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

// WriteSummary writes the answer: what a terminal shows at once.
// width is in columns; 0 = lines are never folded.
func (d *Document) WriteSummary(w io.Writer, width int) error {
	return d.write(w, width, "answer")
}

// WriteText writes all sections as plain lines; charts are told in words.
func (d *Document) WriteText(w io.Writer, width int) error { return d.write(w, width) }

// write leaves sections out by their id; no id means all. It writes once, at the end.
func (d *Document) write(w io.Writer, width int, only ...string) error {
	t := &lines{width: width, short: len(only) > 0}
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
	_, err := io.WriteString(w, t.String())
	return err
}

// lines collects folded text.
type lines struct {
	strings.Builder
	width int
	short bool // what is folded is told by its title
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
	for _, b := range blocks {
		if b.Heading != "" {
			t.line("\n" + b.Heading)
		}
		switch {
		case b.Text != nil && b.Tone == "warn":
			t.hang("! ", words(b.Text), 2)
		// what goes on below it is indented, so that two leads do not run together
		case b.Tone == "lead":
			t.hang("", words(b.Text), 2)
		case b.Text != nil:
			t.line(words(b.Text))
		}
		for _, item := range b.List {
			t.hang("- ", words(item), 2)
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
		if b.Fold != nil {
			t.line("\n" + b.Fold.Title)
		}
		if b.Fold != nil && !t.short {
			t.blocks(b.Fold.Blocks, false)
		}
	}
}

// card writes a badge a line.
func (t *lines) card(c *Card) {
	t.line("")
	if c.For != "" {
		t.line("For " + c.For)
	}
	for _, b := range c.Badges {
		t.hang(pad(b.Name+":", 17), b.Text, 17)
	}
	if c.Do != "" {
		t.hang(pad("Do next:", 17), c.Why, 17)
		t.WriteString("    " + clean(c.Do) + "\n")
	}
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
	if t.short && t.width > 0 && !t.fits(table, label) {
		t.brief(table)
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
		if i == 0 || !t.short {
			t.hang("  ", n, 2)
		}
	}
}

// fits reports that all rows stand beside each other.
// brief is for a screen; a file of text has no width to fit into.
func (t *lines) fits(table *Table, label int) bool {
	used := label
	for _, r := range table.Rows {
		used += 2 + columnWidth(r)
	}
	return used <= t.width
}

// brief writes a line a row: of its figures those that fit, without what stands below them.
// Columns stand by weight, so those on the right are the ones to lose.
func (t *lines) brief(table *Table) {
	widths := make([]int, len(table.Columns))
	shown, used := 0, 0
	text := func(v Value) string {
		if v.Tone == "best" {
			return v.Text + " *"
		}
		return v.Text
	}
	for i, c := range table.Columns {
		widths[i] = ansi.StringWidth(cmp.Or(c.Short, c.Title))
		for _, r := range table.Rows {
			widths[i] = max(widths[i], ansi.StringWidth(text(r.Values[i])))
		}
		if used += widths[i] + 2; used > t.width+2 {
			break
		}
		shown = i + 1
	}
	line := func(of func(i int) string) {
		var b strings.Builder
		for i := range shown {
			b.WriteString(pad(of(i), widths[i]) + "  ")
		}
		t.WriteString(clean(strings.ReplaceAll(strings.TrimRight(b.String(), " "), "★", "*")) + "\n")
	}
	line(func(i int) string { return cmp.Or(table.Columns[i].Short, table.Columns[i].Title) })
	for _, r := range table.Rows {
		line(func(i int) string { return text(r.Values[i]) })
	}
	if len(table.Notes) > 0 {
		t.hang("  ", table.Notes[0], 2)
	}
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
