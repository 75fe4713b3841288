package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/summary"
)

// Draw prints the comparison, with as many columns as fit.
func (v *Comparison) Draw(out *Printer) { v.draw(out, out.Style, out.Width()) }

// draw leaves columns out one by one until a table fits the width.
func (v *Comparison) draw(out io.Writer, s Style, width int) {
	v.heading(out, s)
	foot := &footnotes{}
	for _, t := range v.tables(s, foot) {
		drawn, _ := fitted(t.Writer, t.head, comparisonFigures, spareComparison, width)
		fmt.Fprintf(out, "%s\n\n", drawn)
	}
	v.closing(foot, func(line string) { fmt.Fprintln(out, Fold(line, width)) })
	if v.simulated() {
		fmt.Fprintln(out, s.Warn(Fold(SimulatedBanner, width)))
	}
}

// spareComparison go first on a narrow terminal: the ratio and its interval tell what matters. --json has all.
var spareComparison = spareColumns{soon: []string{"A spread", "B spread", "n", "p"}, last: []string{"A", "B"}}

// comparisonFigures are compared from row to row.
var comparisonFigures = []string{"A", "B", "B/A"}

// comparisonTable is a table with its head, the first of which is what a line is of.
type comparisonTable struct {
	table.Writer
	head []string
}

// Markdown writes the comparison as tables of Markdown.
// All columns: a page scrolls.
func (v *Comparison) Markdown(out io.Writer) {
	v.heading(out, Style{ASCII: true})
	foot := &footnotes{}
	for _, t := range v.tables(Style{}, foot) {
		columned(t.Writer, t.head, comparisonFigures, nil, 0)
		fmt.Fprintf(out, "%s\n\n", t.RenderMarkdown())
	}
	v.closing(foot, func(line string) { fmt.Fprintf(out, "%s\n\n", line) })
	if v.simulated() {
		fmt.Fprintf(out, "**%s**\n", SimulatedBanner)
	}
}

// heading says what A and B are. Where one pair is compared the cells are named, else the words that the user typed.
func (v *Comparison) heading(out io.Writer, s Style) {
	if v.simulated() {
		fmt.Fprintf(out, "%s\n\n", s.Warn("SIMULATED"))
	}
	for i, letter := range []string{"A", "B"} {
		name := v.sides[i].Word
		if len(v.matching.Pairs) == 1 {
			p := v.matching.Pairs[0]
			c := []*summary.Cell{p.A, p.B}[i]
			name = c.Name + s.Dot() + c.Experiment
		}
		fmt.Fprintf(out, "%s  %s\n", s.Bold(letter), name)
	}
	fmt.Fprintln(out)
}

// closing says what the notes' numbers mean, how intervals came about and what has no partner.
func (v *Comparison) closing(foot *footnotes, say func(string)) {
	for _, words := range v.gateWords() {
		say(words)
	}
	for i, note := range foot.texts {
		say(fmt.Sprintf("[%d] %s", i+1, note))
	}
	methods := map[string]bool{}
	for _, l := range v.lines {
		methods[l.a.Method], methods[l.b.Method], methods[l.ratio.Method] = true, true, true
	}
	sayMethods(methods, say)
	if words := v.chanceWords(); words != "" {
		say(words)
	}
	for i, alone := range [][]*summary.Cell{v.matching.OnlyA, v.matching.OnlyB} {
		if len(alone) > 0 {
			say(fmt.Sprintf("only in %s: %s", "AB"[i:i+1], namesOfCells(alone)))
		}
	}
}

// chanceWords say what many intervals are worth together: each holds by itself, so of twenty where nothing differs one leaves out 1.
// They are not widened for it: whoever looks at one metric of one pair asks once. The report's verdicts, which ask several at once, are.
func (v *Comparison) chanceWords() string {
	all, apart, chance := 0, 0, 0.0
	for _, l := range v.lines {
		if e := l.ratio.Estimate; e.Known() && e.Sure() {
			all, chance = all+1, chance+1-e.Level
			if e.Low > 1 || e.High < 1 {
				apart++
			}
		}
	}
	if all < 2 || apart == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d intervals of B/A leave out 1. Each holds by itself: where nothing differs, about %.2g of %d leave it out by chance.", apart, all, chance, all)
}

// sayMethods says how intervals came about.
func sayMethods(methods map[string]bool, say func(string)) {
	for _, m := range methodWords {
		if methods[m.method] {
			say(m.words)
		}
	}
}

// methodWords say below the table how its intervals came about, the weakest first.
var methodWords = []struct{ method, words string }{
	{stats.OneLaunch, "one launch on a side: nothing tells how sure its figure is."},
	{stats.Range, "(range): smallest to largest, no confidence interval; 6 launches or more give one."},
	{stats.Pooled, "~ 95% if the launches of these cells vary as those of like cells do (same platform, model and hardware)."},
	{stats.Ranks, "6 launches or more: distribution-free 95% intervals of the median."},
	{stats.Bootstrap, "6 against 6 or more: 95% bootstrap intervals of the ratio of medians."},
}

