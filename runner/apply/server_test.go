package apply

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/plan"
	"matrix/runner/runnertest"
)

// groupPlan is a plan of groupCells.
func (r *rig) groupPlan(launches int) *plan.Plan { return r.plan(groupCells(launches)...) }

// groupCells are three cells that need the same server and one that needs another.
func groupCells(launches int) []*cell.Cell {
	a, b, c, other := runnertest.Cell("a", 10), runnertest.Cell("a", 20), runnertest.Cell("a", 30), runnertest.Cell("other", 10)
	cells := []*cell.Cell{a, b, c, other}
	for _, cell := range cells {
		cell.Isolation.Server = "group"
	}
	a.Launches, b.Launches, c.Launches = launches, launches, launches
	return cells
}

// servers reads what the shared servers left, oldest first.
func (r *rig) servers() []record.ServerRecord {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.world.Store.Root(), "exp", "launches", "*", "phases.json"))
	if err != nil {
		r.t.Fatal(err)
	}
	var all []record.ServerRecord
	for _, file := range files {
		var record record.ServerRecord
		doc, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(doc, &record)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, record)
	}
	slices.SortFunc(all, func(a, b record.ServerRecord) int { return a.Began.Compare(b.Began) })
	return all
}

func TestSharedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		running := 0
		r.backend.OnLaunch = func(_ context.Context, _ int, spec backends.Spec) (backends.Engine, error) {
			time.Sleep(2 * time.Second)
			spec.Observe(backends.Phase{Name: "weights", Duration: time.Second})
			if running++; running > 1 {
				t.Error("two engines at once")
			}
			e := runnertest.NewEngine()
			e.Stop = func(context.Context) error { running--; return nil }
			return e, nil
		}
		p := r.groupPlan(2)
		if notes := strings.Join(p.Items[0].Notes, " "); !strings.Contains(notes, "shares one server with 2 other cells") {
			t.Errorf("notes %q", notes)
		}
		if sum := r.apply(t.Context(), p); sum.Complete != 7 || r.backend.Launches.Load() != 3 || running != 0 {
			t.Fatalf("got %+v with %d launches, %d engines left", sum, r.backend.Launches.Load(), running)
		}
		for _, past := range r.history() {
			if load, there := past.Summary["load_s"]; there || past.Server != "group" {
				t.Errorf("%s launch %d: load_s %v, server %q", past.Name, past.Launch, load, past.Server)
			}
		}
		attempts := 0
		for _, s := range r.servers() {
			if s.Phases["weights"] != 1 || s.Ended.IsZero() || s.Reason != "stopped" {
				t.Errorf("server %+v", s)
			}
			attempts += len(s.Attempts)
		}
		if attempts != 7 {
			t.Errorf("%d attempts on servers, want 7", attempts)
		}
	})
}

// Cells of a group run one after the other.
func TestGroupsAreUnits(t *testing.T) {
	p := newRig(t).groupPlan(2)
	if n := len(units(p.Order)); n != 3 || len(p.Order) != 7 {
		t.Errorf("%d units of %d steps, want 3 of 7", n, len(p.Order))
	}
}

// A shared server that dies: the cell that is being measured has failed, the rest gets a new one.
func TestSharedServerDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backend.OnLaunch = func(_ context.Context, n int, _ backends.Spec) (backends.Engine, error) {
			e := runnertest.NewEngine()
			asked := 0
			if n == 1 {
				e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
					if asked++; asked > 20 {
						e.Die(errCrash)
						return backends.Reply{Seq: req.Seq, Status: backends.Disconnected, Attempts: 1}
					}
					return runnertest.Healthy(ctx, req)
				}
			}
			return e, nil
		}
		cells := groupCells(1)[:3]
		for _, c := range cells {
			c.Load.Concurrency = 1
		}
		sum := r.apply(t.Context(), r.plan(cells...))
		if sum.Complete != 2 || sum.Failed != 1 || r.backend.Launches.Load() != 2 {
			t.Errorf("got %+v with %d launches", sum, r.backend.Launches.Load())
		}
		all := r.servers()
		if len(all) != 2 || !strings.Contains(all[0].Reason, "exit status 1") || all[1].Reason != "stopped" {
			t.Errorf("servers %+v", all)
		}
	})
}

// A load that fails is the cell's failure; the next cell tries anew.
func TestSharedServerDoesNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backend.OnLaunch = func(_ context.Context, n int, _ backends.Spec) (backends.Engine, error) {
			if n == 1 {
				return nil, errors.New("out of memory")
			}
			return runnertest.NewEngine(), nil
		}
		if sum := r.apply(t.Context(), r.groupPlan(1)); sum.Failed != 1 || sum.Complete != 3 {
			t.Errorf("got %+v", sum)
		}
		if first := r.servers()[0]; first.Ended.IsZero() || len(first.Attempts) != 0 {
			t.Errorf("the server that did not start: %+v", first)
		}
	})
}

// ^C in a cell of a group: the engine stops, and the next apply goes on with what is left.
func TestSharedServerInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		open := 0
		r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
			e := runnertest.NewEngine()
			open++
			e.Stop = func(context.Context) error { open--; return nil }
			return e, nil
		}
		cells := groupCells(1)[:3]
		sum, took := r.interruptAfter(1300*time.Millisecond, r.plan(cells...))
		if sum.Interrupted != 1 || sum.Complete+sum.NotRun != 2 || took > 10*time.Second || open != 0 {
			t.Fatalf("got %+v after %s, %d engines left", sum, took, open)
		}
		past := r.history()
		cells = slices.DeleteFunc(cells, func(c *cell.Cell) bool {
			return slices.ContainsFunc(past, func(x store.Past) bool { return x.Address == c.Address })
		})
		if sum := r.apply(context.Background(), r.plan(cells...)); sum.Complete != len(cells) || open != 0 {
			t.Errorf("the rest: %+v, %d engines left", sum, open)
		}
		for _, x := range r.history() {
			r.rows(x, x.BatchSize)
		}
	})
}
