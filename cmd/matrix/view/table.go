package view

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// tableStyle draws one line below the head and nothing else: rules take the width that figures need.
func tableStyle(s Style) table.Style {
	look := table.StyleLight
	if s.ASCII {
		look = table.StyleDefault
	}
	// headers are names: not in capitals
	look.Format.Header = text.FormatDefault
	look.Options.DrawBorder = false
	look.Options.SeparateColumns = false
	return look
}

// newTable is a table in the program's style under its head, for fitted to draw.
// Spaces at the ends of lines are left out: a line of them that is a column too long would be two in a terminal.
func newTable(s Style, head []string) table.Writer {
	t := table.NewWriter()
	t.SetStyle(tableStyle(s))
	t.SuppressTrailingSpaces()
	row := make(table.Row, len(head))
	for i, title := range head {
		row[i] = title
	}
	t.AppendHeader(row)
	return t
}

// spareColumns are those that a narrow terminal does without, the first of them first.
type spareColumns struct {
	soon []string // before a word is broken
	last []string // once nothing else helps
}

// narrower is how wide a column may be, by turns; 0: as wide as it is.
var narrower = []int{0, 24, 20, 16, 12, 8}

// fitted draws a table so that it fits the width, 0 for any: without spare columns, and where that does not do with what is long broken
// within its column. hidden are the spare columns that went, in the order of spare. A column that fits stays.
func fitted(t table.Writer, head, right []string, spare spareColumns, width int) (drawn string, hidden []string) {
	for _, most := range narrower {
		for n := range len(spare.soon) + 1 {
			hidden = spare.soon[:n]
			if drawn = columned(t, head, right, hidden, most); !tooWide(drawn, width) {
				return drawn, hidden
			}
		}
	}
	for n := range spare.last {
		hidden = slices.Concat(spare.soon, spare.last[:n+1])
		if drawn = columned(t, head, right, hidden, narrower[len(narrower)-1]); !tooWide(drawn, width) {
			break
		}
	}
	return drawn, hidden
}

// columned draws a table whose columns are so wide at most; those of figures stand to the right.
// All are said at once, since configurations replace each other.
func columned(t table.Writer, head, right, hidden []string, most int) string {
	columns := make([]table.ColumnConfig, len(head))
	for i, title := range head {
		columns[i] = table.ColumnConfig{Number: i + 1, Hidden: slices.Contains(hidden, title), WidthMax: most, WidthMaxEnforcer: text.WrapSoft}
		if slices.Contains(right, title) {
			columns[i].Align, columns[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	t.SetColumnConfigs(columns)
	return t.Render()
}

// tooWide reports that a terminal would break one of the lines.
func tooWide(drawn string, width int) bool {
	for line := range strings.Lines(drawn) {
		if width > 0 && ansi.StringWidth(strings.TrimSuffix(line, "\n")) > width {
			return true
		}
	}
	return false
}
