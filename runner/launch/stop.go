package launch

import (
	"context"
	"fmt"
	"time"

	"matrix/backends"
	"matrix/results/record"
	"matrix/runner/plan"
	"matrix/runner/telemetry"
)

const (
	closeWithin      = time.Minute            // for an engine to stop in order
	closeInterrupted = 6 * time.Second        // … after ^C: the whole stop has ten seconds
	closeAbandon     = 2 * time.Second        // for Close to return once its context has ended
	closeHard        = 500 * time.Millisecond // … when the user will not wait: the guard ends what is left
)

// stop ends the engine, whatever state it is in, and waits until the machine is free again.
// Closing has a context of its own: the launch's, which a ^C has ended, would cut it short.
func (e *engine) stop(ctx context.Context) {
	reason := "stopped"
	if died := e.died("by itself"); died != nil {
		reason = died.Reason
	}
	e.j.begin("stop", closeWithin)
	e.j.samples.letGo(ctx)
	telemetry.LetGo()
	began := time.Now()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- e.running.Close(closing) }()
	if err := e.awaitClose(ctx, closing, cancel, ended); err != nil {
		e.j.warn("the engine did not stop in order: " + plan.OneLine(err))
	}
	e.j.phase("stop", time.Since(began))
	e.j.recorded(e.j.samples.stop())
	e.released(ctx)
	if e.j.server != nil {
		e.j.server.ended(e.j, reason)
	}
}

// awaitClose shortens the engine's time to stop when the user is waiting.
func (e *engine) awaitClose(ctx, closing context.Context, cancel context.CancelFunc, ended chan error) error {
	hurry := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After(closeInterrupted):
			cancel()
		case <-hurry:
		}
	})()
	defer close(hurry)
	patience := closeAbandon
	select {
	case err := <-ended:
		return err
	case <-e.j.site.Hard:
		cancel()
		patience = closeHard
	case <-closing.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		return fmt.Errorf("it was still there %s after it was to be killed", patience)
	}
}

// describe copies what the engine tells of itself; it may know more later than at first.
func (e *engine) describe() {
	info := e.running.Info()
	for _, text := range info.Warnings {
		e.j.warn(text)
	}
	e.j.mu.Lock()
	defer e.j.mu.Unlock()
	if _, batch := e.running.(backends.Batcher); batch {
		e.j.row.Mode, e.j.row.Concurrency = "batch", 0
	}
	e.j.row.Simulated = e.j.row.Simulated || info.Simulated
	e.j.row.Engine = engineRow(info)
}

// engineRow is what the engine said of itself, as run.parquet has it.
func engineRow(i backends.Info) record.Engine {
	e := record.Engine{Name: i.Engine, Version: i.Version, Argv: i.Argv, Env: i.Env, Revision: i.Revision, WeightBytes: i.WeightBytes,
		DType: i.DType, Quantization: i.Quantization, Tokenizer: i.Tokenizer, Template: i.Template, KVTokens: i.KVTokens,
		MaxModelLen: i.MaxModelLen, Layers: i.Layers, LayersGPU: i.LayersGPU, SizeBytes: i.SizeBytes, SizeVRAMBytes: i.SizeVRAMBytes}
	if i.Footprint != nil {
		e.FootprintPackages, e.FootprintBytes = &i.Footprint.Packages, &i.Footprint.Bytes
	}
	return e
}
