// Package document is a report before it is a page: sections of paragraphs, tables and figures, and the three ways to write
// it. It knows nothing of what the figures mean.
package document

import (
	"encoding/json"
	"slices"

	"matrix/results/report/chart"
)

// Document is a report before it is HTML, Markdown or lines in a terminal: all three render the same one.
type Document struct {
	Title    string
	Banner   string    // what cannot be overlooked: "SIMULATED: …"; "" = nothing
	Mark     string    // across each chart; "" = nothing
	Made     string    // when and by what
	Sections []Section // in the order in which they are read
}

// Section is a chapter; sections of level 3 belong to the one of level 2 before.
// Its id is what links lead to, so it stays the same from run to run.
type Section struct {
	ID, Title string // ID: unique in the document
	Blocks    []Block
	Folded    bool // only some readers want it
}

// Block is one of a paragraph, a list, a table, a figure, code, a heading or a fold.
// One of them is set; a heading may stand before it.
type Block struct {
	Heading string // of a part of the section
	ID      string // of the heading
	Tone    string // of a paragraph: "", "lead", "warn", "note"
	Text    Text
	Reason  bool // the paragraph says why the card names nobody: no screen is too small for it
	List    []Text
	Table   *Table
	Card    *Card
	Figure  *Figure
	Code    string // printed as it is, with its line breaks; "" = none
	Fold    *Fold
}

// Card is a verdict at a glance: badges, and what to do next.
type Card struct {
	For    string  // what it speaks of, and whom it chooses: "200,000 requests: a, 3.1 h"
	N      int64   // the number in For
	Figure string  // id of the one whose box asks for a number; "" = there is none
	Behind bool    // another one of them is shown
	Others []Card  // of smaller numbers: a page shows one card at a time, on paper and in text this one stands
	Badges []Badge // at most a handful: they stand in one row
	Do     string  // one command; "" = nothing
	Why    string  // what it would tell
}

// Badge is one side of a verdict.
type Badge struct {
	Name, Level, Text string // the level is red, amber, green, or "" where there is none
	Anchor            string // where more of it stands; "" = nowhere
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
	ID      string   // anchor, "" = none
	Caption string   // what its rows are; a terminal writes it above them
	Sorts   bool     // a reader may sort and filter its rows
	Columns []Column // as many as each row has values
	Rows    []Row
	Notes   []string // below it: what holds of every row
}

// Column is a table's column.
type Column struct {
	Title   string
	Short   string // of the title, where there is room for little; "" = the title
	Unit    string // "" = a count, a share or a text
	Numeric bool   // set to the right, and sorted as numbers
}

// Row is a table's row.
type Row struct {
	ID     string  // anchor, "" = none
	Out    string  // why what it tells of is not chosen from, "" = it is: a narrow terminal has no column that says so
	Values []Value // one a column
}

// Value is what stands in a table's cell: the figure, and below it how sure it is.
type Value struct {
	Text   string   // formatted; a dash where there is nothing
	Detail string   // interval, method; "" = none
	Unlike string   // what a ratio must be read with, in short
	Why    string   // of a missing figure
	Anchor string   // where it came from
	Tone   string   // "", "best", "warn", "missing"
	Order  *float64 // what it is sorted by; nil = its text
	Dot    *Dot
}

// Dot is a figure with its interval, each a share of the way along a row's line.
type Dot struct{ Low, At, High float64 }

// Figure is a chart with what it was drawn from.
type Figure struct {
	ID     string // unique: the name of its file beside Markdown, too
	Title  string
	Note   string          // below it: how to read it
	Chart  chart.Chart     // the first view
	Alt    string          // what it shows, in words
	Source Text            // links to the cells
	Views  []View          // other charts of the same, one shown at a time
	Curves json.RawMessage // what the box for a number of requests reads; nil = there is no such box
	Wide   bool            // over the whole page, not half of it
}

// View is another chart of a figure.
type View struct {
	Name  string // on its button: "cost"
	Chart chart.Chart
}

// Drop takes out columns in which no row has a figure.
// The first column stays: it says what the row is. Rows must have a value for each column. The table's own columns are
// cloned, the rows' values are not.
func (t *Table) Drop() {
	t.Columns = slices.Clone(t.Columns)
	for i := len(t.Columns) - 1; i > 0; i-- {
		if !missing(t.Rows, i) {
			continue
		}
		t.Columns = slices.Delete(t.Columns, i, i+1)
		for k := range t.Rows {
			t.Rows[k].Values = slices.Delete(t.Rows[k].Values, i, i+1)
		}
	}
}

// missing reports that no row has a figure in a column.
// No rows at all count as none.
func missing(rows []Row, column int) bool {
	for _, r := range rows {
		if r.Values[column].Tone != "missing" {
			return false
		}
	}
	return true
}

// Figures are all figures of the document, in order, those in folds too.
func (d *Document) Figures() []*Figure {
	var all []*Figure
	// cards have no figures
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
