package report

import (
	"fmt"
	"strings"

	"matrix/results/decision"
	"matrix/results/summary"
)

// answer is the section that must suffice for who reads no further.
func (m *maker) answer() (Section, error) {
	s := Section{ID: "answer", Title: "The answer"}
	if m.Decision != nil {
		for _, g := range m.Decision.Groups {
			s.Blocks = append(s.Blocks, m.groupAnswer(g)...)
		}
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
	if _, launches, _ := m.counts(); launches > 0 {
		s.Blocks = append(s.Blocks, Block{Tone: "note", Text: plain("A launch, one fresh start of the engine, is the sample: with one launch a figure has no interval, with 2 to 5 the range is shown, which is no confidence interval, and from 6 on a 95% interval.")})
	}
	return s, nil
}

func (m *maker) groupAnswer(g decision.Group) []Block {
	var out []Block
	if len(m.Decision.Groups) > 1 {
		title := g.Model
		for _, part := range []string{g.Precision, g.Workload} {
			if part != "" {
				title += ", " + part
			}
		}
		out = append(out, Block{Heading: title})
	}
	if len(g.Answer.Sentences) == 0 {
		return nil
	}
	first := min(2, len(g.Answer.Sentences))
	out = append(out, toned("lead", strings.Join(g.Answer.Sentences[:first], " ")))
	for _, more := range g.Answer.Sentences[first:] {
		out = append(out, para(more))
	}
	for _, f := range g.Findings {
		b := Block{Tone: "warn", Text: plain(f.Kind + ": " + f.Text)}
		if at := m.cellAt(f.Cell); at != nil {
			b.Text = append(b.Text, Span{Text: " "}, Span{Text: "(the cell)", Anchor: anchor(at)})
		}
		out = append(out, b)
	}
	for _, x := range g.Missing {
		out = append(out, para("To know more: "+x.What), Block{Code: x.Command})
	}
	return out
}

// cellAt is the cell whose folder is so named, nil = none.
func (m *maker) cellAt(folder string) *summary.Cell {
	for _, c := range m.Set.Cells {
		if folder != "" && (c.Slug == folder || c.Experiment+"/"+c.Slug == folder) {
			return c
		}
	}
	return nil
}

// counts the cells, their complete launches and all attempts.
func (m *maker) counts() (real, launches, attempts int) {
	for _, c := range m.Set.Cells {
		if !c.Simulated {
			real++
		}
		launches += len(c.Launches)
		attempts += len(c.Attempts)
	}
	return real, launches, attempts
}

// noAnswer says why nothing can be chosen.
func (m *maker) noAnswer() string {
	real, launches, attempts := m.counts()
	switch {
	case len(m.Set.Cells) == 0:
		return "There is nothing to choose from: no attempt has been recorded here yet. Measure first: matrix apply."
	case real == 0:
		return "No platform can be chosen from these results: every cell is simulated, and a simulator says nothing of a real engine. The tables below show the form that an answer will take."
	case attempts == 0:
		return "No platform can be chosen: every attempt was declared void or belongs to an earlier declaration."
	case launches == 0:
		return fmt.Sprintf("No platform can be chosen: none of %s completed. What went wrong is told below, under failures.", counted(attempts, "attempt"))
	}
	return "No platform can be chosen yet: nothing that was measured may be ranked against anything else. The comparison below shows what there is."
}
