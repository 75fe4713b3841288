package apply_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"matrix/backends/fake"
	"matrix/backends/process"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
)

// TestMain lets this binary be what its tests start: the guard of an engine, and the simulator's server. And it reads and
// writes one attempt before any test: the Parquet library keeps one decompressor for the whole process, and one that was
// made inside a synctest bubble may not be used outside of it.
func TestMain(m *testing.M) {
	process.MainIfAsked()
	fake.MainIfAsked()
	ApplyIfAsked()
	if err := WarmParquet(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func WarmParquet() error {
	dir, err := os.MkdirTemp("", "matrix-runner-test")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := store.Open(dir)
	if err != nil {
		return err
	}
	a, err := store.Begin(&cell.Cell{Experiment: "warm", Slug: "cell"}, cell.Identity{}, 1, nil)
	if err != nil {
		return err
	}
	row := record.RequestRow{Phase: "measure", Status: "ok", ChunkGapsS: []float64{1}}
	if err := a.Append(row, &record.OutputRow{Text: "x"}); err != nil {
		return err
	}
	if err := a.Sample(record.SampleRow{Source: "host", Metric: "x"}); err != nil {
		return err
	}
	if _, err := a.Commit(record.Complete, "done", "", record.Run{Planned: 1}); err != nil {
		return err
	}
	past, err := store.History(context.Background(), "warm")
	if err != nil {
		return err
	}
	return table.ReadRequests(past[0].Dir, func(record.RequestRow) error { return nil })
}
