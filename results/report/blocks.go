package report

import "matrix/results/report/document"

// The parts of a document, by their short names.
type (
	Document = document.Document
	Section  = document.Section
	Block    = document.Block
	Text     = document.Text
	Span     = document.Span
	Table    = document.Table
	Column   = document.Column
	Row      = document.Row
	Value    = document.Value
	Figure   = document.Figure
)

func plain(s string) Text        { return Text{{Text: s}} }
func para(s string) Block        { return Block{Text: plain(s)} }
func toned(tone, s string) Block { return Block{Text: plain(s), Tone: tone} }
func tableBlock(t *Table) Block  { return Block{Table: t} }

func fold(title string, b ...Block) Block {
	return Block{Fold: &document.Fold{Title: title, Blocks: b}}
}
