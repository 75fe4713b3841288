package runner

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"matrix/backends"
	"matrix/experiments"
	"matrix/experiments/dataset"
	"matrix/results"
)

// manyCells shares what an expansion shares: everything but the coordinates.
func manyCells(n int) []*experiments.Cell {
	first := testCell("a", 10)
	first.Launches = 3
	cells := make([]*experiments.Cell, n)
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
	store, err := results.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	set, err := dataset.Open(context.Background(), testCell("a", 10).Dataset)
	if err != nil {
		b.Fatal(err)
	}
	w := World{Store: store, Datasets: func(context.Context, *experiments.Dataset) (*dataset.Set, error) { return set, nil }}
	cells := manyCells(100_000)
	b.ReportAllocs()
	for b.Loop() {
		p, err := Make(context.Background(), w, "exp", cells, Filter{})
		if err != nil || len(p.Order) != 300_000 {
			b.Fatal(err, len(p.Order))
		}
	}
}

// BenchmarkApply is what a request costs around the engine: ledger, row, spool, commit.
func BenchmarkApply(b *testing.B) {
	for b.Loop() {
		store, err := results.Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		backend := &fakeBackend{launch: func(context.Context, int, backends.Spec) (backends.Engine, error) {
			e := newFakeEngine()
			e.answer = func(_ context.Context, req backends.Request) backends.Reply {
				now, n := time.Now(), int64(5)
				return backends.Reply{Seq: req.Seq, Status: backends.OK, Attempts: 1, Sent: now, FirstToken: now, LastToken: now, Done: now,
					OutputTokens: &n, TokenSource: "usage", Text: "yes"}
			}
			return e, nil
		}}
		c := testCell("a", 200_000)
		c.Load.Concurrency, c.Capture = 512, &experiments.Capture{Outputs: "sample", Sample: 100}
		r := &rig{world: World{Backends: map[string]backends.Backend{fakePlatform: backend.value()}, Store: store,
			Datasets: func(ctx context.Context, d *experiments.Dataset) (*dataset.Set, error) { return dataset.Open(ctx, d) }}}
		sum, err := apply(context.Background(), r.world, r.plan(c), Options{}, quietMachine())
		if err != nil || sum.Complete != 1 {
			b.Fatal(sum, err)
		}
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		b.ReportMetric(float64(mem.Sys)/(1<<20), "sys-MiB")
		b.ReportMetric(sum.Took.Seconds()/200_000*1e6, "µs/request")
	}
}
