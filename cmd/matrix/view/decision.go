package view

import (
	"fmt"
	"strconv"
	"strings"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/decision"
	"matrix/results/format"
)

// decisionView prints a decision line by line: each number with its metric, cell, attempts and weight.
type decisionView struct{ *Printer }

// Decision is what `matrix report --explain` prints.
func Decision(out *Printer, d *decision.Result) {
	if out.JSON {
		scoreRecords(out, d)
		return
	}
	e := decisionView{out}
	name := "with the default weights"
	if d.Decision != "" {
		name = strconv.Quote(d.Decision)
	}
	e.line(0, "%s %s: %s", out.Style.Bold("Decision"), name, weightsText(d.Weights, false))
	e.line(0, "Score = 100 × the product of (best / value)^weight; a factor of 1 is the best.")
	for _, g := range d.Groups {
		e.group(g)
	}
	for i, p := range d.Prices {
		if i == 0 {
			e.line(0, "")
			e.line(0, "%s", out.Style.Bold("The price of quality"))
		}
		e.line(1, "%s", p.Words)
	}
	for i, f := range d.LeftOut {
		if i == 0 {
			e.line(0, "")
			e.line(0, "%s", out.Style.Bold("Takes no part"))
		}
		e.line(1, "%s", f.Text)
	}
}

// line indents by two columns a level; words of the decision are spelled in ASCII where the terminal needs it.
func (e decisionView) line(depth int, format string, args ...any) {
	line := strings.Repeat("  ", depth) + fmt.Sprintf(format, args...)
	if e.Style.ASCII {
		line = ascii.Replace(line)
	}
	e.Line("%s", line)
}

