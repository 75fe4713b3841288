package summary_test

import (
	"math"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/summary/summarytest"
	"matrix/results/summary/summarytest/planted"
)

// Goodput follows the bounds that are declared now: the requests are counted anew, and not those of a batch.
func TestGoodputUnderOtherBounds(t *testing.T) {
	slow := func(i int, r *record.RequestRow) { // a request takes 0.1 s, each fourth 0.05 s longer to its first token
		if i%4 == 0 {
			*r.FirstTokenS += 0.05
		}
	}
	bounds := cell.SLO{TTFT: time.Second}
	set := planted.Read(t, summarytest.Cell{Platform: "a", Size: 100, Launches: []summarytest.Launch{{Row: slow, Run: func(r *record.Run) { r.SLO = &bounds }}, {Row: slow}}},
		summarytest.Cell{Platform: "b", Size: 100, Launches: []summarytest.Launch{{Row: slow, Run: func(r *record.Run) { r.Mode = "batch" }}}})
	a, b := set.Cells[0], set.Cells[1]
	if got := a.Values("goodput"); len(got) != 1 || math.Abs(got[0]-10) > 1e-9 {
		t.Errorf("as measured: %v", got)
	}
	for _, c := range set.Cells {
		if err := c.HoldTo(cell.SLO{TTFT: 50 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.Values("goodput"); len(got) != 2 || math.Abs(got[0]-7.5) > 1e-9 || got[1] != got[0] || *a.Launches[1].Number("slo_ttft_s") != 0.05 {
		t.Errorf("under other bounds: %v", got)
	}
	if got := b.Values("goodput"); len(got) != 0 {
		t.Errorf("of a batch: %v", got)
	}
	for _, l := range a.Launches {
		l.Absent = []string{"requests.parquet"}
	}
	if err := a.HoldTo(cell.SLO{TTFT: 20 * time.Millisecond}); err != nil || len(a.Values("goodput")) != 0 || a.Launches[0].Why("goodput") == "" {
		t.Errorf("without rows to count: %v, %q, %v", a.Values("goodput"), a.Launches[0].Why("goodput"), err)
	}
}
