package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"matrix/results/quality"
	"matrix/results/report/chart"
	"matrix/results/summary"
	"matrix/results/table"
)

// quality tells what the answers were worth, as far as anything shows it.
// Agreement comes before accuracy: it needs no references, so there nearly always is some.
func (m *maker) quality() (Section, error) {
	s := Section{ID: "quality", Title: "Quality of the answers"}
	if m.Quality == nil || len(m.Quality.Cells) == 0 {
		return s, nil // nothing was captured, or nothing is real: there is nothing to say
	}
	// A cut answer or a changed dataset makes the figures below doubtful: warnings come first.
	for _, w := range m.Quality.Warnings {
		s.Blocks = append(s.Blocks, toned("warn", w))
	}
	s.Blocks = append(s.Blocks, para("Agreement says that two cells do the same, not that either is right; accuracy needs reference answers."))
	s.Blocks = append(s.Blocks, openTable(agreements{m}.cells()))
	for _, g := range m.groups {
		f, err := g.lengths(m.ctx, m.Set)
		if err != nil {
			return s, err
		}
		if f != nil {
			s.Blocks = append(s.Blocks, Block{Figure: f})
		}
	}
	if t := (agreements{m}).pairs(); len(t.Rows) > 0 {
		s.Blocks = append(s.Blocks, fold("How far each pair agrees", tableBlock(t)))
	}
	for _, t := range []*Table{m.worth(), agreements{m}.fieldPairs(), agreements{m}.fieldAccuracies()} {
		if len(t.Rows) > 0 {
			s.Blocks = append(s.Blocks, openTable(t))
		}
	}
	return s, nil
}

// lengths is how long the answers are at the largest batch size, a line a platform; nil where no engine counted.
// Two platforms that answer at different lengths do different work: tokens a second then mislead.
func (g *group) lengths(ctx context.Context, set *summary.Set) (*Figure, error) {
	var cells []*summary.Cell
	for _, queued := range []bool{false, true} {
		_, several := g.largestLoaded(queued)
		cells = append(cells, several...)
	}
	cells, not := firstOf(cells)
	found, err := set.Distributions(ctx, cells, "output_tokens")
	if err != nil && !errors.Is(err, table.ErrCorrupt) {
		return nil, err
	}
	f := &Figure{ID: slug("lengths", g.model), Title: g.model + ": length of the answers", Note: "Of the largest batch of each kind of load; steps near the end are answers that were cut at max_tokens." + not}
	var series []chart.Series
	var from []*summary.Cell
	var words []string
	for _, c := range cells {
		if d := found[c]["output_tokens"]; d != nil && d.N > 1 {
			line := curve(g.name[c], g.slot(c), d, "tokens")
			series, from = append(series, line), append(from, c)
			// the shares end at 1, so there is one
			half := slices.IndexFunc(d.Points, func(p summary.Point) bool { return p.Share >= 0.5 })
			words = append(words, fmt.Sprintf("%s %s tokens in the median, %s at most", g.name[c], three(d.Points[half].Value), whole(d.Max)))
		}
	}
	if len(series) == 0 {
		return nil, nil
	}
	one := 1.0
	f.Source, f.Alt = links(from), "Output tokens of each answer: "+strings.Join(words, "; ")+"."
	f.Chart = chart.Plot{Title: f.Alt, X: chart.Axis{Label: "output tokens (log scale)", Log: true}, Series: series, Y: chart.Axis{Label: "share of the requests at or below", Zero: true, Max: &one, Format: percent}}
	return f, nil
}

// mostOpen is how many rows a table may have that not everybody wants, and not be folded.
const mostOpen = 6

func openTable(t *Table) Block {
	if len(t.Rows) > mostOpen {
		return fold(t.Caption, tableBlock(t))
	}
	return tableBlock(t)
}

// agreements are the tables of how far answers agree.
type agreements struct{ m *maker }

// cells is a row a cell. Empty answers are a warning: they are fast, and worth nothing.
func (a agreements) cells() *Table {
	t := &Table{Caption: "Answers of each cell's last complete launch", Columns: []Column{{Title: "Cell"}, {Title: "Answers", Numeric: true}, {Title: "Empty", Numeric: true}, {Title: "Refusals", Unit: "by how they begin", Numeric: true}, {Title: "Is JSON", Unit: "where the prompt says JSON", Numeric: true}, {Title: "Accuracy", Numeric: true}}}
	for _, c := range a.m.Quality.Cells {
		name := Value{Text: c.Name}
		if at := a.m.cellAt(c.Cell); at != nil {
			name.Anchor = anchor(at)
		}
		empty := Value{Text: whole(float64(c.Empty))}
		if c.Empty > 0 {
			empty.Tone = "warn"
		}
		t.Rows = append(t.Rows, Row{Values: []Value{name, {Text: whole(float64(c.N))}, empty, {Text: whole(float64(c.Refusals))},
			shareValue(c.JSONs, "no prompt says JSON, or the dataset is not at hand"), shareValue(c.Accuracy, "no prompt has a reference answer")}})
	}
	t.Drop()
	return t
}

