package launch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/runner/plan"
)

// deathGrace is for requests to notice by themselves that their engine is dead.
const deathGrace = 2 * time.Second

// died is the end by an engine that is no more, or of no more use, though nobody stopped it; nil while it does its work.
func (e *engine) died(when string) *Outcome {
	if e.running == nil {
		return nil
	}
	e.mu.Lock()
	unwell := e.unwell
	e.mu.Unlock()
	ended := backends.Ended(e.running)
	if !ended && unwell == nil {
		return nil
	}
	out := &Outcome{Status: record.EngineFailed, Reason: "engine died " + when, LogTail: process.Tail(e.j.logPath(), logTailLines)}
	switch cause := e.running.Info().Cause; {
	case ended && errors.Is(cause, process.ErrUnguarded):
		out.Status, out.Reason = record.EnvironmentFailed, "engine ended "+when+": "+plan.OneLine(cause)
	case ended && cause != nil:
		out.Reason += ": " + plan.OneLine(cause)
	case unwell != nil:
		out.Reason += ": " + plan.OneLine(unwell)
	}
	return e.confined(out)
}

// confined takes the blame off an engine that ended where the shell bounds its addresses: engines reserve many times what they
// use, and say of a want only that they ran out of memory, or nothing.
func (e *engine) confined(out *Outcome) *Outcome {
	limit := e.j.site.Host.Addresses
	if limit == 0 || out.Status != record.EngineFailed || out.Usage != "" || e.j.cell.Platform.Attached() {
		return out
	}
	out.Status = record.EnvironmentFailed
	out.Reason += fmt.Sprintf("; this shell lets a process have %.1f GiB of addresses (ulimit -v), which may be why", format.GiB(int64(limit)))
	out.Hint = "start matrix from a shell without that limit: ulimit -v unlimited"
	return out
}

// isWell reports that no answer has shown the engine to be useless; its process may have ended all the same.
func (e *engine) isWell() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unwell == nil
}

// noteUseless notes that the engine was found dead by its answers, and cuts off what is in flight.
func (e *engine) noteUseless(cancel context.CancelCauseFunc) func(error) {
	return func(why error) {
		e.mu.Lock()
		e.unwell = why
		e.mu.Unlock()
		if !backends.Ended(e.running) { // else watchDeath gives what is in flight its time
			cancel(errDied)
		}
	}
}

// watchDeath cuts off what is in flight when the engine has died and its requests do not notice. The returned function
// ends the watch.
func (e *engine) watchDeath(cancel context.CancelCauseFunc) func() {
	return beside(func(over <-chan struct{}) {
		select {
		case <-over:
			return
		case <-e.running.Done():
		}
		select {
		case <-over:
		case <-time.After(deathGrace):
			cancel(errDied)
		}
	})
}

// beside runs watch in a goroutine of its own until the returned function is called, which waits for it.
func beside(watch func(over <-chan struct{})) (stop func()) {
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { watch(over) })
	return func() {
		close(over)
		running.Wait()
	}
}
