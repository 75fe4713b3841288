package launch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"matrix/experiments/cell"
	"matrix/runner/machine"
)

const (
	quietWindow    = 2 * time.Second  // over which the CPU must be quiet
	quietBound     = 15 * time.Second // of the wait for it, within the drain's limit: it only warns
	drainBound     = time.Minute      // of a drain whose limit is 0: a busy machine must not hold a plan for ever
	quietPerCore   = 0.05             // busy share of all cores that still is quiet …
	quietLeastCore = 0.25             // … and of one core on a small machine
)

// drainLimit bounds each wait for the machine.
func drainLimit(c *cell.Cell) time.Duration {
	if c.Limits.Drain > 0 {
		return c.Limits.Drain
	}
	return drainBound
}

// quietCores is how busy the CPU may be and still be called quiet, in cores.
func quietCores(cores int) float64 { return max(quietLeastCore, quietPerCore*float64(cores)) }

// drain waits until the machine is free for a launch. A busy CPU is only a warning, whatever isolation.exclusive says: that
// is about the GPU, and on a desktop something always runs.
func (e *engine) drain(ctx context.Context) *Outcome {
	e.j.begin("drain", drainLimit(e.j.cell))
	if e.j.cell.Platform.Local() {
		if err := e.drained(ctx); err != nil && ctx.Err() == nil {
			return environment(err)
		}
	}
	return cut(ctx, e.j.cell)
}

// drained waits for the GPUs, then for the CPU.
func (e *engine) drained(ctx context.Context) error {
	began := time.Now()
	bounded, cancel := context.WithTimeout(ctx, drainLimit(e.j.cell))
	defer cancel()
	if err := e.drainGPUs(bounded); err != nil {
		return err
	}
	if err := e.roomy(); err != nil {
		return err
	}
	busy := 0.0
	if e.j.site.Crowd.beside(e.j) == 0 { // else the CPU is not ours alone, as the row says
		quiet, cancel := context.WithTimeout(bounded, quietBound)
		defer cancel()
		busy = e.waitQuiet(quiet)
	}
	e.j.phase("drain", time.Since(began))
	if cores := e.j.site.Host.Cores; busy > quietCores(cores) && ctx.Err() == nil {
		e.j.warn(fmt.Sprintf("the CPU did not become quiet before the launch: %.1f of %d cores were busy", busy, cores))
	}
	return nil
}

// waitQuiet looks at the CPU until it is quiet or the time is over, and returns how busy it was last (cores).
func (e *engine) waitQuiet(ctx context.Context) float64 {
	last := 0.0
	for {
		busy := e.j.site.Host.Quiet(ctx, quietWindow)
		if ctx.Err() != nil {
			return last
		}
		if last = busy; busy <= quietCores(e.j.site.Host.Cores) { // negative: cannot be told
			return busy
		}
	}
}

// drainGPUs waits until the GPU is as free as it was before: the driver gives memory back some time after a process ended,
// and what a next launch found occupied would be its fault.
func (e *engine) drainGPUs(ctx context.Context) error {
	for {
		gpus, err := e.j.site.Host.GPUs()
		if err != nil {
			return nil // nothing to read: the plan and doctor have said so
		}
		what := e.j.site.Base.Occupied(machine.Among(gpus, e.j.gpus), e.j.cell.Isolation.Exclusive, int64(e.j.cell.Isolation.VRAMToleranceMiB*(1<<20)))
		if what == "" {
			return nil
		}
		if machine.Pause(ctx, machine.PollEvery); ctx.Err() != nil {
			return fmt.Errorf("the GPU is not free: %s", what)
		}
	}
}

// released waits until the stopped engine's VRAM is back; the time is a phase of its own.
func (e *engine) released(ctx context.Context) {
	if len(e.j.gpus) == 0 || ctx.Err() != nil {
		return
	}
	began := time.Now()
	e.j.begin("vram_release", drainLimit(e.j.cell))
	bounded, cancel := context.WithTimeout(ctx, drainLimit(e.j.cell))
	defer cancel()
	if err := e.drainGPUs(bounded); err != nil {
		e.j.warn("after the engine had stopped " + err.Error())
		return
	}
	e.j.phase("vram_release", time.Since(began))
}

// roomy refuses a launch whose engine would refuse to start for lack of free GPU memory, naming who holds it.
func (e *engine) roomy() error {
	gpus, err := e.j.site.Host.GPUs()
	if err != nil {
		return nil // nothing to read: the plan and doctor have said so
	}
	for _, g := range machine.Among(gpus, e.j.gpus) {
		if what := machine.Crowded(e.j.site.World.Backends[e.j.cell.Platform.Backend], e.j.cell, g); what != "" {
			return errors.New(what)
		}
	}
	return nil
}
