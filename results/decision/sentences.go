package decision

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/format"
	"matrix/results/summary"
)

// sentences say the answer: minutes and money, then how sure, valid and reliable, then what would change it, then what to
// type.
func (r *rules) sentences(g *contest, a *inquiry, q *Question) []string {
	out := []string{r.headline(g, a, q)}
	if q.from = g.foreign(a); q.from != "" {
		out[0] = q.from + ": " + out[0]
	}
	add := func(all ...string) {
		for _, s := range all {
			if s != "" {
				out = append(out, s)
			}
		}
	}
	q.far = a.far()
	add(r.slower(g, a, q), a.besidesTie(), a.beside(), a.rests(q), a.usables(), q.far, a.within(), a.outs(g))
	add(g.amber(a)...)
	add(g.leaks(a)...)
	add(cold(a, q), a.turns())
	q.told, q.turn = len(out), a.turn
	if len(q.Missing) > 0 { // one command, the first
		m := q.Missing[0]
		if m.Text != "" {
			add(m.Text + ".")
		}
		if m.Command != "" {
			add("Run: " + m.Command)
		}
	}
	return out
}

// advised is what to do about a red check.
var advised = map[string]string{
	summary.CheckPrompts:     "Send both the same text (template, system prompt, begin-of-sequence token)",
	summary.CheckOutputs:     "Give both the same limits and stops, or ignore_eos = true",
	summary.CheckAnswers:     "Read the answers first: a model or a template is wrong",
	summary.CheckEnds:        "See why requests ended as they did: matrix show",
	summary.CheckRequest:     "Declare it alike for both",
	summary.CheckPrefixCache: "Switch the cache off for both, or declare it natural for both",
	summary.CheckClient:      "The client was the limit: fewer at once, or more cores for it (matrix calibrate); where it was stopped, matrix taint that attempt",
	summary.CheckMachine:     "Measure on one machine that nobody changes meanwhile",
	summary.CheckPlacement:   "Declare the layers, or choose a model and context that fit",
}

