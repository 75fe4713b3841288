package summary_test

import (
	"slices"
	"strings"
	"testing"

	"matrix/results/record"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
	"matrix/results/summary/summarytest/planted"
)

// usable is a cell of which every so manieth answer cannot be used, for one reason or another.
func usable(platform string, every int) summarytest.Cell {
	row := func(i int, r *record.RequestRow) {
		valid := every == 0 || i%every > 0
		if r.Valid = &valid; !valid {
			r.InvalidReason = []string{"truncated", "schema:/score"}[min(i%3, 1)]
		}
	}
	return summarytest.Cell{Platform: platform, Size: 100, Launches: []summarytest.Launch{{Row: row}, {Row: row}}}
}

// TestValidApart: two sides of which one gives fewer answers that can be used are told apart, in the checks and beside a ratio;
// two alike are not.
func TestValidApart(t *testing.T) {
	cells := planted.Read(t, usable("a", 0), usable("b", 5), usable("c", 0)).Cells
	a, b, c := cells[0], cells[1], cells[2]
	said := func(x, y *summary.Cell) bool {
		return slices.Contains(summary.Unlike(x, y), summary.Difference{Aspect: "answers that can be used", A: "100%", B: "80%"})
	}
	if !said(a, b) || said(a, c) {
		t.Errorf("beside a ratio: %v, %v", summary.Unlike(a, b), summary.Unlike(a, c))
	}
	var texts []string
	for _, check := range summary.Checks([]*summary.Cell{a, b}) {
		if check.Name == summary.CheckValid {
			texts = append(texts, check.Level+" "+check.Text)
		}
	}
	if len(texts) != 2 || !strings.Contains(texts[0], "40 of 200 answers cannot be used (20%): 26 × schema:/score, 14 × truncated") || texts[1] != "amber a against b, 100 requests: of their answers 100% and 80% can be used" {
		t.Errorf("%q", texts)
	}
	for _, check := range summary.Checks([]*summary.Cell{a, c}) {
		if check.Name == summary.CheckValid && check.Level != summary.Green {
			t.Error(check.Text)
		}
	}
}

// TestFailedIsNoAnswer: what failed, or broke off, is no answer that cannot be used; one that was cut short is.
func TestFailedIsNoAnswer(t *testing.T) {
	cut := usable("a", 0)
	for i := range cut.Launches {
		cut.Launches[i].Row = func(i int, r *record.RequestRow) {
			valid := i%4 > 0
			if r.Valid = &valid; valid {
				return
			}
			switch r.InvalidReason = "truncated"; i % 3 {
			case 0:
				r.Status, r.InvalidReason = record.StatusFailed, record.StatusFailed
			case 1:
				r.Status = record.StatusTruncated
			}
		}
	}
	cells := planted.Read(t, cut).Cells
	if told := cells[0].Launches[0].Run().Warnings; !slices.Contains(told, "8 answers cannot be used: 8 × truncated (invalid_reason)") {
		t.Errorf("%q", told)
	}
	checks := summary.Checks(cells)
	if !slices.ContainsFunc(checks, func(c summary.Check) bool {
		return c.Name == summary.CheckValid && c.Text == "a, 100 requests: 16 of 166 answers cannot be used (9.6%): 16 × truncated"
	}) {
		t.Errorf("%+v", checks)
	}
}

// TestThoughtUnasked: a server that thinks though told not to is told beside each ratio.
func TestThoughtUnasked(t *testing.T) {
	thinks := usable("b", 0)
	for i := range thinks.Launches {
		thinks.Launches[i].Run = func(r *record.Run) { r.Warnings = append(r.Warnings, "thinking: 9 of 9 answers hold reasoning") }
	}
	cells := planted.Read(t, usable("a", 0), thinks).Cells
	if all := summary.Unlike(cells[0], cells[1]); !slices.Contains(all, summary.Difference{Aspect: "reasoning", A: "as asked", B: "in the answers, though told not to think"}) {
		t.Error(all)
	}
}
