package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"matrix/backends"
	"matrix/results"
	"matrix/runner/telemetry"
)

// coldCaches drops what can be dropped where the cell asks for it, and records what could not be.
func (l *launch) coldCaches() {
	if l.cell.Isolation.Caches != "cold" || !l.cell.Platform.Local() {
		return
	}
	l.row.CompileCache, l.row.PageCache = "cold", "cold"
	err := l.a.host.dropCaches()
	if err == nil {
		return
	}
	var files []string
	if find := l.a.w.Backends[l.cell.Platform.Backend].ModelFiles; find != nil {
		files = find(l.cell)
	}
	if len(files) > 0 {
		if err = l.a.host.forgetFiles(files); err == nil {
			l.row.PageCache = "model_files_dropped"
			return
		}
	}
	l.row.PageCache = "not_dropped"
	l.warn("the page cache could not be dropped: " + oneLine(err))
}

// notes records what of the host may disturb a launch.
func (l *launch) notes(ctx context.Context) {
	swap, load1 := l.a.host.strain(ctx)
	l.mu.Lock()
	l.row.HostSwap, l.row.HostLoad1 = swap, load1
	l.mu.Unlock()
	if !l.cell.Platform.Local() {
		return
	}
	if swap != nil && *swap >= swapTolerance {
		l.warn("the host has swapped memory out at the start of a launch (host_swap_used_bytes)")
	}
	if g := l.a.w.Machine.Governor; g != "" && g != "performance" {
		l.warn("the CPU governor is " + g + ": clocks that follow the load add noise")
	}
}

// swapTolerance is what lies in the swap of a host that has been up for a while and lacks nothing.
const swapTolerance = 256 << 20

// roomy refuses a launch whose engine would refuse to start for lack of free GPU memory, naming who holds it.
func (l *launch) roomy(gpus []telemetry.GPU) error {
	for _, g := range gpus {
		if what := l.a.crowded(l.cell, g); what != "" {
			return errors.New(what)
		}
	}
	return nil
}

// load starts the engine and returns when it is ready. ok is false when the launch ends here.
func (l *launch) load(ctx context.Context) (out outcome, ok bool) {
	l.begin("load", l.cell.Limits.Load)
	l.ownLog()
	if err := os.MkdirAll(l.scratch(), 0o755); err != nil {
		return outcome{status: results.EnvironmentFailed, reason: oneLine(fmt.Errorf("make a scratch folder: %w", err))}, false
	}
	l.samples.watch(l)
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if limit := l.cell.Limits.Load; limit > 0 {
		// The backend keeps the limit itself, and then says what the log does; this is for one that hangs.
		bounded, cancel = context.WithTimeout(ctx, limit+time.Second)
	}
	defer cancel()
	began := time.Now()
	l.spawned = began
	engine, err := l.start(bounded)
	if err != nil {
		return l.notReady(ctx, bounded, err), false
	}
	l.engine, l.ready = engine, time.Now()
	l.mu.Lock()
	l.now.left("load")
	l.mu.Unlock()
	l.emit(Event{Kind: LaunchReady, Took: time.Since(began)})
	l.samples.handed.Store(&engine)
	if l.at.server != nil {
		l.at.server.use(l)
	}
	return outcome{}, true
}

// ownLog notes where the lines of this launch begin: an attempt that goes on appends to its log.
func (l *launch) ownLog() {
	path, from := l.logPath(), int64(0)
	if info, err := os.Stat(path); err == nil {
		from = info.Size()
	}
	l.mu.Lock()
	l.now.log, l.now.logFrom = path, from
	l.mu.Unlock()
}

// anew prepares a shared server's next engine; the one before, if any, is dead. A cell's own needs nothing.
func (l *launch) anew(ctx context.Context) error {
	if l.at.server == nil {
		return nil
	}
	l.at.server.close(ctx)
	return l.at.server.begin(l)
}

// join goes on with the engine that the cell before has left running.
func (l *launch) join() {
	l.engine, l.ready = l.at.server.engine, time.Now()
	l.samples.handed.Store(&l.engine)
	l.samples.watch(l)
	l.at.server.use(l)
}

// abandonLaunch is how long Launch has to return once it was told to stop.
const abandonLaunch = 5 * time.Second

// start is the backend's Launch with a bound on its time. An engine that comes too late is closed.
func (l *launch) start(ctx context.Context) (backends.Engine, error) {
	type started struct {
		engine backends.Engine
		err    error
	}
	done := make(chan started, 1)
	spec := backends.Spec{Cell: l.cell, Attempt: l.launchID(), Dir: l.scratch(), Keep: absolute(filepath.Join(l.attempt.Dir(), "engine")), LogPath: absolute(l.logPath()),
		GPUs: l.chooseGPUs(), Observe: l.observe, Entered: l.enter, Timeout: l.cell.Limits.Load}
	go func() {
		engine, err := l.a.w.Backends[l.cell.Platform.Backend].Launch(ctx, spec)
		done <- started{engine, err}
	}()
	select {
	case s := <-done:
		return s.engine, s.err
	case <-ctx.Done():
	}
	late := time.NewTimer(abandonLaunch)
	defer late.Stop()
	select {
	case s := <-done:
		if s.err == nil {
			l.engine = s.engine // stop closes it
			return nil, context.Cause(ctx)
		}
		return nil, s.err
	case <-late.C:
	case <-l.a.o.Hard:
	}
	go func() {
		if s := <-done; s.err == nil {
			_ = s.engine.Close(ctx) // ctx is over: at once
		}
	}()
	return nil, errors.New("the launch did not end when it was told to")
}

// chooseGPUs names the GPUs of an engine that must not use all that there are; nil = as it is.
func (l *launch) chooseGPUs() []string {
	if !l.cell.Platform.Local() || len(l.at.gpus) == len(l.a.gpus) {
		return nil
	}
	return l.at.gpus
}

// notReady classifies a launch that did not come to be.
func (l *launch) notReady(ctx, bounded context.Context, err error) outcome {
	if out, ok := l.cut(ctx); ok {
		return out
	}
	out := outcome{status: results.EngineFailed, reason: oneLine(err)}
	var le *backends.LaunchError
	switch {
	case errors.As(err, &le):
		out.logTail, out.hint = le.LogTail, le.Hint
		if le.Class == unknownArgument || le.Class == badArgument {
			out.usage = le.Class
		}
		if le.Environment {
			out.status = results.EnvironmentFailed
		}
	case bounded.Err() != nil:
		out.reason = fmt.Sprintf("not ready after %s (limits.load)", l.cell.Limits.Load)
	}
	out.logTail = cmp.Or(out.logTail, logTail(l.logPath()))
	return out
}