// shareValue has the 95% interval of quality.Share; nil is a dash with its reason.
func shareValue(s *quality.Share, why string) Value {
	if s == nil {
		return missing(why)
	}
	return Value{Text: percent(s.Value), Detail: fmt.Sprintf("%s–%s, 95%% of %d", percent(s.Low), percent(s.High), s.N)}
}

// pairs is a row a pair of cells that answered the same prompts; ratios and differences are of the second to the first.
func (a agreements) pairs() *Table {
	t := &Table{Caption: "Agreement on the same prompts", Columns: []Column{{Title: "Cell"}, {Title: "Against"}, {Title: "Prompts", Numeric: true}, {Title: "Equal", Numeric: true}, {Title: "Common beginning", Unit: "of the words", Numeric: true}, {Title: "Length", Unit: "second / first", Numeric: true}, {Title: "chrF", Numeric: true}, {Title: "Accuracy", Unit: "second − first", Numeric: true}}}
	for _, p := range a.m.Quality.Pairs {
		change := missing("no prompt has a reference answer")
		if p.Accuracy != nil {
			change = Value{Text: fmt.Sprintf("%+.3f", p.Accuracy.Value), Detail: fmt.Sprintf("%+.3f to %+.3f, 95%%", p.Accuracy.Low, p.Accuracy.High)}
		}
		row := Row{Values: []Value{{Text: p.A}, {Text: p.B}, {Text: whole(float64(p.N))}, {Text: percent(p.Exact)}, {Text: percent(p.Prefix)}, {Text: "×" + three(p.LengthRatio)}, {Text: three(p.ChrF)}, change}}
		for i, folder := range []string{p.CellA, p.CellB} {
			if c := a.m.cellAt(folder); c != nil {
				row.Values[i].Anchor = anchor(c)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	t.Drop()
	return t
}

// fieldPairs tells of structured answers how far two cells agree, field by field.
// κ is for choices, where chance alone agrees often; distances are for scores, where near is nearly right.
func (a agreements) fieldPairs() *Table {
	t := &Table{Caption: "Agreement on each field of the answers", Columns: []Column{{Title: "Cell"}, {Title: "Against"}, {Title: "Field"}, {Title: "Prompts", Numeric: true},
		{Title: "Equal", Numeric: true}, {Title: "Cohen's κ", Numeric: true}, {Title: "Mean distance", Numeric: true}, {Title: "Second − first", Unit: "Bland–Altman", Numeric: true}, {Title: "Spearman's ρ", Numeric: true}}}
	for _, p := range a.m.Quality.Pairs {
		for _, f := range p.Fields {
			choice, score := "numbers have distances", "a choice has none"
			cells := []Value{figureOf(f.Kappa, three, choice), missing(score), missing(score), missing(score)}
			if d := f.Score; d != nil {
				cells[1] = Value{Text: three(d.MeanAbsolute)}
				cells[2] = Value{Text: fmt.Sprintf("%+.2f", d.Bias), Detail: fmt.Sprintf("%+.2f to %+.2f hold 95%% of the differences", d.Low, d.High)}
				cells[3] = figureOf(d.Spearman, three, "one side says one number only")
			}
			t.Rows = append(t.Rows, Row{Values: append([]Value{{Text: p.A}, {Text: p.B}, {Text: f.Path}, {Text: whole(float64(f.N))}, shareValue(f.Exact, "")}, cells...)})
		}
	}
	return t
}

// fieldAccuracies tells how often each field is what the references say.
// Mean distance only where the field is a number in both.
func (a agreements) fieldAccuracies() *Table {
	t := &Table{Caption: "Each field against the references", Columns: []Column{{Title: "Cell"}, {Title: "Field"}, {Title: "Right", Numeric: true}, {Title: "Mean distance", Numeric: true}}}
	for _, c := range a.m.Quality.Cells {
		for _, f := range c.Fields {
			t.Rows = append(t.Rows, Row{Values: []Value{{Text: c.Name}, {Text: f.Path}, shareValue(f.Share, ""), figureOf(f.MeanAbsolute, three, "no number, or an answer without one")}})
		}
	}
	return t
}
