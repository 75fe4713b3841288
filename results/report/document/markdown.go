package document

import (
	"fmt"
	"io"
	"strings"

	"matrix/results/report/chart"
)

// WriteMarkdown writes the report as GitHub's Markdown; its charts are files beside it, see Charts.
// Raw HTML is used for anchors and folds alone, as GitHub allows.
func (d *Document) WriteMarkdown(w io.Writer) error {
	m := &markdown{}
	m.f("# %s\n\n", m.marked(d, d.Title))
	if d.Banner != "" {
		m.f("> **%s**\n\n", escapeMarkdown(d.Banner))
	}
	m.f("%s\n\n", escapeMarkdown(d.Made))
	for _, s := range d.Sections {
		m.f("<a id=\"%s\"></a>\n\n## %s\n\n", s.ID, m.marked(d, s.Title))
		if s.Folded {
			m.f("<details><summary>%s</summary>\n\n", m.marked(d, s.Title))
		}
		m.blocks(s.Blocks)
		if s.Folded {
			m.f("</details>\n\n")
		}
	}
	_, err := io.WriteString(w, m.String())
	return err
}

// Charts are the files that the Markdown refers to: name → SVG.
// They are static, on white: a file beside Markdown takes no colours from a page.
func (d *Document) Charts() map[string]string {
	files := map[string]string{}
	for _, f := range d.Figures() {
		files[f.File()] = f.Chart.SVG(chart.Style{Static: true, Watermark: d.Mark})
	}
	return files
}

// File is the name of the chart's file.
// It has letters, digits and dashes only, as ids are slugs.
func (f *Figure) File() string { return f.ID + ".svg" }

// markdown collects the text; it is written at once, so that only one write can fail.
type markdown struct{ strings.Builder }

func (m *markdown) f(format string, args ...any) { fmt.Fprintf(&m.Builder, format, args...) }

// marked puts SIMULATED before every heading: sections get quoted alone.
func (m *markdown) marked(d *Document, title string) string {
	if d.Mark != "" {
		return d.Mark + ": " + escapeMarkdown(title)
	}
	return escapeMarkdown(title)
}

// blocks keeps an empty line behind each: without one GitHub reads two as one.
func (m *markdown) blocks(blocks []Block) {
	for _, b := range blocks {
		if b.Heading != "" {
			if b.ID != "" {
				m.f("<a id=\"%s\"></a>\n\n", b.ID)
			}
			m.f("### %s\n\n", escapeMarkdown(b.Heading))
		}
		if b.Text != nil {
			m.paragraph(b)
		}
		for _, t := range b.List {
			m.f("- %s\n", m.text(t))
		}
		if b.List != nil {
			m.f("\n")
		}
		if b.Card != nil {
			m.card(b.Card)
		}
		if b.Table != nil {
			m.table(b.Table)
		}
		if b.Figure != nil {
			m.figure(b.Figure)
		}
		if b.Code != "" {
			m.code(b.Code)
		}
		if b.Fold != nil {
			m.f("<details><summary>%s</summary>\n\n", escapeMarkdown(b.Fold.Title))
			m.blocks(b.Fold.Blocks)
			m.f("</details>\n\n")
		}
	}
}

// card is a table without a head, which GitHub draws as two columns. Only the card that stands is written, not Others.
func (m *markdown) card(c *Card) {
	if c.For != "" {
		m.f("**For %s**\n\n", escapeMarkdown(c.For))
	}
	m.f("| | |\n| --- | --- |\n")
	for _, b := range c.Badges {
		m.f("| **%s** | %s |\n", escapeMarkdown(b.Name), escapeMarkdown(b.Text))
	}
	m.f("\n")
	if c.Do != "" {
		m.f("Do next: %s\n\n", escapeMarkdown(c.Why))
		m.code(c.Do)
	}
}

