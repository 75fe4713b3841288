package report

import (
	"fmt"
	"slices"
	"strings"

	"matrix/experiments/wording"
	"matrix/results/decision"
	"matrix/results/metrics"
	"matrix/results/report/document"
	"matrix/results/summary"
)

// answer is the section that must suffice for who reads no further.
// It has the decision's own sentences: the report words no verdict of its own.
func (m *maker) answer() (Section, error) {
	s := Section{ID: "answer", Title: "The answer"}
	if m.Decision != nil {
		if of := m.Decision.Groups; len(of) > 1 {
			s.Blocks = append(s.Blocks, Block{List: overview(of)})
		}
		for _, g := range m.Decision.Groups {
			s.Blocks = append(s.Blocks, board{m}.groupAnswer(g)...)
		}
		// of quality: what better answers cost
		for _, p := range m.Decision.Prices {
			s.Blocks = append(s.Blocks, para(p.Words))
		}
	}
	if len(s.Blocks) == 0 {
		s.Blocks = append(s.Blocks, toned("lead", m.noAnswer()))
	}
	if len(m.Set.Problems) > 0 {
		s.Blocks = append(s.Blocks, toned("warn", fmt.Sprintf("%s damaged or unreadable and left out: see the inventory. matrix verify tells more.", counted(len(m.Set.Problems), "attempt"))))
	}
	damaged := 0
	for _, c := range m.Set.Cells {
		for _, a := range c.Attempts {
			if a.Damaged {
				damaged++
			}
		}
	}
	if damaged > 0 {
		s.Blocks = append(s.Blocks, toned("warn", fmt.Sprintf("The requests of %s are not what was written: only run.parquet is read of it. matrix verify tells more.", counted(damaged, "attempt"))))
	}
	return s, nil
}

// overview is a line a group: who sees one screen of several sees that there are more.
func overview(groups []decision.Group) []Text {
	var out []Text
	for _, g := range groups {
		if len(g.Questions) == 0 {
			continue
		}
		q, title := g.Questions[len(g.Questions)-1], titleOf(g.Name)
		out = append(out, Text{{Text: title, Anchor: "answer-" + slug(title)}, {Text: ", " + numbered(q) + ": " + choice(q)}})
	}
	return out
}

// board is what a verdict is drawn on: the card, the time over the number of requests and the decision table.
type board struct{ *maker }

// groupAnswer is a group on one screen: the verdict, the time over the number of requests, and a row a platform.
// A single group has no heading: the section's is enough.
func (m board) groupAnswer(g decision.Group) []Block {
	var out []Block
	if len(m.Decision.Groups) > 1 {
		out = append(out, Block{Heading: titleOf(g.Name), ID: "answer-" + slug(titleOf(g.Name))})
	}
	f := m.horizon(g)
	var last decision.Question
	if n := len(g.Questions); n > 0 {
		last = g.Questions[n-1]
		out = append(out, Block{Card: m.cards(g, f)})
	}
	if f != nil {
		out = append(out, Block{Figure: f})
	}
	// Lead is a sentence an answer, below the card and beside the figure: all of it stands on one screen. Rest follows below the table.
	for _, s := range g.Lead() {
		b := toned("lead", s)
		b.Reason = !named(last) && strings.HasSuffix(last.Sentences[0], s)
		out = append(out, b)
	}
	if t := m.decided(g); len(t.Rows) > 0 {
		out = append(out, tableBlock(t))
	}
	var rest []Text
	for _, s := range g.Rest() {
		if !strings.HasPrefix(s, "Amber: ") { // the badge counts these, and the checks tell them
			rest = append(rest, plain(s))
		}
	}
	if len(rest) > 0 {
		out = append(out, Block{List: rest})
	}
	return append(out, checked(g)...)
}

// titleOf is a group's name for a reader, with what sets it apart: "gemma3, bf16, summaries".
func titleOf(n decision.Name) string {
	title := n.Model
	for _, part := range []string{n.Precision, n.Workload} {
		if part != "" {
			title += ", " + part
		}
	}
	return title
}