// within says what share of the requests kept to the slo, where one was declared.
func (a *inquiry) within() string {
	var parts []string
	for _, c := range a.leading() {
		at := c.at[common([]*contender{c}, a.n)]
		good, all := at.median(mGoodput), at.median(mThroughput)
		if good != nil && all != nil && *all > 0 {
			parts = append(parts, fmt.Sprintf("%s %s of its requests at %s", c.name, format.Percent(*good / *all), format.Whole(at.size)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Within the slo: " + strings.Join(parts, ", ") + "."
}

// slower says where the score's first is not the fastest.
func (r *rules) slower(g *contest, a *inquiry, q *Question) string {
	if a.first == nil || a.verdict == NotComparable {
		return ""
	}
	own, fastest := q.standing(a.first.name).Time, a.first
	best := own.Seconds
	for _, c := range a.order {
		if t := q.standing(c.name).Time; t.Seconds < best && !slices.Contains(a.tied, c) {
			best, fastest = t.Seconds, c
		}
	}
	is := " is faster"
	switch ratio, ok := r.ratio(g, a.first, fastest, a.n); {
	case fastest == a.first:
		return ""
	case ok && ratio.Low > 1:
	case own.Seconds < (1+equal)*best: // noise is no news
		return ""
	default:
		is = " may be faster"
	}
	text := fmt.Sprintf("%s%s, %s against %s, ", fastest.name, is, Span(best), Span(own.Seconds))
	if by := a.aheadBy(fastest); by != "" {
		return text + fmt.Sprintf("and %s first by the weights (%s).", a.first.name, by)
	}
	return text + "which the weights do not count."
}

// besidesTie says from whom those that tie are not told apart.
func (a *inquiry) besidesTie() string {
	if a.verdict != Tie || a.rival == nil {
		return ""
	}
	return fmt.Sprintf("%s is not told apart from %s.", a.rival.name, a.first.name)
}

// aheadBy names the metric by which the first is most ahead of another.
func (a *inquiry) aheadBy(other *contender) string {
	best, name := 0.0, ""
	for _, e := range a.between(a.first, other).entries {
		if log := e.weight * (e.log(0) - e.log(1)); log > best {
			best, name = log, e.words
		}
	}
	return name
}

// beside says by what the first is before the second, where the scores say otherwise.
func (a *inquiry) beside() string {
	names := a.besides()
	if len(names) == 0 || a.verdict == Tie || a.verdict == NotComparable {
		return ""
	}
	return fmt.Sprintf("Between %s and %s also %s counts, which not all others have: their scores are without it.", a.first.name, a.second.name, strings.Join(names, " and "))
}

// rests says what the times rest on.
func (a *inquiry) rests(q *Question) string {
	if a.first == nil || a.verdict == NotComparable {
		return ""
	}
	t := q.standing(a.first.name).Time
	text := format.Count(a.first.launches(), "launch")
	if a.second != nil {
		text = fmt.Sprintf("%s of %s, %s of %s", text, a.first.name, format.Whole(int64(a.second.launches())), a.second.name)
	}
	if largest := a.first.reached(); !t.Measured {
		text += fmt.Sprintf("; predicted from batches up to %s", format.Whole(largest))
	}
	if t.LoadLike {
		text += "; its load is that of like launches"
	}
	return "From " + text + "."
}

// far says that what is asked about lies far beyond what was run: heat, leaks and longer prompts come later.
func (a *inquiry) far() string {
	if a.first == nil || a.verdict == NotComparable || a.onlyFar || a.n < farFrom*a.first.reached() {
		return ""
	}
	return fmt.Sprintf("%s requests are %s times the largest batch that %s ran: run a larger one before you rely on it.", format.Whole(a.n), format.Whole(a.n/a.first.reached()), a.first.name)
}

// outs says who is out, and why.
func (a *inquiry) outs(g *contest) string {
	if a.verdict == Nobody {
		return ""
	}
	if why := a.why(g); why != "" {
		return "Out: " + why + "."
	}
	return ""
}

// amber are the checks to know of those that lead, red ones that stand between others included.
func (g *contest) amber(a *inquiry) []string {
	var out []string
	for _, check := range g.Checks {
		of := g.concerned(check)
		if check.Level == summary.Green || !slices.Contains(of, a.first) && (a.second == nil || !slices.Contains(of, a.second)) {
			continue
		}
		if a.verdict == NotComparable && len(a.red) > 0 && check.Text == a.red[0].Text {
			continue // the headline
		}
		if held := notShown(a.admitted[a.first].held); a.verdict == Undecided && len(held) > 0 && len(of) == 1 && of[0] == a.first && strings.HasSuffix(check.Text, held[0].Note) {
			continue // likewise
		}
		out = append(out, upper(check.Level)+": "+strings.TrimSuffix(check.Text, ".")+".")
	}
	return out
}

// leaks say whose memory grew, of those that lead.
func (g *contest) leaks(a *inquiry) []string {
	var out []string
	for _, f := range g.Findings {
		if f.Kind == leak && slices.ContainsFunc(a.leading(), func(c *contender) bool { return c.name == f.Contender }) {
			out = append(out, "Leak: "+f.Text+".")
		}
	}
	return out
}

// cold says what the first start takes.
func cold(a *inquiry, q *Question) string {
	var parts []string
	for _, c := range a.leading() {
		if t := q.standing(c.name).Time; t != nil && t.FirstLoadS != nil && *t.FirstLoadS > t.LoadS {
			parts = append(parts, fmt.Sprintf("%s loads %s instead of %s", c.name, Span(*t.FirstLoadS), Span(t.LoadS)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Not in these times is the first start, which is cold: " + strings.Join(parts, "; ") + "."
}

// turns says for how many requests another would be first.
func (a *inquiry) turns() string {
	if a.turn == nil || a.verdict == NotComparable {
		return ""
	}
	where := "below"
	if a.turn.above {
		where = "from"
	}
	is := "is first"
	if a.rival != nil {
		is = "leads" // no more shown than the first's lead is
	}
	text := fmt.Sprintf("%s %s %s about %s requests", a.second.name, is, where, format.Whole(rounded(a.turn.at)))
	if a.rival != nil {
		text += ", not shown"
	}
	return text + "."
}

// foreign says when the answer rests on figures that matrix did not measure, "" when it does not.
func (g *contest) foreign(a *inquiry) string {
	if g.Simulated {
		return "SIMULATED, which tells nothing of the engines"
	}
	imported := 0
	for _, c := range a.order {
		if c.imported() {
			imported++
		}
	}
	switch imported {
	case 0:
		return ""
	case len(a.order):
		return "Nothing here was measured by matrix, and imported figures keep to no common definitions"
	}
	return "Partly on imported figures, by other definitions"
}
