package summary

import "testing"

func TestPairsOfCellsWithoutAnAxis(t *testing.T) {
	cell := func(platform, slots string, batch int64) *Cell {
		axes := map[string]string{}
		if slots != "" {
			axes["slots"] = slots
		}
		return &Cell{Experiment: "e", Platform: platform, Model: "m", BatchSize: batch, Axes: axes}
	}
	m := Match([]*Cell{cell("serve", "", 10), cell("serve", "8", 10), cell("serve", "8", 20)}, []*Cell{cell("ollama", "", 10), cell("ollama", "8", 20)})
	if len(m.Pairs) != 2 || m.Pairs[0].Name != "10" || m.Pairs[1].Name != "20/8" {
		t.Errorf("pairs %+v, want 10 (an axis that the cell lacks is not named) and 20/8", m.Pairs)
	}
	if len(m.OnlyA) != 1 || len(m.OnlyB) != 0 {
		t.Errorf("alone: %d and %d, want 1 and 0", len(m.OnlyA), len(m.OnlyB))
	}
	// Two of one side that are called alike: one pairs, the other is said to be alone.
	m = Match([]*Cell{cell("serve", "8", 10)}, []*Cell{cell("ollama", "8", 10), cell("ollama", "8", 10)})
	if len(m.Pairs) != 1 || len(m.OnlyB) != 1 || m.OnlyB[0] == m.Pairs[0].B {
		t.Errorf("of twins: %d pairs, %d alone", len(m.Pairs), len(m.OnlyB))
	}
}

func TestNumbersInNamesAreNumbers(t *testing.T) {
	var cells []*Cell
	for _, name := range []string{"a/m/60/64", "a/m/60/4", "a/m/60/16", "a/m/60/1", "B/m/60/2"} {
		cells = append(cells, &Cell{Platform: name[:1], Name: name, BatchSize: 60})
	}
	sortCells(cells)
	got := ""
	for _, c := range cells {
		got += c.Name + " "
	}
	if got != "B/m/60/2 a/m/60/1 a/m/60/4 a/m/60/16 a/m/60/64 " {
		t.Error(got)
	}
}
