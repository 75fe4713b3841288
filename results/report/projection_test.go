package report

import (
	"testing"

	"matrix/results/decision"
	"matrix/results/summary"
)

// An imported result has no load: its projection says that it lacks one.
func TestProjectionWithoutLoad(t *testing.T) {
	load := 2.0
	table := (&maker{Input: Input{Set: &summary.Set{}}}).projections(decision.Group{Projections: []decision.Projection{{Contender: "imported", Requests: 50_000, Rate: 50, Seconds: 1000},
		{Contender: "measured", Requests: 50_000, Rate: 50, Seconds: 1002, LoadS: &load}}})
	for i, want := range []string{"projected without its load, which is not known", "projected"} {
		if got := table.Rows[i].Values[0].Detail; got != want {
			t.Errorf("row %d is marked %q, want %q", i, got, want)
		}
	}
}
