package runner

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"matrix/backends"
	"matrix/results"
	"matrix/runner/telemetry"
)

const (
	closeWithin      = time.Minute            // for an engine to stop in order
	closeInterrupted = 6 * time.Second        // … after ^C: the whole stop has ten seconds
	closeAbandon     = 2 * time.Second        // for Close to return once its context has ended
	closeHard        = 500 * time.Millisecond // … when the user will not wait: the guard ends what is left
)

// stop ends the engine, whatever state it is in, and waits until the machine is free again. A shared one that is well
// is left to the next cell.
func (l *launch) stop(ctx context.Context) {
	s := l.at.server
	switch {
	case l.engine == nil:
		l.recorded(l.samples.stop())
		if s.starting() {
			s.ended(l, "it did not come to be ready")
		}
	case s.alive() && l.isWell() && ctx.Err() == nil:
		l.describe()
		l.samples.closing.Store(true) // another cell's figures come next
		l.recorded(l.samples.stop())
	default:
		l.describe()
		l.stopEngine(ctx)
	}
}

func (l *launch) stopEngine(ctx context.Context) {
	reason := "stopped"
	if died, ok := l.died("by itself"); ok {
		reason = died.reason
	}
	l.begin("stop", closeWithin)
	l.samples.closing.Store(true)
	telemetry.LetGo()
	began := time.Now()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- l.engine.Close(closing) }()
	if err := l.awaitClose(ctx, closing, cancel, ended); err != nil {
		l.warn("the engine did not stop in order: " + oneLine(err))
	}
	l.phase("stop", time.Since(began))
	l.recorded(l.samples.stop())
	l.released(ctx)
	if l.at.server != nil {
		l.at.server.ended(l, reason)
	}
}

// awaitClose shortens the engine's time to stop when the user is waiting.
func (l *launch) awaitClose(ctx, closing context.Context, cancel context.CancelFunc, ended chan error) error {
	hurry := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		t := time.NewTimer(closeInterrupted)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-hurry:
		}
	})()
	defer close(hurry)
	patience := closeAbandon
	select {
	case err := <-ended:
		return err
	case <-l.a.o.Hard:
		cancel()
		patience = closeHard
	case <-closing.Done():
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case err := <-ended:
		return err
	case <-t.C:
		return fmt.Errorf("it was still there %s after it was to be killed", patience)
	}
}

// describe copies what the engine tells of itself; it may know more later than at first.
func (l *launch) describe() {
	info := l.engine.Info()
	for _, text := range info.Warnings {
		l.warn(text)
	}
	if _, batch := l.engine.(backends.Batcher); batch {
		l.mu.Lock()
		l.row.Mode, l.row.Concurrency = "batch", 0
		l.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row.Simulated = l.row.Simulated || info.Simulated
	l.row.Engine = engineRow(info)
}

func engineRow(i backends.Info) results.Engine {
	e := results.Engine{Name: i.Engine, Version: i.Version, Argv: i.Argv, Env: i.Env, Revision: i.Revision, WeightBytes: i.WeightBytes,
		DType: i.DType, Quantization: i.Quantization, Tokenizer: i.Tokenizer, Template: i.Template, KVTokens: i.KVTokens,
		MaxModelLen: i.MaxModelLen, Layers: i.Layers, LayersGPU: i.LayersGPU, SizeBytes: i.SizeBytes, SizeVRAMBytes: i.SizeVRAMBytes}
	if i.Footprint != nil {
		e.FootprintPackages, e.FootprintBytes = &i.Footprint.Packages, &i.Footprint.Bytes
	}
	return e
}

// finish commits the attempt, or leaves it to be resumed. fatal is an error of the store: the attempt is kept as far as
// that still goes, and the apply ends with it.
func (l *launch) finish(out outcome, fatal error) (outcome, error) {
	if err := l.flush(time.Now()); fatal == nil {
		fatal = err
	}
	if fatal == nil {
		fatal = l.samples.err()
	}
	if fatal != nil {
		_ = l.attempt.Abort(fatal, "", l.closed()) // the first error is the one to tell
		return outcome{}, fmt.Errorf("store %s: %w", l.cell.Name(), fatal)
	}
	if l.goesOnLater(out) {
		return l.suspend(out)
	}
	run := l.closed()
	summary, err := l.attempt.Commit(out.status, out.reason, out.logTail, run)
	if err != nil {
		return outcome{}, fmt.Errorf("commit %s: %w", l.cell.Name(), err)
	}
	out.manifest = l.attempt.Manifest()
	l.a.mu.Lock()
	l.a.est.learn(&out.manifest)
	if d, ok := out.manifest.Summary["duration_s"]; ok && out.status == results.Complete {
		l.a.est.measured(l.cell, d)
	}
	l.a.mu.Unlock()
	l.said(out, summary)
	return out, nil
}

// closed is the final run: a segment that never got to its measured phase is left out.
func (l *launch) closed() results.Run {
	run := l.snapshot()
	if run.Neighbours > 0 {
		run.Warnings = append(run.Warnings, fmt.Sprintf("up to %d other launches ran on this machine meanwhile (neighbours)", run.Neighbours))
	}
	if run.Server == "group" {
		run.Warnings = append(run.Warnings, "its server was shared with other cells: it has no load time of its own, and what they left in the server may tell (server_launch)")
	}
	last := &run.Segments[len(run.Segments)-1]
	if last.Reason == "running" {
		last.Reason = "not_measured"
	}
	return run
}

// goesOnLater reports whether the attempt is kept open: it was stopped for no fault of the engine's and has rows that
// need not be measured again.
func (l *launch) goesOnLater(out outcome) bool {
	if out.whole {
		return false
	}
	pending := out.status == results.Interrupted || out.status == results.EnvironmentFailed
	return pending && l.cell.Resume && l.finals.Load() > 0
}

func (l *launch) suspend(out outcome) (outcome, error) {
	if err := l.attempt.Suspend(l.closed()); err != nil {
		return outcome{}, fmt.Errorf("keep %s to be resumed: %w", l.cell.Name(), err)
	}
	// For another try of this apply; the next apply finds it by itself.
	l.a.mu.Lock()
	l.a.left[launchKey{l.item.Identity.Hash, l.number}] = newLeftover(l.attempt)
	l.a.mu.Unlock()
	l.emit(Event{Kind: CellFailed, Status: out.status, Message: out.reason + "; the next apply goes on from here"})
	return out, nil
}

// said tells how the cell ended.
func (l *launch) said(out outcome, s results.Summary) {
	if out.status == results.Complete {
		l.emit(Event{Kind: CellComplete, Status: out.status, Metrics: s.Metrics, Message: strings.Join(s.Warnings, "; ")})
		return
	}
	message := out.reason
	if out.hint != "" {
		message += " (" + strings.TrimSpace(out.hint) + ")"
	}
	l.emit(Event{Kind: CellFailed, Status: cmp.Or(out.status, results.EngineFailed), Message: message, LogTail: out.logTail, Metrics: s.Metrics})
}
