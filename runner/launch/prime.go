package launch

import (
	"cmp"
	"context"
	"time"

	"matrix/results/record"
	"matrix/runner/events"
)

// primedText is said of every priming.
const primedText = "an unmeasured start, so that those that count find what it compiled"

// prime starts the cell's engine once without measuring, where nothing of its kind was started before. What goes wrong now
// would go wrong in the launch, so it ends.
func (l *launch) prime(ctx context.Context) (out *Outcome) {
	j := l.j
	key := j.site.Primings.of[j.item]
	if !j.site.Primings.claim(ctx, key) {
		return nil
	}
	defer func() { j.site.Primings.release(key, out == nil) }()
	began := time.Now()
	j.emit(events.Event{Kind: events.LaunchPhase, Phase: "prime", Message: primedText})
	own, telemetry := j.server, j.samples
	// A server of its own, which no attempt is measured on: its folder has log and phases, the record of a first start.
	put := func(server *Server, samples *samples) { // present may be looking
		j.mu.Lock()
		defer j.mu.Unlock()
		j.server, j.samples = server, samples
	}
	put(&Server{}, &samples{})
	if err := j.server.begin(j); err != nil {
		put(own, telemetry)
		return environment(err)
	}
	j.server.record.Primed = true
	j.priming.Store(true)
	out = l.unmeasured(ctx)
	j.priming.Store(false)
	took := max(time.Since(began), time.Nanosecond)
	put(own, telemetry)
	j.mu.Lock()
	j.early = nil
	if out == nil {
		j.seg.Phases["prime"] = took.Seconds()
	}
	j.mu.Unlock()
	switch {
	case out == nil:
		j.emit(events.Event{Kind: events.LaunchPhase, Phase: "prime", Took: took})
	case out.Status == record.EngineFailed:
		out.Reason += " (in the unmeasured start, isolation.prime)"
	}
	return out
}

// unmeasured is a whole life of an engine: drain → start → one request → stop.
func (l *launch) unmeasured(ctx context.Context) *Outcome {
	e := &engine{j: l.j}
	out := e.drain(ctx)
	if out == nil {
		out = e.load(ctx)
	}
	if out == nil {
		e.loaded(warmup{l.j, e, l.set}.round(ctx, 0, 1))
		out = cmp.Or(cut(ctx, l.j.cell), e.died("at its first request"))
	}
	if e.running != nil {
		e.stop(ctx)
	} else {
		l.j.server.ended(l.j, "it did not come to be ready")
	}
	return cmp.Or(cut(ctx, l.j.cell), out)
}