// cards are the verdicts at a glance: on the largest number of requests, and behind it those on the others. The box of the
// figure turns to the one that was asked about nearest to what a reader types.
// Only the largest may say what to run next by the group's need; the others name the first thing that they lack.
func (m board) cards(g decision.Group, f *Figure) *document.Card {
	var all []document.Card
	for i, q := range g.Questions {
		// of the whole group: it has what would settle the largest number
		need := g.Need()
		if i < len(g.Questions)-1 {
			need = nil
			if len(q.Missing) > 0 {
				need = &q.Missing[0]
			}
		}
		// A page shows one card at a time, chosen by the number in the figure's box.
		c := m.card(g, q, need)
		if c.Behind = i < len(g.Questions)-1; f != nil {
			c.Figure = f.ID
		}
		all = append(all, c)
	}
	last := all[len(all)-1]
	last.Others = all[:len(all)-1]
	return &last
}

// card is a verdict at a glance.
// A need without a command (a price, a bound to declare) is a badge: there is nothing to copy.
func (m board) card(g decision.Group, q decision.Question, need *decision.Missing) document.Card {
	c := document.Card{N: q.Requests, For: numbered(q) + ": " + choice(q), Badges: []document.Badge{sure(q), valid(g), reliable(q)}}
	if q.Change != "" {
		c.Badges = append(c.Badges, document.Badge{Name: "Would change if", Text: q.Change})
	}
	if need != nil {
		c.Do, c.Why = need.Command, need.Text+"."
		if need.Command == "" {
			c.Badges = append(c.Badges, document.Badge{Name: "Do next", Text: need.Text + "."})
		}
	}
	return c
}

// choice is whom a verdict chooses, in a few words.
// A verdict that names nobody is its own word: "not comparable" must not end up beside a platform's name.
func choice(q decision.Question) string {
	if !named(q) {
		return strings.ReplaceAll(q.Verdict, "_", " ")
	}
	took := ", " + decision.Span(*q.Seconds)
	switch {
	case len(q.Among) > 0:
		return wording.Either(q.Among) + took
	case q.Verdict == decision.Provisional:
		return *q.Platform + " leads" + took
	}
	return *q.Platform + took
}

// named reports that a verdict chooses somebody.
func named(q decision.Question) bool {
	return q.Platform != nil && q.Seconds != nil && q.Verdict != decision.NotComparable && q.Verdict != decision.Undecided
}

// sureness is a verdict as a badge.
// Levels are for the eye; the words stand beside them, for who sees no colour.
var sureness = map[string]document.Badge{
	decision.Winner:        {Level: summary.Green, Text: "shown by launches"},
	decision.Hybrid:        {Level: summary.Green, Text: "shown by launches, each at its own number of requests"},
	decision.Tie:           {Level: summary.Green, Text: "a tie, within 5%"},
	decision.Provisional:   {Level: summary.Amber, Text: "not shown"},
	decision.Undecided:     {Level: summary.Amber, Text: "undecided"},
	decision.NotComparable: {Level: summary.Red, Text: "not comparable"},
	decision.Nobody:        {Level: summary.Red, Text: "nobody came through"},
}

// sure adds the ratio and its interval, over launches, where there are two to compare.
func sure(q decision.Question) document.Badge {
	b := sureness[q.Verdict]
	b.Name = "Sure"
	if q.Ratio != nil && q.RatioLow == nil {
		b.Text += fmt.Sprintf(": %s takes ×%.2f the time, by too few launches for an interval", *q.RunnerUp, *q.Ratio)
	}
	if q.RatioLow != nil && q.RatioHigh != nil {
		if q.Verdict == decision.Provisional && *q.RatioLow > 1 {
			b.Text = "projected, not shown" // an interval beyond 1, too far from what was run
		}
		b.Text += fmt.Sprintf(": %s takes ×%.2f the time, %.2f to %.2f", *q.RunnerUp, *q.Ratio, *q.RatioLow, *q.RatioHigh)
	}
	return b
}

