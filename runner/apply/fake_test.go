package apply

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
	"matrix/runner/events"
	"matrix/runner/machine"
	"matrix/runner/plan"
	"matrix/runner/runnertest"
)

// rig is a store, a fake backend and what an apply told.
type rig struct {
	t       testing.TB
	world   plan.World
	backend *runnertest.Backend
	host    machine.Machine
	options Options
	events  []events.Event
}

func newRig(t *testing.T) *rig {
	t.Helper()
	forgetCompressors()
	t.Cleanup(forgetCompressors) // what runs next may have no rig, and no bubble
	store, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, backend: &runnertest.Backend{}, host: runnertest.Machine()}
	r.host.LockFolder = t.TempDir()
	r.world = plan.World{Backends: map[string]backends.Backend{runnertest.Platform: r.backend.Value()}, Store: store,
		Machine: record.Machine{Host: "here", CPU: "cpu"}, Version: "test",
		Datasets: func(ctx context.Context, d *cell.Dataset) (*dataset.Set, error) { return dataset.Open(ctx, d) }}
	var busy atomic.Bool
	r.options.Observe = func(e events.Event) {
		if busy.Swap(true) {
			t.Error("Observe was called concurrently")
		}
		r.events = append(r.events, e)
		busy.Store(false)
	}
	return r
}

// plan wants every launch of the cells, whatever was measured before.
func (r *rig) plan(cells ...*cell.Cell) *plan.Plan {
	r.t.Helper()
	return r.planned(plan.Filter{Replace: []string{"platform=*"}}, cells...)
}

func (r *rig) planned(f plan.Filter, cells ...*cell.Cell) *plan.Plan {
	r.t.Helper()
	p, err := plan.Make(context.Background(), r.world, "exp", cells, f)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) apply(ctx context.Context, p *plan.Plan) events.Summary {
	r.t.Helper()
	sum, err := apply(ctx, r.world, p, r.options, r.host)
	if err != nil {
		r.t.Fatal(err)
	}
	return sum
}

func (r *rig) history() []store.Past {
	r.t.Helper()
	past, err := r.world.Store.History(context.Background(), "exp")
	if err != nil {
		r.t.Fatal(err)
	}
	return past
}

// only returns the one committed attempt.
func (r *rig) only() store.Past {
	r.t.Helper()
	past := r.history()
	if len(past) != 1 {
		r.t.Fatalf("%d attempts, want 1: %+v", len(past), past)
	}
	if past[0].Problem != "" {
		r.t.Fatalf("the attempt has a problem: %s %s", past[0].Problem, past[0].Detail)
	}
	return past[0]
}

// rows reads the measured rows of an attempt and checks that each planned request has exactly one.
func (r *rig) rows(p store.Past, planned int) map[int64]record.RequestRow {
	r.t.Helper()
	rows := map[int64]record.RequestRow{}
	err := table.ReadRequests(p.Dir, func(row record.RequestRow) error {
		if row.Phase != "measure" {
			return nil
		}
		if _, twice := rows[row.Seq]; twice {
			r.t.Errorf("request %d has two rows", row.Seq)
		}
		rows[row.Seq] = row
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(rows) != planned {
		r.t.Errorf("%d measured rows, want %d", len(rows), planned)
	}
	return rows
}

func (r *rig) kinds() map[events.Kind]int {
	n := map[events.Kind]int{}
	for _, e := range r.events {
		n[e.Kind]++
	}
	return n
}

var errCrash = errors.New("exit status 1")

// forgetCompressors empties the Parquet library's pool of compressors: one that was made inside a synctest bubble may
// not be used outside of it. A pool lives two collections.
func forgetCompressors() {
	runtime.GC()
	runtime.GC()
}
