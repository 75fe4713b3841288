package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"matrix/results/decision"
)

// decisionView prints a decision line by line: each number with its metric, cell, attempts, scale and weight.
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
	e.line(0, "Intervals: %s.", d.Method)
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
var asciiOnly = strings.NewReplacer("×", "x", "−", "-", "≥", ">=", "≤", "<=", "±", "+-", "–", "-", "…", "...", "→", "->", "Δ", "delta ")

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
	for _, s := range g.Answer.Sentences {
		e.line(1, "%s", s)
	}
	for _, f := range g.Findings {
		e.line(1, "%s %s", e.style.warn(f.Kind+":"), f.Text)
	}
	for _, m := range g.Missing {
		e.line(1, "%s %s: %s", e.style.warn("missing:"), m.What, m.Command)
	}
	e.ranking("Overall", g.Overall)
	for _, k := range g.BySize {
		e.ranking(fmt.Sprintf("At %s requests", thousands(k.BatchSize)), k)
	}
	for i, p := range g.Projections {
		if i == 0 {
			e.line(1, "%s", e.style.bold("Projections, not measured: load_s + requests / rate"))
		}
		without := ""
		if p.LoadS == nil {
			without = " without its load, which is not known"
		}
		e.line(2, "%s, %s requests: %s s%s, from %s requests at %s/s (%s)", p.Contender, thousands(p.Requests), figure(p.Seconds), without, thousands(p.FromSize), figure(p.Rate), sourceText(p.Source))
	}
}

func (e decisionView) ranking(title string, k decision.Ranking) {
	e.line(1, "%s: %s", e.style.bold(title), weightsText(k.Weights, true))
	for _, d := range k.Dropped {
		why := ""
		if d.Why != "" {
			why = ": " + d.Why
		}
		e.line(2, "%s %s (%s), lacking on %s%s", e.style.warn("dropped for all:"), d.Metric, d.Criterion, strings.Join(d.Lacking, ", "), why)
	}
	for _, s := range k.Standings {
		e.standing(s)
	}
	if k.Lead != nil {
		e.line(2, "%s.", k.Lead.Words)
	}
	for _, f := range k.Sensitivity {
		e.line(2, "%s", flipText(f))
	}
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
	if s.Rank == 0 {
		e.line(2, "not ranked: %s: %s", s.Contender, s.Why)
	} else {
		sure := ""
		if s.Low != nil && s.First != nil {
			sure = fmt.Sprintf(" (%.1f to %.1f; first in %.0f%% of the draws)", 100**s.Low, 100**s.High, 100**s.First)
		}
		e.line(2, "%d. %s: %.1f of 100%s", s.Rank, e.style.bold(s.Contender), 100**s.Score, sure)
	}
	if s.Imported {
		e.line(3, "%s", e.style.warn("imported: not measured here"))
	}
	for _, q := range s.Requirements {
		e.line(3, "requires %s %v: %s%s", q.Metric, q.Bound, q.Status, parenthesis(q.Note))
	}
	for _, c := range s.Criteria {
		if c.Score == nil {
			continue
		}
		e.line(3, "%s %.3f × weight %.4g%% = %.2f", c.Name, *c.Score, 100*c.Share, 100**c.Score*c.Share)
		for _, m := range c.Metrics {
			e.metric(4, m)
		}
	}
}

func (e decisionView) metric(depth int, m decision.Metric) {
	note := parenthesis(m.Note)
	if m.Value == nil {
		e.line(depth, "%s = %s: score %.3f, %s, × %.4g%% → %.2f%s", m.Name, m.Formula, *m.Score, m.Scale, 100*m.Share, 100*m.Contribution, note)
		for _, p := range m.Parts {
			e.metric(depth+1, p)
		}
		return
	}
	spread := ""
	switch {
	case m.Low != nil && m.N > 1:
		spread = fmt.Sprintf(" (%s to %s over %d launches)", figure(*m.Low), figure(*m.High), m.N)
	case m.Low != nil:
		spread = " (one launch)"
	}
	e.line(depth, "%s %s%s%s, best %s; score %.3f = %s; × %.4g%% → %.2f%s", m.Name, figure(*m.Value), strings.TrimSuffix(" "+m.Unit, " "), spread, figure(*m.Best), *m.Score,
		m.Scale, 100*m.Share, 100*m.Contribution, note)
	for _, s := range m.Sources {
		e.line(depth+1, "%s", e.style.dim(sourceText(s)))
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
