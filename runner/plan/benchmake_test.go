package plan

import (
	"context"
	"fmt"
	"testing"

	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/store"
	"matrix/runner/runnertest"
)

// manyCells shares what an expansion shares: everything but the coordinates.
func manyCells(n int) []*cell.Cell {
	first := runnertest.Cell("a", 10)
	first.Launches = 3
	cells := make([]*cell.Cell, n)
	for i := range cells {
		c := *first
		c.BatchSize = 10 + i%1000
		c.Address, c.Slug = fmt.Sprintf("%064x", i), fmt.Sprintf("a-%d", i)
		cells[i] = &c
	}
	return cells
}

// BenchmarkMake plans 100,000 cells without a history: the goal is 3 s and 256 MiB with the expansion.
func BenchmarkMake(b *testing.B) {
	store, err := store.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	set, err := dataset.Open(context.Background(), runnertest.Cell("a", 10).Dataset)
	if err != nil {
		b.Fatal(err)
	}
	w := World{Store: store, Datasets: func(context.Context, *cell.Dataset) (*dataset.Set, error) { return set, nil }}
	cells := manyCells(100_000)
	b.ReportAllocs()
	for b.Loop() {
		p, err := Make(context.Background(), w, "exp", cells, Filter{})
		if err != nil || len(p.Order) != 300_000 {
			b.Fatal(err, len(p.Order))
		}
	}
}
