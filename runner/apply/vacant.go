package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"matrix/experiments/cell"
	"matrix/runner/machine"
	"matrix/runner/telemetry"
)

// settle is how long what is on the GPUs when an apply begins gets to end: an engine that was just stopped needs a
// second, and a longer wait would only put off what somebody has to decide.
const settle = 10 * time.Second

// BusyError says that something that is not ours holds GPUs which each launch of the plan needs, and did before the
// apply began: none would do better than the first, so nothing was started.
type BusyError struct {
	Held []string // in words: what holds which GPU
	PIDs []int    // of the processes, where they can be listed
}

// Error names everything that is in the way.
func (e *BusyError) Error() string { return "the GPU is not free: " + strings.Join(e.Held, "; ") }

// vacant takes the GPUs that something else holds out of the pool, and what then lacks one out of the plan. Launches keep
// looking (drain): what comes later is theirs to meet.
// Where no launch lacks a GPU it goes on at once; else it first waits (settle) for what was just stopped.
func (s *session) vacant(ctx context.Context) error {
	if len(s.pool.all) == 0 {
		return nil
	}
	for began, said := time.Now(), false; ; machine.Pause(ctx, machine.PollEvery) {
		gpus, err := s.site.Host.GPUs()
		if err != nil || ctx.Err() != nil {
			return nil // nothing to read: the plan and doctor have said so
		}
		free, busy := s.free(gpus)
		met := func(c *cell.Cell) bool { return demandOf(c, s.site.GPUs).metBy(free) }
		lacks := func(c *cell.Cell) bool { return !met(c) }
		if !slices.ContainsFunc(s.cells(), lacks) || time.Since(began) >= settle {
			if err := s.setAside(busy, met); err != nil {
				return err
			}
			s.without(free, gpus)
			return nil
		}
		if !said {
			said = true
			s.site.Events.Warn(fmt.Sprintf("%s; waiting %s for it to end", busy, settle))
		}
	}
}

// free lists the GPUs of the pool that no step of the plan finds held, and who holds the others.
func (s *session) free(gpus []telemetry.GPU) (free []string, busy *BusyError) {
	free, busy = slices.Clone(s.pool.all), &BusyError{}
	for _, c := range s.cells() {
		if !c.Platform.Local() {
			continue
		}
		d := demandOf(c, s.site.GPUs)
		for _, g := range machine.Among(gpus, slices.Concat(d.these, d.of)) {
			if what := s.inTheWay(c, g); what != "" && slices.Contains(s.pool.all, g.UUID) {
				free = slices.DeleteFunc(free, func(uuid string) bool { return uuid == g.UUID })
				busy.add(what, g)
			}
		}
	}
	return free, busy
}

// add takes what holds a GPU, once. Only computing processes are offered to be stopped: a desktop's are none of the user's
// measuring.
func (e *BusyError) add(what string, g telemetry.GPU) {
	if slices.Contains(e.Held, what) {
		return
	}
	e.Held = append(e.Held, what)
	for _, p := range g.Processes {
		if p.Compute && !slices.Contains(e.PIDs, p.PID) {
			e.PIDs = append(e.PIDs, p.PID)
		}
	}
}

// inTheWay says what on a GPU keeps a cell's engine from being measured there, or from starting; "" = nothing.
func (s *session) inTheWay(c *cell.Cell, g telemetry.GPU) string {
	if what := s.site.Base.Occupied([]telemetry.GPU{g}, c.Isolation.Exclusive, int64(c.Isolation.VRAMToleranceMiB*(1<<20))); what != "" {
		return what
	}
	return machine.Crowded(s.site.World.Backends[c.Platform.Backend], c, g)
}

// without goes on with the GPUs that are free.
func (s *session) without(free []string, gpus []telemetry.GPU) {
	if len(free) == len(s.pool.all) {
		return
	}
	for _, g := range gpus {
		if slices.Contains(s.pool.all, g.UUID) && !slices.Contains(free, g.UUID) {
			s.site.Events.Warn(fmt.Sprintf("GPU %d (%s) is in use; this apply goes on without it", g.Index, g.Name))
		}
	}
	s.pool = newPool(free, s.jobs(len(free)))
}
