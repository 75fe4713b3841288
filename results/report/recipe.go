package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"matrix/results/decision"
	"matrix/results/summary"
)

// recipe tells how to start what was chosen, what to expect of it, and how far that was tried.
// Each contender that leads somewhere has one: with a hybrid verdict the reader starts two engines.
func (m *maker) recipe() (Section, error) {
	s := Section{ID: "recipe", Title: "Starting the winner"}
	if m.Decision == nil {
		return s, nil
	}
	for _, g := range m.Decision.Groups {
		for _, name := range chosen(g) {
			// the standing at the largest number has the most behind it
			for _, k := range g.Questions[len(g.Questions)-1].Standings {
				if k.Contender == name {
					s.Blocks = append(s.Blocks, start{m}.blocks(g, k, role(g, name))...)
				}
			}
		}
	}
	if len(s.Blocks) == 0 && len(m.Set.Cells) > 0 {
		s.Blocks = append(s.Blocks, para("There is no winner to start. Any cell's engine can be started by hand: matrix recipe CELL."))
	}
	return s, nil
}

// chosen are the contenders that lead for some number of requests.
// Provisional ones too: who must start now starts what is ahead.
func chosen(g decision.Group) []string {
	var out []string
	for _, q := range g.Questions {
		if q.Platform != nil && !slices.Contains(out, *q.Platform) {
			out = append(out, *q.Platform)
		}
	}
	return out
}

// role is why a contender's recipe is printed.
// It says for which numbers it leads, and does not call it a winner where the launches do not show that.
func role(g decision.Group, name string) string {
	var sizes []string
	decided := true
	for _, q := range g.Questions {
		if q.Platform != nil && *q.Platform == name {
			sizes = append(sizes, whole(float64(q.Requests)))
			decided = decided && (q.Verdict == decision.Winner || q.Verdict == decision.Hybrid || q.Verdict == decision.Tie)
		}
	}
	// the numbers of requests for which it leads
	text := "for " + strings.Join(sizes, ", ") + " requests"
	if !decided {
		text = "ahead so far " + text
	}
	return text
}

// start is how a chosen contender is started, and what to expect of it.
type start struct{ m *maker }

// A recipe that cannot be written costs no report: the reason stands in its place.
func (s start) blocks(g decision.Group, k decision.Standing, title string) []Block {
	cells := s.cells(k)
	if len(cells) == 0 {
		return nil
	}
	// The largest batch: its settings were tried hardest.
	c := cells[len(cells)-1]
	blocks := []Block{{Heading: fmt.Sprintf("%s: %s (%s)", g.Model, k.Contender, title)}, tableBlock(s.expected(cells)), {Text: s.limits(c, k.Platform)}}
	if s.m.Recipe == nil {
		return append(blocks, para("The script that starts it: matrix recipe "+c.Name))
	}
	r, err := s.m.Recipe(c)
	if err != nil {
		return append(blocks, toned("warn", "No script can be written for it here: "+err.Error()))
	}
	if r.Note != "" {
		blocks = append(blocks, toned("warn", r.Note))
	}
	return append(blocks, para("This script starts its engine with the settings that were measured, and needs nothing of matrix. The same again: "+r.Command), Block{Code: r.Script})
}

// expected are the figures that the engine should show again.
// Who starts the engine by hand sees by them whether it is the same engine.
func (s start) expected(cells []*summary.Cell) *Table {
	t := &Table{Caption: "What to expect", Columns: []Column{{Title: "Requests"}}}
	// Goodput depends on the asker's bounds, which the engine started by hand knows nothing of.
	shown := slices.DeleteFunc(slices.Clone(compared[:7]), func(x metric) bool { return x.column == "goodput" })
	for _, x := range shown {
		t.Columns = append(t.Columns, Column{Title: x.title, Unit: x.unit, Numeric: true})
	}
	for _, c := range cells {
		row := Row{Values: []Value{{Text: whole(float64(c.BatchSize)), Anchor: anchor(c)}}}
		for _, x := range shown {
			row.Values = append(row.Values, s.m.value(x, c, nil))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// limits tell the largest batch that survived, and what did not.
// A cell without a single complete launch is the edge; one with some is not, for its launches can be repeated.
func (s start) limits(c *summary.Cell, platform string) Text {
	text := Text{{Text: "Limits: the largest batch that survived is "}, {Text: counted(int(c.BatchSize), "request"), Anchor: anchor(c)}}
	var broken []*summary.Cell
	for _, other := range s.m.Set.Cells {
		if other.Platform == platform && other.Model == c.Model && len(other.Launches) == 0 && len(other.Attempts) > 0 {
			broken = append(broken, other)
		}
	}
	if len(broken) == 0 {
		return append(text, Span{Text: "; larger ones were not tried."})
	}
	return append(append(append(text, Span{Text: "; did not complete: "}), links(broken)...), Span{Text: "."})
}

// cells are the cells behind a standing, smallest batch first.
// Those of another platform are left out: a hybrid's sources are of both.
func (s start) cells(k decision.Standing) []*summary.Cell {
	var out []*summary.Cell
	for _, source := range k.Sources {
		if c := s.m.cellAt(source.Cell); c != nil && len(c.Launches) > 0 && c.Platform == k.Platform && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *summary.Cell) int { return cmp.Compare(a.BatchSize, b.BatchSize) })
	return out
}
