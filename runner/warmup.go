package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments"
	"matrix/results"
	"matrix/runner/load"
)

const (
	warmupInFlight = 64                     // most warm-up requests at once
	warmupTokens   = 32                     // most tokens of a warm-up answer: later ones take time and warm nothing
	stableRounds   = 5                      // most rounds of until_stable
	stableWithin   = 0.05                   // two rounds whose rates differ by less are stable
	settleTime     = 500 * time.Millisecond // for a real engine to come to rest after the warm-up
	deathGrace     = 2 * time.Second        // for requests to notice by themselves that their engine is dead
)

// earlyRow is a warm-up row that waits for its zero.
type earlyRow struct {
	asked asked
	reply backends.Reply
}

// warmUp asks prompts that the measured phase does not have. The first goes alone: its first token ends the load.
func (l *launch) warmUp(ctx context.Context) (out outcome, ok bool) {
	began := time.Now()
	l.salted()
	l.begin("warmup", 0)
	total := max(1, l.cell.Warmup.Requests)
	first := l.warmUpRound(ctx, 0, 1)
	l.loaded(first)
	rate, at := 0.0, 1
	for round := range stableRounds {
		n := total
		if round == 0 {
			n--
		}
		c := l.warmUpRound(ctx, at, at+n)
		at += n
		now := float64(c.done) / max(c.duration(), 1e-9)
		stable := rate > 0 && math.Abs(now-rate) < stableWithin*rate
		if rate = now; stable || !l.cell.Warmup.UntilStable || ctx.Err() != nil {
			break
		}
	}
	l.secondTry(ctx, at)
	if l.cell.Platform.Local() {
		pause(ctx, settleTime)
	}
	l.phase("warmup", time.Since(began))
	if out, cut := l.cut(ctx); cut {
		return out, false
	}
	if out, died := l.died("in the warm-up"); died {
		return out, false
	}
	return l.warmUpFailures()
}

// loaded records load_s: process start → first token of the first request. An attached server was loaded before us. The
// load of a shared one is no cell's: it stands with the server.
func (l *launch) loaded(first counts) {
	if first.firstToken.IsZero() || l.cell.Platform.Attached() || l.engine.Info().Attached || l.spawned.IsZero() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := first.firstToken.Sub(l.spawned).Seconds()
	if l.at.server != nil {
		l.at.server.record.LoadS = &s
		completePhases(l.at.server.record.Phases, s, first.firstToken.Sub(l.ready).Seconds())
		if !l.priming.Load() {
			l.a.learnLoad(l, s)
		}
		return
	}
	l.seg.LoadS = &s
	if l.row.LoadS == nil {
		l.row.LoadS = &s
	}
	completePhases(l.seg.Phases, s, first.firstToken.Sub(l.ready).Seconds())
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

// warmUpRound asks the warm-up requests from ≤ seq < to and returns when all have ended.
func (l *launch) warmUpRound(ctx context.Context, from, to int) counts {
	if from >= to {
		return counts{}
	}
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer l.watchDeath(cancel)()
	book := newLedger(to, func(a asked, r backends.Reply) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.early = append(l.early, earlyRow{a, r})
		return nil
	})
	inFlight := warmupInFlight
	if l.cell.Load.Mode == "closed" {
		inFlight = min(inFlight, l.cell.Load.Concurrency)
	}
	job := load.Job{Shape: &experiments.LoadShape{Mode: "closed", Concurrency: min(inFlight, to-from)}, Abandon: l.a.o.Hard,
		Requests: l.warmUpRequests(from, to), Begin: book.begin, Done: book.end, Dead: l.useless(cancel)}
	err := load.Run(work, l.engine, job)
	book.close(unanswered(work, err))
	c, _ := book.now()
	return c
}

func (l *launch) warmUpRequests(from, to int) iter.Seq[backends.Request] {
	return func(yield func(backends.Request) bool) {
		for seq := from; seq < to; seq++ {
			e, err := l.set.Request(l.cell, true, seq, l.salt())
			if err != nil {
				l.warn("a warm-up request could not be made: " + oneLine(err))
				return
			}
			req := makeRequest(l.cell, seq, e)
			req.MaxTokens = min(req.MaxTokens, max(warmupTokens, l.cell.Generate.MinTokens))
			if !yield(req) {
				return
			}
		}
	}
}

// leastTries is how many warm-up requests must fail before an engine is given up for it.
const leastTries = 3

// secondTry asks some more when all of a short warm-up has failed: one request may fail by itself.
func (l *launch) secondTry(ctx context.Context, at int) {
	if n, failed, _ := l.warmUpEnds(); n == failed && n < leastTries && ctx.Err() == nil && l.isWell() {
		l.warmUpRound(ctx, at, at+leastTries-n)
	}
}

// warmUpEnds is how the warm-up's requests ended.
func (l *launch) warmUpEnds() (n, failed int, ends map[string]*end) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ends = map[string]*end{}
	for _, e := range l.early {
		if r := e.reply; r.Status != backends.OK {
			failed++
			book(ends, cmp.Or(r.ErrorClass, string(r.Status)), r.Error)
		}
	}
	return len(l.early), failed, ends
}

// warmUpFailures ends a launch whose warm-up failed whole: the measured phase would be as useless, and take longer.
func (l *launch) warmUpFailures() (out outcome, ok bool) {
	n, failed, ends := l.warmUpEnds()
	if failed == 0 {
		return outcome{}, true
	}
	worst := (&ledger{ends: ends}).worst()
	if failed == n {
		return useless("warm-up requests", int64(n), worst, logTail(l.logPath())), false
	}
	l.warn(fmt.Sprintf("%d of %d warm-up requests failed (%s: %s)", failed, n, worst.class, worst.text))
	return outcome{}, true
}

// useless notes that the engine was found dead by its answers, and cuts off what is in flight.
func (l *launch) useless(cancel context.CancelCauseFunc) func(error) {
	return func(why error) {
		l.mu.Lock()
		l.unwell = why
		l.mu.Unlock()
		select {
		case <-l.engine.Done(): // watchDeath gives what is in flight its time
		default:
			cancel(errDied)
		}
	}
}

func (l *launch) isWell() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unwell == nil
}

// watchDeath cuts off what is in flight when the engine has died and its requests do not notice. The returned function
// ends the watch.
func (l *launch) watchDeath(cancel context.CancelCauseFunc) func() {
	over := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-over:
			return
		case <-l.engine.Done():
		}
		t := time.NewTimer(deathGrace)
		defer t.Stop()
		select {
		case <-over:
		case <-t.C:
			cancel(errDied)
		}
	}()
	return func() { close(over); <-ended }
}

// died reports an engine that is no more, or of no more use, though nobody stopped it.
func (l *launch) died(when string) (outcome, bool) {
	if l.engine == nil {
		return outcome{}, false
	}
	l.mu.Lock()
	unwell := l.unwell
	l.mu.Unlock()
	ended := false
	select {
	case <-l.engine.Done():
		ended = true
	default:
	}
	if !ended && unwell == nil {
		return outcome{}, false
	}
	out := outcome{status: results.EngineFailed, reason: "engine died " + when, logTail: logTail(l.logPath())}
	switch cause := l.engine.Info().Cause; {
	case ended && errors.Is(cause, process.ErrUnguarded):
		out.status, out.reason = results.EnvironmentFailed, "engine ended "+when+": "+oneLine(cause)
	case ended && cause != nil:
		out.reason += ": " + oneLine(cause)
	case unwell != nil:
		out.reason += ": " + oneLine(unwell)
	}
	return out, true
}
