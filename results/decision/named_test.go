package decision

import (
	"slices"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/table"
)

// What a decision block may name beside columns is what the decision derives.
func TestDerivedFiguresAreNamed(t *testing.T) {
	for name := range derived {
		if !slices.ContainsFunc(table.Named(), func(m cell.Metric) bool { return m.Name == name }) {
			t.Errorf("%s cannot be named in require or goals", name)
		}
	}
}
