package experiments_test

import (
	"testing"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
)

// TestNewCell: a result from elsewhere lands where the same cell of an experiment would.
func TestNewCell(t *testing.T) {
	want := cells(t, experiment(threeAxes), grid.Hooks{})["offline/small/10"]
	got, err := cell.NewCell(want.Experiment, want.Platform, want.Model, 10)
	if err != nil {
		t.Fatal(err)
	}
	if got.Address != want.Address || got.Slug != want.Slug || got.Name() != want.Name() {
		t.Errorf("%s %s %s, want %s %s %s", got.Address, got.Slug, got.Name(), want.Address, want.Slug, want.Name())
	}
	for _, name := range []string{"", "a b", "../x"} {
		if _, err := cell.NewCell(name, want.Platform, want.Model, 10); err == nil {
			t.Errorf("an experiment called %q was taken", name)
		}
	}
}
