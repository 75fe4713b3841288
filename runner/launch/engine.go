package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/results/record"
	"matrix/runner/events"
	"matrix/runner/ledger"
	"matrix/runner/plan"
)

// abandonLaunch is how long Launch has to return once it was told to stop.
const abandonLaunch = 5 * time.Second

// engine is the system that a launch measures, from the drained machine to the stop.
type engine struct {
	j       *journal        // of the launch
	running backends.Engine // nil until it is ready
	ready   time.Time       // the backend handed it over

	mu      sync.Mutex
	spawned time.Time // its process started, as near as it can be told
	unwell  error     // why, though its process may live, it is of no more use
}

// load starts the engine and returns when it is ready.
func (e *engine) load(ctx context.Context) *Outcome {
	j := e.j
	j.begin("load", j.cell.Limits.Load)
	j.trace()
	if err := os.MkdirAll(j.scratch(), 0o755); err != nil {
		return environment(fmt.Errorf("make a scratch folder: %w", err))
	}
	j.watch()
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if limit := j.cell.Limits.Load; limit > 0 {
		// The backend keeps the limit itself, and then says what the log does; this is for one that hangs.
		bounded, cancel = context.WithTimeout(ctx, limit+time.Second)
	}
	defer cancel()
	began := time.Now()
	e.spawned = began // nothing observes yet
	running, err := e.start(bounded)
	if err != nil {
		return e.notReady(ctx, bounded, err)
	}
	e.running, e.ready = running, time.Now()
	j.left("load")
	j.emit(events.Event{Kind: events.LaunchReady, Took: time.Since(began)})
	j.samples.handed.Store(&running)
	if j.server != nil {
		j.server.use(j, running, e.stop)
	}
	return nil
}

// start is the backend's Launch with a bound on its time. An engine that comes too late is closed.
// A backend that does not obey its context must not hold up the whole plan: after abandonLaunch its launch counts as
// failed, and what it may still bring is closed behind us.
func (e *engine) start(ctx context.Context) (backends.Engine, error) {
	type start struct {
		engine backends.Engine
		err    error
	}
	done := make(chan start, 1)
	spec := backends.Spec{Cell: e.j.cell, Attempt: e.j.launchID(), Dir: e.j.scratch(), Keep: absolute(filepath.Join(e.j.attempt.Dir(), "engine")), LogPath: absolute(e.j.logPath()),
		GPUs: e.chooseGPUs(), Observe: e.observe, Entered: e.j.enter, Listens: e.j.listens, Timeout: e.j.cell.Limits.Load}
	go func() {
		engine, err := e.j.site.World.Backends[e.j.cell.Platform.Backend].Launch(ctx, spec)
		done <- start{engine, err}
	}()
	select {
	case s := <-done:
		return s.engine, s.err
	case <-ctx.Done():
	}
	select {
	case s := <-done:
		if s.err == nil {
			e.running = s.engine // stop closes it
			return nil, context.Cause(ctx)
		}
		return nil, s.err
	case <-time.After(abandonLaunch):
	case <-e.j.site.Hard:
	}
	go func() {
		if s := <-done; s.err == nil {
			_ = s.engine.Close(ctx) // ctx is over: at once
		}
	}()
	return nil, errors.New("the launch did not end when it was told to")
}

// chooseGPUs names the GPUs of an engine that must not use all that there are; nil = as it is.
func (e *engine) chooseGPUs() []string {
	if !e.j.cell.Platform.Local() || len(e.j.gpus) == len(e.j.site.GPUs) {
		return nil
	}
	return e.j.gpus
}

// notReady classifies a launch that did not come to be.
func (e *engine) notReady(ctx, bounded context.Context, err error) *Outcome {
	if out := cut(ctx, e.j.cell); out != nil {
		return out
	}
	out := &Outcome{Status: record.EngineFailed, Reason: plan.OneLine(err)}
	var le *backends.LaunchError
	switch {
	case errors.As(err, &le):
		out.LogTail, out.Hint = le.LogTail, le.Hint
		if le.Class == UnknownArgument || le.Class == BadArgument {
			out.Usage = le.Class
		}
		if le.Environment {
			out.Status = record.EnvironmentFailed
		}
	case bounded.Err() != nil:
		out.Reason = fmt.Sprintf("not ready after %s (limits.load)", e.j.cell.Limits.Load)
	}
	out.LogTail = cmp.Or(out.LogTail, process.Tail(e.j.logPath(), logTailLines))
	return e.confined(out)
}

