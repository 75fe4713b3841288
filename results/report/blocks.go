package report

import "matrix/results/report/document"

// The parts of a document, by their short names.
// They are aliases: callers outside need only this package to write what Build made.
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

// Short makers, so that a section reads as what it says.
func plain(s string) Text        { return Text{{Text: s}} }
func para(s string) Block        { return Block{Text: plain(s)} }
func toned(tone, s string) Block { return Block{Text: plain(s), Tone: tone} }

// tableBlock takes a table without rows, too: leaving it out is the caller's to decide.
func tableBlock(t *Table) Block { return Block{Table: t} }

// fold hides blocks behind a title; in a terminal only the title is told, see document.
func fold(title string, b ...Block) Block {
	return Block{Fold: &document.Fold{Title: title, Blocks: b}}
}
