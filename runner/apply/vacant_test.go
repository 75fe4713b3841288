package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/experiments/cell"
	"matrix/runner/events"
	"matrix/runner/runnertest"
	"matrix/runner/telemetry"
)

// gpuCells are n cells of an engine that wants the GPU for itself, three launches each.
func gpuCells(r *rig, n int) []*cell.Cell {
	r.world.Backends["ollama"] = r.backend.Value()
	var cells []*cell.Cell
	for i := range n {
		c := runnertest.Cell("a", 10+i)
		c.Platform.Backend, c.Launches = "ollama", 3
		c.Isolation.Exclusive, c.Limits.Drain = true, time.Minute
		cells = append(cells, c)
	}
	return cells
}

// Somebody computes on the GPU before the apply begins and stays: said once, after a short wait, with nothing begun.
func TestHeldGPUFailsTheApplyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		held := telemetry.GPUProcess{PID: 4711, Name: "python", Bytes: 70 << 30, Compute: true}
		r.host.GPUs = func() ([]telemetry.GPU, error) { return oneGPU(70<<30, held), nil }
		began := time.Now()
		_, err := apply(t.Context(), r.world, r.plan(gpuCells(r, 4)...), r.options, r.host)
		var busy *BusyError
		if !errors.As(err, &busy) || !strings.Contains(err.Error(), "python (pid 4711) holds 71680 MiB of H100") || !slices.Equal(busy.PIDs, []int{4711}) {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(began); took > 15*time.Second || r.backend.Launches.Load() != 0 {
			t.Errorf("%d launches, after %s", r.backend.Launches.Load(), took)
		}
		if past, _ := r.world.Store.History(t.Context(), ""); len(past) > 0 {
			t.Errorf("%d attempts were written", len(past))
		}
		if n := len(slices.DeleteFunc(r.events, func(e events.Event) bool { return e.Kind != events.Warning })); n != 1 {
			t.Errorf("%d warnings, want the one that it waits", n)
		}
	})
}

// What was just stopped gets the time to go; a cell that measures beside others does not mind.
func TestGPUThatGetsFreeIsUsed(t *testing.T) {
	for name, exclusive := range map[string]bool{"ends": true, "stays": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				began := time.Now()
				r.host.GPUs = func() ([]telemetry.GPU, error) {
					if exclusive && time.Since(began) > 3*time.Second {
						return oneGPU(0), nil
					}
					return oneGPU(9<<30, telemetry.GPUProcess{PID: 7, Name: "ollama", Bytes: 9 << 30, Compute: true}), nil
				}
				cells := gpuCells(r, 1)
				cells[0].Isolation.Exclusive = exclusive
				if sum := r.apply(t.Context(), r.plan(cells...)); sum.Complete != 3 {
					t.Errorf("got %+v", sum)
				}
			})
		})
	}
}

// One of two GPUs is held: what needs one runs on the other.
func TestHeldGPUIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		held := telemetry.GPUProcess{PID: 7, Name: "python", Bytes: 9 << 30, Compute: true}
		two := append(oneGPU(9<<30, held), telemetry.GPU{UUID: "GPU-2", Index: 1, Name: "H100", MemoryTotal: 80 << 30})
		r.host.GPUs = func() ([]telemetry.GPU, error) { return two, nil }
		r.options.Jobs = AutoJobs
		if sum := r.apply(t.Context(), r.plan(gpuCells(r, 2)...)); sum.Complete != 6 {
			t.Errorf("got %+v", sum)
		}
		if !slices.ContainsFunc(r.events, func(e events.Event) bool { return strings.Contains(e.Message, "GPU 0 (H100) is in use") }) {
			t.Error("not said that the first GPU is left out")
		}
	})
}

// One of two GPUs is held: what needs both waits, and keeps nothing else from running.
func TestHeldGPUKeepsOnlyItsCells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		held := telemetry.GPUProcess{PID: 7, Name: "python", Bytes: 9 << 30, Compute: true}
		two := append(oneGPU(0), telemetry.GPU{UUID: "GPU-2", Index: 1, Name: "H100", MemoryTotal: 80 << 30, MemoryUsed: 9 << 30, Processes: []telemetry.GPUProcess{held}})
		r.host.GPUs = func() ([]telemetry.GPU, error) { return two, nil }
		r.options.Jobs = 2
		cells := gpuCells(r, 2)
		cells[1].Hardware = &cell.Hardware{ID: "both", GPUs: 2}
		if sum := r.apply(t.Context(), r.plan(cells...)); sum.Complete != 3 || sum.Waiting != 3 || sum.Environment+sum.NotRun != 0 {
			t.Errorf("got %+v", sum)
		}
		want := "python (pid 7) holds 9216 MiB of H100; 3 launches cannot start without it: apply again once it is free"
		if !slices.ContainsFunc(r.events, func(e events.Event) bool { return strings.Contains(e.Message, want) }) {
			t.Errorf("not said %q", want)
		}
	})
}

// The server that the plan asks is no disturber of itself; of an engine that is started beside it, it is one.
func TestAttachedServerDoesNotDisturbItself(t *testing.T) {
	for name, beside := range map[string]bool{"alone": false, "beside our own": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				engine := telemetry.GPUProcess{PID: 7, Name: "VLLM::EngineCore", Bytes: 9 << 30, Compute: true}
				r.host.GPUs = func() ([]telemetry.GPU, error) { return oneGPU(9<<30, engine), nil }
				asked := gpuCells(r, 1)[0]
				asked.Platform.Attach, asked.Platform.URL = true, "http://127.0.0.1:8000"
				r.host.Serves = serverAt("http://127.0.0.1:8000", 7)
				cells := []*cell.Cell{asked}
				if beside {
					own := gpuCells(r, 2)[1]
					own.Isolation.Exclusive = false
					cells = append(cells, own)
				}
				r.apply(t.Context(), r.plan(cells...))
				said := slices.ContainsFunc(r.events, func(e events.Event) bool { return strings.Contains(e.Message, "disturbs") })
				if said != beside {
					t.Errorf("disturbs was said: %v", said)
				}
			})
		})
	}
}

// serverAt plays a machine on which one process serves one URL.
func serverAt(url string, pid int) func(context.Context, int, []string) bool {
	return func(_ context.Context, p int, urls []string) bool { return p == pid && slices.Contains(urls, url) }
}

// A full disk is said, and stops everything.
func TestBrokenStoreStopsTheApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.plan(runnertest.Cell("a", 10))
		p.Items[0].Cell.Experiment = "../outside" // no folder of the results
		_, err := apply(t.Context(), r.world, p, r.options, r.host)
		if err == nil || errors.Is(err, context.Canceled) || r.backend.Launches.Load() != 0 {
			t.Errorf("got %v after %d launches", err, r.backend.Launches.Load())
		}
	})
}
