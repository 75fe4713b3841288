package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"matrix/results/decision"
)

// decisionView prints a decision line by line: each number with its metric, cell, attempts and weight.
type decisionView struct {
	w     io.Writer
	style style
	width int // of the terminal; 0 = lines are left whole
}

// writeExplanation is what `matrix report --explain` prints.
func (a *app) writeExplanation(w io.Writer, d *decision.Result) {
	e := decisionView{w, a.style, a.terminalWidth()}
	name := "with the default weights"
	if d.Decision != "" {
		name = strconv.Quote(d.Decision)
	}
	e.line(0, "%s %s: %s", a.style.bold("Decision"), name, weightsText(d.Weights, false))
	e.line(0, "Score = 100 × the product of (best / value)^weight; a factor of 1 is the best.")
	for _, g := range d.Groups {
		e.group(g)
	}
	for i, p := range d.Prices {
		if i == 0 {
			e.line(0, "")
			e.line(0, "%s", a.style.bold("The price of quality"))
		}
		e.line(1, "%s", p.Words)
	}
	for i, f := range d.LeftOut {
		if i == 0 {
			e.line(0, "")
			e.line(0, "%s", a.style.bold("Takes no part"))
		}
		e.line(1, "%s", f.Text)
	}
}

func (e decisionView) line(depth int, format string, args ...any) {
	line := strings.Repeat("  ", depth) + fmt.Sprintf(format, args...)
	if e.style.ascii {
		line = asciiOnly.Replace(line)
	}
	fmt.Fprintln(e.w, fold(line, e.width))
}

// asciiOnly spells what a terminal without UTF-8 cannot show.
var asciiOnly = strings.NewReplacer("×", "x", "−", "-", "≥", ">=", "≤", "<=", "±", "+-", "–", "-", "…", "...", "→", "->", "Δ", "delta ", "½", "1/2", "≈", "~", "^", "^")