// namesOfCells are the first eight.
func namesOfCells(cells []*summary.Cell) string {
	var names []string
	for _, c := range cells {
		names = append(names, c.Name)
	}
	return format.Some(names, 8)
}

// pairName marks a simulated pair among measured ones.
func (v *Comparison) pairName(pair int) string {
	name := v.matching.Pairs[pair].Name
	if v.measured() && pretended(v.matching.Pairs[pair]) {
		return name + " SIMULATED"
	}
	return name
}

// tables is one of all metrics for a single pair, else one a metric with a line a pair.
func (v *Comparison) tables(s Style, foot *footnotes) (out []comparisonTable) {
	if len(v.matching.Pairs) == 1 {
		t := newComparisonTable(s, "metric")
		for _, l := range v.lines {
			t.AppendRow(v.row(l.metric.Name, l, foot))
		}
		return []comparisonTable{t}
	}
	for _, m := range v.metrics {
		t := newComparisonTable(s, m.Name)
		for _, l := range v.lines {
			if l.metric.Name == m.Name {
				t.AppendRow(v.row(v.pairName(l.pair), l, foot))
			}
		}
		// nobody has the metric
		if t.Length() == 0 {
			continue
		}
		if mean, n := v.geomean(m.Name); mean != nil {
			t.AppendRow(table.Row{"geomean", "", "", "", "", fmt.Sprintf("%.3g", *mean), "", "", format.Count(n, "pair"), ""})
		}
		out = append(out, t)
	}
	return out
}

// newComparisonTable has the columns of all comparisons; first is what a line is of.
func newComparisonTable(s Style, first string) comparisonTable {
	head := []string{first, "A", "A spread", "B", "B spread", "B/A", "interval", "p", "n", "unlike"}
	return comparisonTable{newTable(s, head), head}
}

// row is one metric of one pair. Three digits are shown: intervals are wider than what the fourth would say.
func (v *Comparison) row(label string, l comparisonLine, foot *footnotes) table.Row {
	var marks []string
	if d := v.unlike[l.pair]; len(d) > 0 {
		words := make([]string, len(d))
		for i := range d {
			words[i] = d[i].String()
		}
		marks = append(marks, foot.mark("unlike: "+strings.Join(words, "; ")))
	}
	for _, note := range l.notes {
		marks = append(marks, foot.mark(note))
	}
	p := "-"
	if l.ratio.P != nil {
		p = fmt.Sprintf("%.3f", *l.ratio.P)
	}
	ratio := "-"
	if l.ratio.Known() {
		ratio = fmt.Sprintf("%.3g", l.ratio.Median)
	}
	plain := func(x float64) string { return fmt.Sprintf("%.3g", x) }
	in := func(x float64) string { return withUnit(x, l.metric) }
	return table.Row{label, point(l.a, in), between(l.a, in), point(l.b, in), between(l.b, in), ratio, between(l.ratio.Estimate, plain), p,
		fmt.Sprintf("%d+%d", l.a.N, l.b.N), strings.Join(marks, " ")}
}

// point is a median with its unit, or a dash.
func point(e stats.Estimate, in func(float64) string) string {
	if !e.Known() {
		return "-"
	}
	return in(e.Median)
}

// between is an interval, marked by what it rests on.
func between(e stats.Estimate, in func(float64) string) string {
	switch {
	case !e.Known():
		return ""
	case e.Method == stats.OneLaunch:
		return "one launch"
	}
	span := in(e.Low) + " to " + in(e.High)
	switch e.Method {
	case stats.Pooled:
		return "~ " + span
	case stats.Range:
		return "(" + span + ")"
	}
	return span
}

// withUnit writes a value with its unit.
// Bytes are GiB here: nothing that is compared is smaller.
func withUnit(x float64, m record.Metric) string {
	switch m.Unit {
	case "bytes":
		return fmt.Sprintf("%.2f GiB", x/(1<<30))
	case cell.Ratio:
		return format.Percent(x)
	case "":
		return fmt.Sprintf("%.3g", x)
	}
	if m.Whole() {
		return format.Whole(int64(x))
	}
	return format.Figure(x) + " " + strings.NewReplacer("tokens", "tok", "token", "tok").Replace(m.Unit)
}

// footnotes are numbered as they first appear.
// A note that many rows have stands once below the table.
type footnotes struct{ texts []string }

func (f *footnotes) mark(note string) string {
	i := slices.Index(f.texts, note)
	if i < 0 {
		i = len(f.texts)
		f.texts = append(f.texts, note)
	}
	return fmt.Sprintf("[%d]", i+1)
}
