package runner

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"matrix/experiments"
	"matrix/runner/telemetry"
)

const (
	quietWindow    = 2 * time.Second        // over which the CPU must be quiet
	quietBound     = 15 * time.Second       // of the wait for it, within the drain's limit: it only warns
	drainBound     = time.Minute            // of a drain whose limit is 0: a busy machine must not hold a plan for ever
	drainPoll      = 250 * time.Millisecond // between looks at the GPUs
	vramTolerance  = 64 << 20               // bytes beside which VRAM counts as released
	quietPerCore   = 0.05                   // busy share of all cores that still is quiet …
	quietLeastCore = 0.25                   // … and of one core on a small machine
)

func cores() int { return runtime.NumCPU() }

// baseline is how the GPUs were before the first launch: a desktop's memory and processes are not ours to blame.
type baseline struct {
	used    map[string]int64 // bytes, by UUID
	noise   int64            // bytes between two looks
	pids    map[int]bool     // compute processes that were there
	compute []onGPU          // the same, each once
}

// onGPU is a process on a GPU.
type onGPU struct {
	telemetry.GPUProcess
	gpu string // product name
}

// baseline looks three times, for the noise.
func (m machine) baseline(ctx context.Context) baseline {
	b := baseline{used: map[string]int64{}, pids: map[int]bool{}}
	for look := range 3 {
		gpus, err := m.gpus()
		if err != nil {
			return b
		}
		for _, g := range gpus {
			if look > 0 {
				b.noise = max(b.noise, abs(g.MemoryUsed-b.used[g.UUID]))
			}
			b.used[g.UUID] = max(b.used[g.UUID], g.MemoryUsed)
			for _, p := range g.Processes {
				if p.Compute && !b.pids[p.PID] {
					b.pids[p.PID] = true
					b.compute = append(b.compute, onGPU{p, g.Name})
				}
			}
		}
		pause(ctx, 100*time.Millisecond)
	}
	return b
}

// disturbers warns of processes that compute on the GPUs already. The servers that the plan asks are what is measured.
func (a *applying) disturbers(ctx context.Context) {
	urls, own := a.attachedURLs()
	for _, p := range a.base.compute {
		if !own && a.host.serves(ctx, p.PID, urls) {
			continue
		}
		a.events.warn(fmt.Sprintf("%s is on %s already, with %d MiB; its work disturbs what is measured", processName(p.GPUProcess), p.gpu, p.Bytes>>20))
	}
}

// attachedURLs are the servers that the plan asks; own: it also starts engines, which those servers disturb.
func (a *applying) attachedURLs() (urls []string, own bool) {
	for _, step := range a.plan.Order {
		c := step.Item.Cell
		own = own || c.Platform.Local()
		if url := c.Platform.URL; c.Platform.Attached() && !slices.Contains(urls, url) {
			urls = append(urls, url)
		}
	}
	return urls, own
}

func abs(n int64) int64 { return max(n, -n) }

func processName(p telemetry.GPUProcess) string {
	if p.Name == "" {
		return fmt.Sprintf("process %d", p.PID)
	}
	return fmt.Sprintf("%s (pid %d)", p.Name, p.PID)
}

// occupied names what is on the GPUs beyond the baseline; "" = they are free. Exclusive counts the baseline's compute
// processes too.
func (b baseline) occupied(gpus []telemetry.GPU, exclusive bool, tolerance int64) string {
	var found []string
	for _, g := range gpus {
		for _, p := range g.Processes {
			if p.Compute && (exclusive || !b.pids[p.PID]) {
				found = append(found, fmt.Sprintf("%s holds %d MiB of %s", processName(p), p.Bytes>>20, g.Name))
			}
		}
		over := g.MemoryUsed - b.used[g.UUID]
		if over > max(tolerance, vramTolerance, 3*b.noise) && len(found) == 0 {
			found = append(found, fmt.Sprintf("%s has %d MiB more in use than before the first launch", g.Name, over>>20))
		}
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), "; ")
}

// drain waits until the machine is free for a launch. The error is the environment's. A busy CPU is only a warning,
// whatever isolation.exclusive says: that is about the GPU, and on a desktop something always runs.
func (l *launch) drain(ctx context.Context) error {
	if !l.cell.Platform.Local() {
		return nil
	}
	began := time.Now()
	bounded, cancel := context.WithTimeout(ctx, drainLimit(l.cell))
	defer cancel()
	if err := l.drainGPUs(bounded); err != nil {
		return err
	}
	if gpus, err := l.a.host.gpus(); err == nil {
		if err := l.roomy(among(gpus, l.at.gpus)); err != nil {
			return err
		}
	}
	if l.a.crowd.beside(l) > 0 { // the CPU is not ours alone, as the row says
		l.phase("drain", time.Since(began))
		return nil
	}
	quiet, cancel := context.WithTimeout(bounded, quietBound)
	defer cancel()
	busy := l.waitQuiet(quiet)
	l.phase("drain", time.Since(began))
	if busy > quietCores(l.a.host.cores) && ctx.Err() == nil {
		l.warn(fmt.Sprintf("the CPU did not become quiet before the launch: %.1f of %d cores were busy", busy, l.a.host.cores))
	}
	return nil
}

// drainLimit bounds each wait for the machine.
func drainLimit(c *experiments.Cell) time.Duration {
	if c.Limits.Drain > 0 {
		return c.Limits.Drain
	}
	return drainBound
}

func quietCores(cores int) float64 { return max(quietLeastCore, quietPerCore*float64(cores)) }

// waitQuiet looks at the CPU until it is quiet or the time is over, and returns how busy it was last (cores).
func (l *launch) waitQuiet(ctx context.Context) float64 {
	last := 0.0
	for {
		busy := l.a.host.quiet(ctx, quietWindow)
		if ctx.Err() != nil {
			return last
		}
		if last = busy; busy <= quietCores(l.a.host.cores) { // negative: cannot be told
			return busy
		}
	}
}

func (l *launch) drainGPUs(ctx context.Context) error {
	for {
		gpus, err := l.a.host.gpus()
		if err != nil {
			return nil // nothing to read: the plan and doctor have said so
		}
		what := l.a.base.occupied(among(gpus, l.at.gpus), l.cell.Isolation.Exclusive, int64(l.cell.Isolation.VRAMToleranceMiB*(1<<20)))
		if what == "" {
			return nil
		}
		if pause(ctx, drainPoll); ctx.Err() != nil {
			return fmt.Errorf("the GPU is not free: %s", what)
		}
	}
}

// released waits until the stopped engine's VRAM is back; the time is a phase of its own.
func (l *launch) released(ctx context.Context) {
	if len(l.at.gpus) == 0 || ctx.Err() != nil {
		return
	}
	began := time.Now()
	l.begin("vram_release", drainLimit(l.cell))
	bounded, cancel := context.WithTimeout(ctx, drainLimit(l.cell))
	defer cancel()
	if err := l.drainGPUs(bounded); err != nil {
		l.warn("after the engine had stopped " + err.Error())
		return
	}
	l.phase("vram_release", time.Since(began))
}