// loaded records load_s: process start → first token of the first request. An attached server was loaded before us. The
// load of a shared one is no cell's: it stands with the server.
func (e *engine) loaded(first ledger.Counts) {
	if first.FirstToken.IsZero() || e.j.cell.Platform.Attached() || e.running.Info().Attached || e.spawned.IsZero() {
		return
	}
	e.mu.Lock()
	s := first.FirstToken.Sub(e.spawned).Seconds()
	e.mu.Unlock()
	e.j.mu.Lock()
	defer e.j.mu.Unlock()
	if e.j.server != nil {
		e.j.server.record.LoadS = &s
		completePhases(e.j.server.record.Phases, s, first.FirstToken.Sub(e.ready).Seconds())
		if !e.j.priming.Load() {
			m := e.j.attempt.Manifest()
			e.j.site.Estimates.Loaded(&m, s)
		}
		return
	}
	e.j.seg.LoadS = &s
	if e.j.row.LoadS == nil {
		e.j.row.LoadS = &s
	}
	completePhases(e.j.seg.Phases, s, first.FirstToken.Sub(e.ready).Seconds())
}

// observe takes in what the backend says of a phase that ended; from any goroutine.
func (e *engine) observe(p backends.Phase) {
	e.mu.Lock()
	switch p.Name {
	case "drain": // the backend waits for its port before it starts anything
		e.spawned = e.spawned.Add(p.Duration)
	case "spawn":
		e.spawned = time.Now().Add(-p.Duration)
	}
	e.mu.Unlock()
	e.j.phase(p.Name, p.Duration)
}

// anew prepares a shared server's next engine; the one before, if any, is dead. A cell's own needs nothing.
func (e *engine) anew(ctx context.Context) error {
	if e.j.server == nil {
		return nil
	}
	e.j.server.Close(ctx)
	return e.j.server.begin(e.j)
}

// join goes on with the engine that the cell before has left running.
func (e *engine) join() {
	e.running, e.ready = e.j.server.engine, time.Now()
	e.j.samples.handed.Store(&e.running)
	e.j.trace()
	e.j.watch()
	e.j.server.use(e.j, e.running, e.stop)
}

// completePhases adds what the backend cannot tell, so that the phases from spawn on add up to the load: the first
// request, and what lies between the phases that the engine tells of.
func completePhases(phases map[string]float64, load, firstToken float64) {
	phases["first_token"] = max(firstToken, 0)
	rest := load
	for name, s := range phases {
		if name != "drain" && name != "prime" { // before the spawn
			rest -= s
		}
	}
	phases["other"] = max(rest, 0)
}

// swapTolerance is what lies in the swap of a host that has been up for a while and lacks nothing, in bytes.
const swapTolerance = 256 << 20

// coldCaches drops what can be dropped where the cell asks for it, and records what could not be.
func (e *engine) coldCaches() {
	if e.j.cell.Isolation.Caches != "cold" || !e.j.cell.Platform.Local() {
		return
	}
	e.j.row.CompileCache, e.j.row.PageCache = "cold", "cold" // nobody else writes yet
	err := e.j.site.Host.DropCaches()
	if err == nil {
		return
	}
	var files []string
	if find := e.j.site.World.Backends[e.j.cell.Platform.Backend].ModelFiles; find != nil {
		files = find(e.j.cell)
	}
	if len(files) > 0 {
		if err = e.j.site.Host.ForgetFiles(files); err == nil {
			e.j.row.PageCache = "model_files_dropped"
			return
		}
	}
	e.j.row.PageCache = "not_dropped"
	e.j.warn("the page cache could not be dropped: " + plan.OneLine(err))
}

// notes records what of the host may disturb a launch.
func (e *engine) notes(ctx context.Context) {
	swap, load1 := e.j.site.Host.Strain(ctx)
	e.j.mu.Lock()
	e.j.row.HostSwap, e.j.row.HostLoad1 = swap, load1
	e.j.mu.Unlock()
	if !e.j.cell.Platform.Local() {
		return
	}
	if swap != nil && *swap >= swapTolerance {
		e.j.warn("the host has swapped memory out at the start of a launch (host_swap_used_bytes)")
	}
	if g := e.j.site.World.Machine.Governor; g != "" && g != "performance" {
		e.j.warn("the CPU governor is " + g + ": clocks that follow the load add noise")
	}
}