// weightsText lists weights as given, or as used in percent.
func weightsText(all []decision.Weight, used bool) string {
	var parts []string
	for _, w := range all {
		text := fmt.Sprintf("%s %.4g", w.Criterion, w.Given)
		if used {
			text = w.Criterion + " " + format.Percent(w.Share)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// group is what was weighed of one model: what was checked, what was found, and the answer to each question.
func (e decisionView) group(g decision.Group) {
	e.line(0, "")
	title := g.Model
	for _, part := range []string{g.Precision, g.Workload} {
		if part != "" {
			title += ", " + part
		}
	}
	e.line(0, "%s", e.Style.Bold(title))
	for _, c := range g.Checks {
		e.line(1, "%s %s: %s", e.level(c.Level), c.Name, c.Text)
	}
	for _, f := range g.Findings {
		e.line(1, "%s %s", e.Style.Warn(f.Kind+":"), f.Text)
	}
	for _, q := range g.Questions {
		e.question(q)
	}
}

// level is a check's level in its colour.
func (e decisionView) level(level string) string {
	switch level {
	case "red":
		return e.Style.Bad(level)
	case "amber":
		return e.Style.Warn(level)
	}
	return e.Style.Good(level)
}

// question is the ranking at one number of requests, with everything that it depends on: a reader must be able to do the
// sum again.
func (e decisionView) question(q decision.Question) {
	e.line(1, "%s: %s", e.Style.Bold(format.Whole(q.Requests)+" "+q.Counts), q.Verdict)
	for _, s := range q.Sentences {
		e.line(2, "%s", s)
	}
	e.line(2, "weights: %s", weightsText(q.Weights, true))
	for _, d := range q.Dropped {
		e.line(2, "%s %s (%s), lacking on %s%s", e.Style.Warn("dropped for all:"), d.Metric, d.Criterion, strings.Join(d.Lacking, ", "), after(": ", d.Why))
	}
	for _, s := range q.Standings {
		e.standing(s)
	}
	for _, f := range q.Flips {
		e.line(2, "%s", flipText(f))
	}
}

// after is text behind a separator, nothing where there is no text.
func after(sep, text string) string {
	if text == "" {
		return ""
	}
	return sep + text
}

// flipText says how far a weight can move before another is first.
func flipText(f decision.Flip) string {
	var parts []string
	if f.Lower != nil {
		parts = append(parts, fmt.Sprintf("%s is first at %.3g or less", f.LowerTo, *f.Lower))
	}
	if f.Raise != nil {
		parts = append(parts, fmt.Sprintf("%s is first at %.3g or more", f.RaiseTo, *f.Raise))
	}
	if len(parts) == 0 {
		parts = append(parts, "no weight of it changes who is first")
	}
	return fmt.Sprintf("weight of %s, now %.4g: %s", f.Criterion, f.Weight, strings.Join(parts, "; "))
}

// standing is one contender. Rank 0 means that a requirement put it out.
func (e decisionView) standing(s decision.Standing) {
	switch {
	case s.Rank == 0:
		e.line(2, "out: %s %s", s.Contender, s.Why)
	case s.Score != nil:
		e.line(2, "%d. %s: %.1f of 100", s.Rank, e.Style.Bold(s.Contender), *s.Score)
	default:
		e.line(2, "%d. %s: not scored", s.Rank, e.Style.Bold(s.Contender))
	}
	if s.Imported {
		e.line(3, "%s", e.Style.Warn("imported: not measured here"))
	}
	e.time(s.Time)
	for _, q := range s.Requirements {
		e.line(3, "requires %s %v: %s%s", q.Metric, q.Bound, q.Status, parenthesis(q.Note))
	}
	for _, l := range s.Lines {
		unit := strings.TrimSuffix(" "+l.Unit, " ")
		e.line(3, "%s, %s = %s: %s%s, best %s; weight %s; factor %.4f", l.Criterion, l.Metric, l.Formula, format.Figure(l.Value), unit, format.Figure(l.Best), format.Percent(l.Weight), l.Factor)
		for _, source := range l.Sources {
			e.line(4, "%s", e.Style.Dim(sourceText(source)))
		}
	}
}

// time is what the workload takes on a contender, with how far each figure was measured.
func (e decisionView) time(t *decision.Time) {
	if t == nil {
		return
	}
	// beyond what was run
	how := "predicted"
	if t.Measured {
		how = "measured"
	}
	load := fmt.Sprintf("load %s s", format.Figure(t.LoadS))
	switch {
	case !t.LoadKnown:
		load = "load left out"
	case t.LoadLike:
		load += " (of like launches)"
	}
	e.line(3, "takes %s s (%s to %s), %s; %s", format.Figure(t.Seconds), format.Figure(t.Low), format.Figure(t.High), how, load)
	if t.FirstS != nil {
		e.line(3, "the first start, cold: %s s, load %s s", format.Figure(*t.FirstS), format.Figure(*t.FirstLoadS))
	}
	if t.EnergyJ != nil {
		with := "without the load's"
		if t.EnergyLoad {
			with = "the load's included"
		}
		e.line(3, "GPU energy %s J, %s", format.Figure(*t.EnergyJ), with)
	}
	if t.Cost != nil {
		per := ""
		if t.CostPerMTokens != nil {
			per = fmt.Sprintf(", %s per million output tokens", format.Figure(*t.CostPerMTokens))
		}
		e.line(3, "costs %s: %s per 1,000 evaluations%s", format.Figure(*t.Cost), format.Figure(*t.CostPer1000), per)
	}
}

// sourceText is a cell with the attempts whose figures were used.
func sourceText(s decision.Source) string {
	return s.Cell + ": " + strings.Join(s.Attempts, ", ")
}

func parenthesis(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// scoreRecords writes each line of each score as a record.
// A line with no score has none: what is out has no lines.
func scoreRecords(out *Printer, d *decision.Result) {
	for _, g := range d.Groups {
		for _, q := range g.Questions {
			for _, s := range q.Standings {
				for _, l := range s.Lines {
					x := ndjson.Score{Group: g.Name, Requests: q.Requests, Platform: s.Contender, Rank: s.Rank, Score: s.Score, Criterion: l.Criterion,
						Metric: l.Metric, Unit: l.Unit, Formula: l.Formula, Value: l.Value, Best: l.Best, Weight: l.Weight, Factor: l.Factor, Launches: l.Launches,
						Cells: []string{}, Attempts: []string{}}
					for _, source := range l.Sources {
						x.Cells, x.Attempts = append(x.Cells, source.Cell), append(x.Attempts, source.Attempts...)
					}
					out.Record(x)
				}
			}
		}
	}
}
