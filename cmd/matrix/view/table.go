package view

import (
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

// newTable is a table in the program's style, its numbers to the right.
// Columns count from 1; the first is words.
func newTable(s Style, columns int) table.Writer {
	w := table.NewWriter()
	w.SetStyle(tableStyle(s))
	var right []table.ColumnConfig
	for n := 2; n <= columns; n++ {
		right = append(right, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	w.SetColumnConfigs(right)
	return w
}

// figures are columns, by their titles, that are compared from row to row.
func figures(titles ...string) (right []table.ColumnConfig) {
	for _, title := range titles {
		right = append(right, table.ColumnConfig{Name: title, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	return right
}

// fitted draws a table without so many of the spare columns, the first of them first, that it fits the width; 0 is any.
// One by one: a column that fits stays. columns are how the others are drawn, since configurations replace each other.
func fitted(t table.Writer, columns []table.ColumnConfig, spare []string, width int) (drawn string, hidden int) {
	for {
		t.SetColumnConfigs(columns)
		if drawn = t.Render(); hidden == len(spare) || !tooWide(drawn, width) {
			return drawn, hidden
		}
		columns = append(columns[:len(columns):len(columns)], table.ColumnConfig{Name: spare[hidden], Hidden: true})
		hidden++
	}
}

// tooWide goes by the first line: a table's lines are equally long.
func tooWide(drawn string, width int) bool {
	head, _, _ := strings.Cut(drawn, "\n")
	return width > 0 && ansi.StringWidth(head) > width
}
