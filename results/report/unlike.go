package report

import (
	"fmt"

	"matrix/results/summary"
)

// mustAgree are the columns in which two cells should be alike, or their ratio tells of more than the platform.
var mustAgree = []struct{ column, word string }{
	{"dtype", "precision"}, {"quantization", "quantisation"}, {"model_hash", ""}, {"dataset_hash", "prompts"}, {"max_model_len", "context"},
	{"chat_template_sha256", "chat template"}, {"load_mode", "load"}, {"machine_host", "machine"}, {"gpu_name", "GPU"},
}

// unlikeness lists in words what sets a cell apart from another.
func unlikeness(c, other *summary.Cell) []string {
	a, b := c.First(), other.First()
	if a == nil || b == nil {
		return nil
	}
	var out []string
	if c.Simulated != other.Simulated {
		out = append(out, "simulated against measured")
	}
	if c.Imported != other.Imported {
		out = append(out, "imported against measured")
	}
	for _, x := range mustAgree {
		mine, theirs := shown(a, x.column), shown(b, x.column)
		switch {
		case x.word == "" || mine == theirs:
		case mine == "" || theirs == "":
			out = append(out, fmt.Sprintf("%s: %s against %s", x.word, orUnknown(mine), orUnknown(theirs)))
		case len(mine) > 32:
			out = append(out, "other "+x.word)
		default:
			out = append(out, fmt.Sprintf("%s: %s against %s", x.word, mine, theirs))
		}
	}
	return append(out, unlikeTokens(c, other)...)
}

// unlikeTokens says where the same prompts were counted, or answered, with other lengths.
func unlikeTokens(c, other *summary.Cell) []string {
	var out []string
	for _, x := range []struct{ column, word string }{{"input_tokens", "prompt tokens"}, {"output_tokens", "completion tokens"}} {
		a, b := c.Estimate(x.column), other.Estimate(x.column)
		if a.Known() && b.Known() && b.Median > 0 && (a.Median/b.Median > 1.02 || a.Median/b.Median < 0.98) {
			out = append(out, fmt.Sprintf("%s: %s against %s", x.word, whole(a.Median), whole(b.Median)))
		}
	}
	return out
}

func shown(a *summary.Attempt, column string) string {
	if s := a.Text(column); s != "" {
		return s
	}
	if n := a.Number(column); n != nil {
		return whole(*n)
	}
	return ""
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// unlike tells of every pair at the same batch size.
func (m *maker) unlike() (Section, error) {
	s := Section{ID: "unlike", Title: "Unlike pairs"}
	t := &Table{Caption: "What two cells differ in beside the platform", Columns: []Column{{Title: "Cell"}, {Title: "Against"}, {Title: "Differs in"}}}
	for _, g := range m.groups {
		for _, size := range g.sizes {
			cells := g.at(size)
			if fastest := fastestOf(cells); fastest != nil {
				t.Rows = append(t.Rows, unlikeRows(cells, fastest)...)
			}
		}
	}
	if len(t.Rows) > 0 {
		s.Blocks = append(s.Blocks, para("These ratios tell of more than the platform. Each difference listed may by itself explain a part of the ratio."), table(t))
	} else if len(m.Set.Cells) > 1 {
		s.Blocks = append(s.Blocks, para("No pair of cells is known to differ in precision, prompts, limits, context, template, load or machine."))
	}
	return s, nil
}

func unlikeRows(cells []*summary.Cell, fastest *summary.Cell) []Row {
	var rows []Row
	for _, c := range cells {
		if c == fastest {
			continue
		}
		for _, difference := range unlikeness(c, fastest) {
			rows = append(rows, Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}, {Text: fastest.Name, Anchor: anchor(fastest)}, {Text: difference}}})
		}
	}
	return rows
}
