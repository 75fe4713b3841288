package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/runner/events"
	"matrix/runner/gpulock"
	"matrix/runner/runnertest"
	"matrix/runner/telemetry"
)

// fourGPURig has a machine of four GPUs; used records which launches ran where.
func fourGPURig(t *testing.T) (*rig, *gpuUse) {
	r := newRig(t)
	r.world.Backends["vllm_serve"] = r.backend.Value()
	r.host.GPUs = func() ([]telemetry.GPU, error) { return fourGPUs(), nil }
	use := &gpuUse{now: map[string]bool{}}
	r.backend.OnLaunch = func(_ context.Context, _ int, spec backends.Spec) (backends.Engine, error) {
		e := runnertest.NewEngine()
		use.begin(t, spec)
		e.Stop = func(context.Context) error { use.end(spec.GPUs); return nil }
		return e, nil
	}
	return r, use
}

// gpuUse sees to it that no GPU is used twice at a time.
type gpuUse struct {
	mu       sync.Mutex
	now      map[string]bool
	launches int
	most     int
	sets     []string
}

func (u *gpuUse) begin(t *testing.T, spec backends.Spec) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, uuid := range spec.GPUs {
		if u.now[uuid] {
			t.Errorf("%s is used twice", uuid)
		}
		u.now[uuid] = true
	}
	u.launches++
	u.most = max(u.most, u.launches)
	u.sets = append(u.sets, strings.Join(spec.GPUs, " "))
}

func (u *gpuUse) end(gpus []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, uuid := range gpus {
		delete(u.now, uuid)
	}
	u.launches--
}

func vllmCell(name string, tensorParallel int64) *cell.Cell {
	c := runnertest.Cell(name, 10)
	c.Platform.Backend = "vllm_serve"
	c.Platform.Args = cell.Values{"tensor_parallel_size": tensorParallel}
	c.Order = "declared"
	return c
}

func TestSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, use := fourGPURig(t)
		r.options.Jobs = AutoJobs
		r.options.Source = []byte("experiment")
		alone := vllmCell("alone-cell", 1)
		alone.Isolation.Alone = true
		p := r.plan(vllmCell("a", 1), vllmCell("bb", 2), vllmCell("ccc", 1), alone, vllmCell("dddd", 2))
		if sum := r.apply(t.Context(), p); sum.Complete != 5 {
			t.Fatalf("got %+v", sum)
		}
		if use.most != 3 {
			t.Errorf("%d launches at once, want 3", use.most)
		}
		beside := map[string]int64{}
		for _, past := range r.history() {
			beside[past.Platform] = past.Neighbours
		}
		if beside["alone-cell"] != 0 || beside["a"] != 2 || beside["bb"] != 2 || beside["dddd"] != 0 {
			t.Errorf("neighbours %v", beside)
		}
		slices.Sort(use.sets)
		if got := strings.Join(use.sets, ", "); got != "GPU-a, GPU-a, GPU-a GPU-b, GPU-b GPU-c, GPU-d" {
			t.Errorf("sets %s", got)
		}
	})
}

// ^C stops all that run side by side; the rows are kept.
func TestInterruptedSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, use := fourGPURig(t)
		r.options.Jobs = 3
		var cells []*cell.Cell
		for _, name := range []string{"a", "bb", "ccc", "dddd", "eeeee"} {
			c := vllmCell(name, 1)
			c.BatchSize = 500
			cells = append(cells, c)
		}
		sum, took := r.interruptAfter(5*time.Second, r.plan(cells...))
		if sum.Interrupted != 3 || sum.NotRun != 2 || took > 10*time.Second || use.launches != 0 {
			t.Errorf("got %+v after %s, %d engines left", sum, took, use.launches)
		}
	})
}

// The store breaks under one launch: the others stop in order, and the error is told.
func TestBrokenStoreSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, use := fourGPURig(t)
		r.options.Jobs = 2
		bad := vllmCell("bad", 1)
		bad.Experiment = "../outside"
		slow := vllmCell("slow", 1)
		slow.BatchSize = 5000
		_, err := apply(t.Context(), r.world, r.plan(slow, bad, vllmCell("never", 1)), r.options, r.host)
		if err == nil || use.launches != 0 || len(use.sets) > 1 {
			t.Errorf("got %v, %d engines left, %v", err, use.launches, use.sets)
		}
	})
}

