package apply

import (
	"context"
	"runtime"
	"testing"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/store"
	"matrix/runner/plan"
	"matrix/runner/runnertest"
)

// BenchmarkApply is what a request costs around the engine: ledger, row, spool, commit.
func BenchmarkApply(b *testing.B) {
	for b.Loop() {
		store, err := store.Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		backend := &runnertest.Backend{OnLaunch: func(context.Context, int, backends.Spec) (backends.Engine, error) {
			e := runnertest.NewEngine()
			e.Answer = func(_ context.Context, req backends.Request) backends.Reply {
				now, n := time.Now(), int64(5)
				return backends.Reply{Seq: req.Seq, Status: backends.OK, Attempts: 1, Sent: now, FirstToken: now, LastToken: now, Done: now,
					OutputTokens: &n, TokenSource: "usage", Text: "yes"}
			}
			return e, nil
		}}
		c := runnertest.Cell("a", 200_000)
		c.Load.Concurrency, c.Capture = 512, &cell.Capture{Outputs: "sample", Sample: 100}
		r := &rig{t: b, world: plan.World{Backends: map[string]backends.Backend{runnertest.Platform: backend.Value()}, Store: store,
			Datasets: func(ctx context.Context, d *cell.Dataset) (*dataset.Set, error) { return dataset.Open(ctx, d) }}}
		sum, err := apply(context.Background(), r.world, r.plan(c), Options{}, runnertest.Machine())
		if err != nil || sum.Complete != 1 {
			b.Fatal(sum, err)
		}
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		b.ReportMetric(float64(mem.Sys)/(1<<20), "sys-MiB")
		b.ReportMetric(sum.Took.Seconds()/200_000*1e6, "µs/request")
	}
}