// paragraph knows no colours: a warning is a quotation with a sign.
func (m *markdown) paragraph(b Block) {
	switch b.Tone {
	case "lead":
		m.f("**%s**\n\n", m.text(b.Text))
	case "warn":
		m.f("> ⚠ %s\n\n", m.text(b.Text))
	default:
		m.f("%s\n\n", m.text(b.Text))
	}
}

func (m *markdown) text(t Text) string {
	var out strings.Builder
	for _, s := range t {
		switch {
		case s.Anchor != "":
			fmt.Fprintf(&out, "[%s](#%s)", escapeMarkdown(s.Text), s.Anchor)
		case s.Strong:
			fmt.Fprintf(&out, "**%s**", escapeMarkdown(s.Text))
		default:
			out.WriteString(escapeMarkdown(s.Text))
		}
	}
	return out.String()
}

// table writes units into the heads, for Markdown has no second line there.
func (m *markdown) table(t *Table) {
	if t.ID != "" {
		m.f("<a id=\"%s\"></a>\n\n", t.ID)
	}
	m.f("**%s**\n\n|", escapeMarkdown(t.Caption))
	for _, c := range t.Columns {
		title := escapeMarkdown(c.Title)
		if c.Unit != "" {
			title += " (" + escapeMarkdown(c.Unit) + ")"
		}
		m.f(" %s |", title)
	}
	m.f("\n|")
	for _, c := range t.Columns {
		if c.Numeric {
			m.f(" ---: |")
		} else {
			m.f(" --- |")
		}
	}
	m.f("\n")
	for _, r := range t.Rows {
		m.row(r)
	}
	m.f("\n")
	for _, n := range t.Notes {
		m.f("%s\n\n", escapeMarkdown(n))
	}
}

// row puts anchors before the first value: a row of Markdown has no id of its own.
func (m *markdown) row(r Row) {
	m.f("|")
	for i, v := range r.Values {
		cell := escapeMarkdown(v.Text)
		if v.Tone == "best" {
			cell = "**" + cell + "** ★"
		}
		if v.Anchor != "" {
			cell = fmt.Sprintf("[%s](#%s)", cell, v.Anchor)
		}
		if v.Detail != "" {
			cell += " <br> " + escapeMarkdown(v.Detail)
		}
		if v.Unlike != "" {
			cell += " <br> " + escapeMarkdown(v.Unlike)
		}
		if i == 0 && r.ID != "" {
			cell = fmt.Sprintf("<a id=\"%s\"></a>%s", r.ID, cell)
		}
		m.f(" %s |", cell)
	}
	m.f("\n")
}

// figure carries the alternative text: it is all that is left where pictures are not loaded.
func (m *markdown) figure(f *Figure) {
	m.f("<a id=\"%s\"></a>\n\n**%s**\n\n![%s](%s)\n\n", f.ID, escapeMarkdown(f.Title), escapeMarkdown(f.Alt), f.File())
	if f.Note != "" || f.Source != nil {
		parts := []string{escapeMarkdown(f.Note)}
		if f.Source != nil {
			parts = append(parts, "From "+m.text(f.Source)+".")
		}
		m.f("%s", strings.TrimSpace(strings.Join(parts, " ")))
		m.f("\n\n")
	}
}

// code fences what may itself hold fences.
func (m *markdown) code(s string) {
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	m.f("%s\n%s\n%s\n\n", fence, strings.TrimRight(s, "\n"), fence)
}

// escapeMarkdown makes text mean itself: no markup, no HTML, no second line.
// Names of models and messages of engines are not ours, and go into somebody's issue or wiki.
var markdownEscapes = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "&", "&amp;",
	"|", "\\|", "\r", " ", "\n", " ", "#", "\\#", "!", "\\!", "~", "\\~")

func escapeMarkdown(s string) string {
	out := clean(markdownEscapes.Replace(s))
	// An underscore inside a word is no markup; at a word's edge it may be.
	if strings.HasPrefix(out, "_") || strings.Contains(out, " _") || strings.Contains(out, "_ ") || strings.Contains(out, "__") {
		out = strings.ReplaceAll(out, "_", "\\_")
	}
	return out
}
