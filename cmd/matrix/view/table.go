package view

import (
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
