package apply

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/table"
	"matrix/runner/events"
	"matrix/runner/runnertest"
)

// compiling is a backend that keeps what its engines compile: for a width that an argument declares.
func compiling(b *runnertest.Backend) backends.Backend {
	value := b.Value()
	value.Compiles = func(_ string, args cell.Values, _ map[string]string) string {
		width, _ := args["width"].(string)
		return width
	}
	return value
}

// primingRig has an engine that compiles for 40 s what it finds nowhere, and loads in 10 s else.
func primingRig(t *testing.T) *rig {
	r := newRig(t)
	r.backend.Identity.Version = "1"
	cache := map[string]bool{}
	r.backend.OnLaunch = func(ctx context.Context, _ int, spec backends.Spec) (backends.Engine, error) {
		width := spec.Cell.Platform.Args["width"].(string)
		if !cache[width] {
			select {
			case <-time.After(40 * time.Second):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			spec.Observe(backends.Phase{Name: "compile", Duration: 40 * time.Second})
			cache[width] = true
		}
		time.Sleep(10 * time.Second)
		return runnertest.NewEngine(), nil
	}
	r.world.Backends[runnertest.Platform] = compiling(r.backend)
	return r
}

func primedCell(width string, batch int) *cell.Cell {
	c := runnertest.Cell("p"+width, batch)
	c.Platform.Args = cell.Values{"width": width}
	c.Isolation.Prime = true
	return c
}

func TestPriming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := primingRig(t)
		unprimed := primedCell("c", 10)
		unprimed.Isolation.Prime = false
		sum := r.apply(t.Context(), r.plan(primedCell("a", 10), primedCell("a", 20), primedCell("b", 10), unprimed))
		if n := r.backend.Launches.Load(); sum.Complete != 4 || n != 6 {
			t.Fatalf("%+v with %d starts, want 4 launches and 2 more", sum, n)
		}
		primed := 0
		for _, p := range r.history() {
			row, err := table.ReadRun(p.Dir)
			if err != nil {
				t.Fatal(err)
			}
			load := *row.Run.LoadS
			if cold := load > 20; cold != (p.Platform == "pc") {
				t.Errorf("%s loaded in %.1f s", p.Name, load)
			}
			if took, ok := row.Run.Phases["prime"]; ok {
				primed++
				if took < 50 {
					t.Errorf("priming took %v s", took)
				}
			}
			if p.Planned != p.OK {
				t.Errorf("%s: %d of %d", p.Name, p.OK, p.Planned)
			}
		}
		if primed != 2 {
			t.Errorf("%d launches say that they were primed", primed)
		}
		records := r.servers()
		if len(records) != 2 {
			t.Fatalf("%d records of first starts", len(records))
		}
		for _, s := range records {
			if !s.Primed || len(s.Attempts) != 1 || s.LoadS == nil || *s.LoadS < 50 || s.Phases["compile"] != 40 || s.Reason != "stopped" {
				t.Errorf("%+v", s)
			}
		}
		said := 0
		for _, e := range r.events {
			if e.Phase == "prime" {
				said++
			}
		}
		if said != 4 { // beginning and end of each
			t.Errorf("said %d times", said)
		}

		// All is on record: nothing is primed again, and a cell more of the same needs none.
		before := r.backend.Launches.Load()
		if r.apply(t.Context(), r.plan(primedCell("a", 30))); r.backend.Launches.Load() != before+1 {
			t.Errorf("%d starts of one launch", r.backend.Launches.Load()-before)
		}
	})
}

func TestOnlyWhatCompilesIsPrimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := primingRig(t)
		cold := primedCell("a", 10)
		cold.Isolation.Caches = "cold"
		if r.apply(t.Context(), r.plan(cold)); r.backend.Launches.Load() != 1 {
			t.Error("cold caches were primed")
		}
		keepsNothing := primedCell("", 10)
		if r.apply(t.Context(), r.plan(keepsNothing)); r.backend.Launches.Load() != 2 {
			t.Error("what keeps nothing was primed")
		}
		r.world.Backends[runnertest.Platform] = r.backend.Value()
		if r.apply(t.Context(), r.plan(primedCell("b", 10))); r.backend.Launches.Load() != 3 {
			t.Error("a backend that does not ask for it was primed")
		}
	})
}

func TestPrimingThatFailsIsTheLaunchThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := primingRig(t)
		r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
			return nil, &backends.LaunchError{Class: "oom", Err: errors.New("CUDA out of memory"), LogTail: "the end"}
		}
		sum := r.apply(t.Context(), r.plan(primedCell("a", 10)))
		if sum.Failed != 1 || r.backend.Launches.Load() != 1 {
			t.Fatalf("%+v with %d starts", sum, r.backend.Launches.Load())
		}
		p := r.only()
		if p.Status != record.EngineFailed || !strings.Contains(p.Reason, "isolation.prime") || !strings.Contains(p.Reason, "CUDA out of memory") || p.LogTail != "the end" {
			t.Errorf("%s: %s | %s", p.Status, p.Reason, p.LogTail)
		}
		failed := 0
		for _, e := range r.events {
			if e.Kind == events.CellFailed {
				failed++
			}
		}
		if failed != 1 {
			t.Errorf("said %d times", failed)
		}
	})
}

func TestPrimingIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := primingRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Second, cancel)
		began := time.Now()
		sum := r.apply(ctx, r.plan(primedCell("a", 10), primedCell("a", 20)))
		if sum.Interrupted != 1 || sum.NotRun != 1 || time.Since(began) > 30*time.Second {
			t.Errorf("%+v after %s", sum, time.Since(began))
		}
		if p := r.only(); p.Status != record.Interrupted || p.Planned != 10 {
			t.Errorf("%+v", p.Manifest)
		}
		if s := r.servers(); len(s) != 1 || s[0].Ended.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

func TestPrimingOfASharedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := primingRig(t)
		a, b := primedCell("a", 10), primedCell("a", 20)
		a.Isolation.Server, b.Isolation.Server = "group", "group"
		if sum := r.apply(t.Context(), r.plan(a, b)); sum.Complete != 2 || r.backend.Launches.Load() != 2 {
			t.Fatalf("%+v with %d starts", sum, r.backend.Launches.Load())
		}
		records := r.servers()
		if len(records) != 2 || !records[1].Primed && !records[0].Primed {
			t.Fatalf("%+v", records)
		}
		for _, s := range records {
			if s.LoadS == nil || s.Primed == (*s.LoadS < 20) || s.Primed == (len(s.Attempts) == 2) {
				t.Errorf("%+v", s)
			}
		}
	})
}