// A GPU that another program holds is left to it; where none is left, nothing is started.
func TestHeldGPU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, use := fourGPURig(t)
		release, err := gpulock.Take(r.host.LockFolder, "GPU-a", "matrix apply other")
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		if sum := r.apply(t.Context(), r.plan(vllmCell("a", 2))); sum.Complete != 1 || use.sets[0] != "GPU-b GPU-c" {
			t.Errorf("got %+v on %v", sum, use.sets)
		}
		if sum := r.apply(t.Context(), r.plan(vllmCell("wide", 4), vllmCell("b", 3))); sum.Complete != 1 || sum.Waiting != 1 {
			t.Errorf("the wide one waits, the other runs: got %+v", sum)
		}
		r.events = nil
		_, err = apply(t.Context(), r.world, r.plan(vllmCell("wide", 4)), r.options, r.host)
		held := new(gpulock.HeldError)
		if !errors.As(err, &held) || !strings.HasPrefix(err.Error(), `GPU 0 (H100) GPU-a is in use by "matrix apply other"`) || len(r.events) > 0 {
			t.Errorf("got %v after %d events", err, len(r.events))
		}
		if gpulock.Holder(r.host.LockFolder, "GPU-b") != "" {
			t.Error("a GPU is still locked")
		}
	})
}

// Another apply on another GPU of the machine is a neighbour too; one that died and left its name is none.
func TestAnotherApplyIsANeighbour(t *testing.T) {
	for pid, want := range map[int]int64{os.Getppid(): 1, 1 << 30: 0} {
		synctest.Test(t, func(t *testing.T) {
			r, _ := fourGPURig(t)
			release, err := gpulock.Take(r.host.LockFolder, "GPU-d", "matrix apply other")
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			if err := os.WriteFile(filepath.Join(r.host.LockFolder, "GPU-d"), fmt.Appendf(nil, `{"pid":%d}`, pid), 0o666); err != nil {
				t.Fatal(err)
			}
			if sum := r.apply(t.Context(), r.plan(vllmCell("a", 1))); sum.Complete != 1 || sum.Attempts[0].Neighbours != want {
				t.Errorf("held by %d: %d neighbours, want %d (%d complete)", pid, sum.Attempts[0].Neighbours, want, sum.Complete)
			}
		})
	}
}

// Cells for different GPUs of one machine, one launch at a time: each finds its own.
func TestMixedGPUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, use := fourGPURig(t)
		list := r.host.GPUs
		r.host.GPUs = func() ([]telemetry.GPU, error) {
			gpus, err := list()
			gpus[3].Name = "L4"
			return gpus, err
		}
		r.world.Machine.GPUName, r.world.Machine.GPUs = "H100, L4", 4
		big, small := vllmCell("big", 1), vllmCell("small", 1)
		big.Hardware, small.Hardware = &cell.Hardware{ID: "h100", GPU: "H100"}, &cell.Hardware{ID: "l4", GPU: "L4"}
		if sum := r.apply(t.Context(), r.plan(big, small)); sum.Complete != 2 || !slices.Contains(use.sets, "GPU-a") || !slices.Contains(use.sets, "GPU-d") {
			t.Errorf("got %+v on %v", sum, use.sets)
		}
	})
}

// What another user left among the locks is said, and the apply goes on.
func TestForeignGPULock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := fourGPURig(t)
		if err := os.MkdirAll(filepath.Join(r.host.LockFolder, "GPU-a"), 0o755); err != nil {
			t.Fatal(err)
		}
		if sum := r.apply(t.Context(), r.plan(vllmCell("a", 4))); sum.Complete != 1 {
			t.Errorf("got %+v", sum)
		}
		said := slices.ContainsFunc(r.events, func(e events.Event) bool {
			return e.Kind == events.Warning && strings.Contains(e.Message, "the lock of GPU-a cannot be used")
		})
		if !said {
			t.Error("it was not said")
		}
	})
}
