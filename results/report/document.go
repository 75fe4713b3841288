package report

import "matrix/results/report/chart"

// Document is a report before it is HTML, Markdown or lines in a terminal: all three render the same one.
type Document struct {
	Title    string
	Banner   string // what cannot be overlooked: "SIMULATED: …"; "" = nothing
	Mark     string // across each chart; "" = nothing
	Made     string // when and by what
	Sections []Section
}

// Section is a chapter; sections of level 3 belong to the one of level 2 before.
type Section struct {
	ID, Title string
	Blocks    []Block
}

// Block is one of a paragraph, a list, a table, a figure, code, a heading or a fold.
type Block struct {
	Heading string // of a part of the section
	ID      string // of the heading
	Tone    string // of a paragraph: "", "lead", "warn", "note"
	Text    Text
	List    []Text
	Table   *Table
	Figure  *Figure
	Code    string
	Fold    *Fold
}

// Fold is what only some readers want to see.
type Fold struct {
	Title  string
	Blocks []Block
}

// Text is a line of spans.
type Text []Span

// Span is a run of text, a link where it has an anchor.
type Span struct {
	Text   string
	Anchor string // id in the document, "" = no link
	Strong bool
}

// Table is a table with its notes.
type Table struct {
	ID      string
	Caption string
	Columns []Column
	Rows    []Row
	Notes   []string
}

// Column is a table's column.
type Column struct {
	Title   string
	Unit    string
	Numeric bool
}

// Row is a table's row.
type Row struct {
	ID     string // anchor, "" = none
	Values []Value
}

// Value is what stands in a table's cell: the figure, and below it how sure it is.
type Value struct {
	Text   string
	Detail string // interval, method; "" = none
	Unlike string // what a ratio must be read with, in short
	Why    string // of a missing figure
	Anchor string // where it came from
	Tone   string // "", "best", "warn", "missing"
}

// Figure is a chart with what it was drawn from.
type Figure struct {
	ID     string
	Title  string
	Note   string
	Chart  chart.Chart
	Alt    string // what it shows, in words
	Source Text   // links to the cells
}

func plain(s string) Text                 { return Text{{Text: s}} }
func para(s string) Block                 { return Block{Text: plain(s)} }
func toned(tone, s string) Block          { return Block{Text: plain(s), Tone: tone} }
func table(t *Table) Block                { return Block{Table: t} }
func fold(title string, b ...Block) Block { return Block{Fold: &Fold{title, b}} }

// figures are all figures of the document, in order, those in folds too.
func (d *Document) figures() []*Figure {
	var all []*Figure
	var walk func([]Block)
	walk = func(blocks []Block) {
		for _, b := range blocks {
			if b.Figure != nil {
				all = append(all, b.Figure)
			}
			if b.Fold != nil {
				walk(b.Fold.Blocks)
			}
		}
	}
	for _, s := range d.Sections {
		walk(s.Blocks)
	}
	return all
}