// valid counts the checks, and names those to know.
// Red, amber or green by the worst check: forty green ones do not outweigh a red one.
func valid(g decision.Group) document.Badge {
	count, names := countChecks(g.Checks)
	b := document.Badge{Name: "Valid", Level: summary.Green, Text: fmt.Sprintf("%d checks passed", count[summary.Green]), Anchor: checksID(g)}
	switch {
	case len(g.Checks) == 0:
		return document.Badge{Name: "Valid", Text: "nothing could be checked"}
	// the worst level decides
	case count[summary.Red] > 0:
		b.Level = summary.Red
	case count[summary.Amber] > 0:
		b.Level = summary.Amber
	default:
		return b
	}
	b.Text = fmt.Sprintf("%d red, %d amber, %d green: see %s", count[summary.Red], count[summary.Amber], count[summary.Green], strings.Join(names, ", "))
	return b
}

// countChecks counts by level; names are the checks that are not green, each once, the red ones first.
func countChecks(checks []summary.Check) (count map[string]int, names []string) {
	count = map[string]int{}
	for _, level := range []string{summary.Red, summary.Amber, summary.Green} {
		for _, c := range checks {
			if c.Level != level {
				continue
			}
			if count[level]++; level != summary.Green && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return count, names
}

// reliable is the pooled success of the one that leads, with what so many requests show.
// Where nobody leads it is the first one that was asked at all. Amber with a single failure: the bound says how much
// that is. Red where all failed.
func reliable(q decision.Question) document.Badge {
	b := document.Badge{Name: "Reliable", Text: "no request was answered"}
	// They are best first, so the first that fits is the one meant.
	for _, s := range q.Standings {
		if q.Platform != nil && s.Contender != *q.Platform || q.Platform == nil && s.Planned == 0 {
			continue
		}
		if s.Planned == 0 {
			b.Level, b.Text = summary.Amber, s.Contender+": "+decision.Unrecorded
			break
		}
		b.Level = summary.Green
		switch {
		case s.Answered == 0:
			b.Level = summary.Red
		case s.Answered < s.Planned:
			b.Level = summary.Amber
		}
		b.Text = fmt.Sprintf("%s: %s of %s answered, %s shown", s.Contender, whole(float64(s.Answered)), whole(float64(s.Planned)), atLeast(metrics.SuccessBound(s.Answered, s.Planned)))
		break
	}
	return b
}

// The badge links there, so both must make it the same way.
func checksID(g decision.Group) string { return "checks-" + slug(titleOf(g.Name)) }

// checked lists the checks of validity, the worst first.
// It is folded: who trusts the badge need not read it.
func checked(g decision.Group) []Block {
	if len(g.Checks) == 0 {
		return nil
	}
	count, _ := countChecks(g.Checks)
	t := &Table{ID: checksID(g), Caption: "Checks", Columns: []Column{{Title: "Check"}, {Title: "Level"}, {Title: "What was seen"}}}
	for _, level := range []string{summary.Red, summary.Amber, summary.Green} {
		for _, c := range g.Checks {
			if c.Level != level {
				continue
			}
			v := Value{Text: level}
			if level != summary.Green {
				v.Tone = "warn"
			}
			t.Rows = append(t.Rows, Row{Values: []Value{{Text: c.Name}, v, {Text: c.Text}}})
		}
	}
	title := fmt.Sprintf("Checks: %d red, %d amber, %d green", count[summary.Red], count[summary.Amber], count[summary.Green])
	return []Block{fold(title, tableBlock(t))}
}

// noAnswer says why nothing can be chosen.
// The reasons are from the plainest to the rarest: an empty tree is told before anything else could be wrong.
func (m *maker) noAnswer() string {
	real, launches, attempts := m.counts()
	switch {
	case len(m.Set.Cells) == 0:
		return "There is nothing to choose from: no attempt has been recorded here yet. Measure first: matrix apply."
	case real == 0:
		return "No platform can be chosen from these results: every cell is simulated, and a simulator says nothing of a real engine."
	case attempts == 0:
		return "No platform can be chosen: every attempt was declared void or belongs to an earlier declaration."
	case launches == 0:
		return fmt.Sprintf("No platform can be chosen: none of %s completed. What went wrong is told below, under failures.", counted(attempts, "attempt"))
	}
	return "No platform can be chosen yet: nothing that was measured may be ranked against anything else. The comparison below shows what there is."
}