// weightsText lists weights as given, or as used in percent.
func weightsText(all []decision.Weight, used bool) string {
	var parts []string
	for _, w := range all {
		text := fmt.Sprintf("%s %.4g", w.Criterion, w.Given)
		if used {
			text = fmt.Sprintf("%s %.4g%%", w.Criterion, 100*w.Share)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (e decisionView) group(g decision.Group) {
	e.line(0, "")
	title := g.Model
	for _, part := range []string{g.Precision, g.Workload} {
		if part != "" {
			title += ", " + part
		}
	}
	e.line(0, "%s", e.style.bold(title))
	for _, c := range g.Checks {
		e.line(1, "%s %s: %s", e.level(c.Level), c.Name, c.Text)
	}
	for _, f := range g.Findings {
		e.line(1, "%s %s", e.style.warn(f.Kind+":"), f.Text)
	}
	for _, q := range g.Questions {
		e.question(q)
	}
}

func (e decisionView) level(level string) string {
	switch level {
	case "red":
		return e.style.err(level)
	case "amber":
		return e.style.warn(level)
	}
	return e.style.good(level)
}

func (e decisionView) question(q decision.Question) {
	e.line(1, "%s: %s", e.style.bold(thousands(q.Requests)+" requests"), q.Verdict)
	for _, s := range q.Sentences {
		e.line(2, "%s", s)
	}
	e.line(2, "weights: %s", weightsText(q.Weights, true))
	for _, d := range q.Dropped {
		e.line(2, "%s %s (%s), lacking on %s%s", e.style.warn("dropped for all:"), d.Metric, d.Criterion, strings.Join(d.Lacking, ", "), after(": ", d.Why))
	}
	for _, s := range q.Standings {
		e.standing(s)
	}
	for _, f := range q.Flips {
		e.line(2, "%s", flipText(f))
	}
}

func after(sep, text string) string {
	if text == "" {
		return ""
	}
	return sep + text
}

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

func (e decisionView) standing(s decision.Standing) {
	switch {
	case s.Rank == 0:
		e.line(2, "out: %s %s", s.Contender, s.Why)
	case s.Score != nil:
		e.line(2, "%d. %s: %.1f of 100", s.Rank, e.style.bold(s.Contender), *s.Score)
	default:
		e.line(2, "%d. %s: not scored", s.Rank, e.style.bold(s.Contender))
	}
	if s.Imported {
		e.line(3, "%s", e.style.warn("imported: not measured here"))
	}
	e.time(s.Time)
	for _, q := range s.Requirements {
		e.line(3, "requires %s %v: %s%s", q.Metric, q.Bound, q.Status, parenthesis(q.Note))
	}
	for _, l := range s.Lines {
		unit := strings.TrimSuffix(" "+l.Unit, " ")
		e.line(3, "%s, %s = %s: %s%s, best %s; weight %.3g%%; factor %.4f", l.Criterion, l.Metric, l.Formula, figure(l.Value), unit, figure(l.Best), 100*l.Weight, l.Factor)
		for _, source := range l.Sources {
			e.line(4, "%s", e.style.dim(sourceText(source)))
		}
	}
}

func (e decisionView) time(t *decision.Time) {
	if t == nil {
		return
	}
	how := "predicted"
	if t.Measured {
		how = "measured"
	}
	load := fmt.Sprintf("load %s s", figure(t.LoadS))
	switch {
	case !t.LoadKnown:
		load = "load left out"
	case t.LoadLike:
		load += " (of like launches)"
	}
	e.line(3, "takes %s s (%s to %s), %s; %s", figure(t.Seconds), figure(t.Low), figure(t.High), how, load)
	if t.FirstS != nil {
		e.line(3, "the first start, cold: %s s, load %s s", figure(*t.FirstS), figure(*t.FirstLoadS))
	}
	if t.EnergyJ != nil {
		with := "without the load's"
		if t.EnergyLoad {
			with = "the load's included"
		}
		e.line(3, "GPU energy %s J, %s", figure(*t.EnergyJ), with)
	}
	if t.Cost != nil {
		per := ""
		if t.CostPerMTokens != nil {
			per = fmt.Sprintf(", %s per million output tokens", figure(*t.CostPerMTokens))
		}
		e.line(3, "costs %s: %s per 1,000 evaluations%s", figure(*t.Cost), figure(*t.CostPer1000), per)
	}
}

func sourceText(s decision.Source) string {
	return s.Cell + ": " + strings.Join(s.Attempts, ", ")
}

func parenthesis(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// scoreLine is one factor of a score as `matrix report --explain --json` prints it; docs/report.schema.json describes it.
type scoreLine struct {
	Type      string        `json:"type"` // "score"
	Group     decision.Name `json:"group"`
	Requests  int64         `json:"requests"`
	Platform  string        `json:"platform"`
	Rank      int           `json:"rank"`
	Score     *float64      `json:"score"` // 0–100
	Criterion string        `json:"criterion"`
	Metric    string        `json:"metric"`
	Unit      string        `json:"unit"`
	Formula   string        `json:"formula"`
	Value     float64       `json:"value"`
	Best      float64       `json:"best"`
	Weight    float64       `json:"weight"` // 0–1
	Factor    float64       `json:"factor"` // (best / value)^weight
	Launches  int           `json:"launches"`
	Cells     []string      `json:"cells"` // folders
	Attempts  []string      `json:"attempts"`
}

// emitExplained writes each line of each score as a record.
func (a *app) emitExplained(d *decision.Result) {
	for _, g := range d.Groups {
		for _, q := range g.Questions {
			for _, s := range q.Standings {
				for _, l := range s.Lines {
					x := scoreLine{Type: "score", Group: g.Name, Requests: q.Requests, Platform: s.Contender, Rank: s.Rank, Score: s.Score, Criterion: l.Criterion,
						Metric: l.Metric, Unit: l.Unit, Formula: l.Formula, Value: l.Value, Best: l.Best, Weight: l.Weight, Factor: l.Factor, Launches: l.Launches,
						Cells: []string{}, Attempts: []string{}}
					for _, source := range l.Sources {
						x.Cells, x.Attempts = append(x.Cells, source.Cell), append(x.Attempts, source.Attempts...)
					}
					a.record(x)
				}
			}
		}
	}
}
