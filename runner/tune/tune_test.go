package tune

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

// grid makes cells of one platform and model: settings a × b at each batch size.
func grid(batches []int, settings ...string) []*cell.Cell {
	p, m := &cell.Platform{ID: "p"}, &cell.Model{ID: "m"}
	var out []*cell.Cell
	for _, setting := range settings {
		for _, b := range batches {
			c := &cell.Cell{Platform: p, Model: m, BatchSize: b, Axes: []*cell.Axis{
				{Name: "platform", Label: "p"}, {Name: "model", Label: "m"}, {Name: "slots", Label: setting}, {Name: "batch_size", Label: fmt.Sprint(b)},
			}}
			out = append(out, c)
		}
	}
	return out
}

// search runs a whole search; value says what a setting scores at a batch size, negative = it fails.
func search(t *testing.T, s *Search, value func(setting string, batch int) float64) (measured []string, known map[*cell.Cell]Score) {
	t.Helper()
	known = map[*cell.Cell]Score{}
	score := func(c *cell.Cell) Score { return known[c] }
	for range 20 {
		rounds := s.Next(score)
		if len(rounds) == 0 {
			return measured, known
		}
		for _, r := range rounds {
			for _, c := range r.Cells {
				setting := c.Axes[2].Label
				measured = append(measured, fmt.Sprintf("%s@%d", setting, r.Batch))
				known[c] = Score{Measured, value(setting, r.Batch)}
				if known[c].Value < 0 {
					known[c] = Score{State: Failed}
				}
			}
		}
	}
	t.Fatal("the search does not end")
	return nil, nil
}

func TestHalving(t *testing.T) {
	cells := grid([]int{100, 10, 1000}, "1", "2", "3", "4", "5")
	s, err := New(cells, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	rank := map[string]float64{"1": 10, "2": 50, "3": 40, "4": 30, "5": 20}
	measured, known := search(t, s, func(setting string, batch int) float64 {
		if setting == "2" && batch == 100 {
			return -1 // fails at a larger batch
		}
		return rank[setting]
	})
	want := "1@10 2@10 3@10 4@10 5@10 2@100 3@100 4@100 3@1000 4@1000"
	if got := strings.Join(measured, " "); got != want {
		t.Errorf("measured %s\nwant     %s", got, want)
	}
	best, batch := s.Groups[0].Best(func(c *cell.Cell) Score { return known[c] })
	if best == nil || best.Label != "slots=3" || batch != 1000 {
		t.Errorf("best %v at %d", best, batch)
	}
}

// TestGoesOn: a search that knows what another one measured starts where that one stopped.
func TestGoesOn(t *testing.T) {
	cells := grid([]int{10, 100}, "1", "2", "3")
	s, err := New(cells, 0.3)
	if err != nil {
		t.Fatal(err)
	}
	known := map[*cell.Cell]Score{cells[0]: {Measured, 1}, cells[2]: {Measured, 3}}
	rounds := s.Next(func(c *cell.Cell) Score { return known[c] })
	if len(rounds) != 1 || rounds[0].Batch != 10 || len(rounds[0].Cells) != 1 || rounds[0].Cells[0] != cells[4] || len(rounds[0].Field) != 3 {
		t.Errorf("%+v", rounds)
	}
}

// TestInfeasible: what cell.fit or a constraint rules out is neither measured nor goes on.
func TestInfeasible(t *testing.T) {
	cells := grid([]int{10, 100}, "1", "2", "3", "4")
	cells[0].Skip = &cell.Skip{} // "1" at 10
	cells[5].Skip = &cell.Skip{} // "3" at 100
	s, err := New(cells, 0.99)
	if err != nil {
		t.Fatal(err)
	}
	measured, _ := search(t, s, func(string, int) float64 { return 1 })
	want := []string{"2@10", "3@10", "4@10", "2@100", "4@100"}
	if !slices.Equal(measured, want) {
		t.Errorf("measured %v, want %v", measured, want)
	}
}

func TestNothingWorks(t *testing.T) {
	s, err := New(grid([]int{10, 100}, "1", "2"), 0.5)
	if err != nil {
		t.Fatal(err)
	}
	measured, known := search(t, s, func(string, int) float64 { return -1 })
	if len(measured) != 2 {
		t.Errorf("measured %v", measured)
	}
	if best, _ := s.Groups[0].Best(func(c *cell.Cell) Score { return known[c] }); best != nil {
		t.Errorf("best %v", best)
	}
}

func TestRefused(t *testing.T) {
	cells := grid([]int{10}, "1")
	for _, keep := range []float64{0, 1, -1, 2} {
		if _, err := New(cells, keep); err == nil {
			t.Errorf("keep %g was taken", keep)
		}
	}
	for _, c := range cells {
		c.Axes = slices.DeleteFunc(c.Axes, func(a *cell.Axis) bool { return a.Name == "slots" })
	}
	if _, err := New(cells, 0.5); err == nil || !strings.Contains(err.Error(), "nothing to tune") {
		t.Errorf("%v", err)
	}
}

// TestEffects: the values of an axis stand together, whatever order the settings come in.
func TestEffects(t *testing.T) {
	var cells []*cell.Cell
	known := map[*cell.Cell]Score{}
	for i, label := range []string{"1 a", "1 b", "2 a", "2 b"} {
		slots, batch, _ := strings.Cut(label, " ")
		c := grid([]int{10}, slots)[0]
		c.Axes = append(c.Axes, &cell.Axis{Name: "num_batch", Label: batch})
		cells, known[c] = append(cells, c), Score{Measured, float64(i)}
	}
	s, err := New(cells, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	s.Groups[0].Settings = nil
	for _, c := range cells {
		s.Groups[0].Settings = append(s.Groups[0].Settings, &Setting{Label: labelOf(c), Cells: map[int]*cell.Cell{10: c}})
	}
	var got []string
	for _, e := range s.Groups[0].Effects(func(c *cell.Cell) Score { return known[c] }) {
		got = append(got, fmt.Sprintf("%s=%s %g/%d", e.Axis, e.Value, e.Median, e.Settings))
	}
	if want := []string{"slots=1 0.5/2", "slots=2 2.5/2", "num_batch=a 1/2", "num_batch=b 2/2"}; !slices.Equal(got, want) {
		t.Errorf("effects %q, want %q", got, want)
	}
}
