package launch

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/record"
	"matrix/runner/ledger"
	"matrix/runner/load"
	"matrix/runner/machine"
	"matrix/runner/plan"
)

const (
	warmupInFlight = 64                     // most warm-up requests at once
	warmupTokens   = 32                     // most tokens of a warm-up answer: later ones take time and warm nothing
	stableRounds   = 5                      // most rounds of until_stable
	stableWithin   = 0.05                   // two rounds whose rates differ by less are stable
	settleTime     = 500 * time.Millisecond // for a real engine to come to rest after the warm-up
	leastTries     = 3                      // warm-up requests that must fail before an engine is given up for it
)

// warmup asks prompts that the measured phase does not have.
type warmup struct {
	j   *journal
	e   *engine
	set *dataset.Set
}

// run is the whole warm-up. Its first request goes alone: its first token ends the load.
func (w warmup) run(ctx context.Context) *Outcome {
	began := time.Now()
	w.j.chooseSalt()
	w.j.begin("warmup", 0)
	total := max(1, w.j.cell.Warmup.Requests)
	first := w.round(ctx, 0, 1)
	w.e.loaded(first)
	rate, at := 0.0, 1
	for round := range stableRounds {
		n := total
		if round == 0 {
			n--
		}
		c := w.round(ctx, at, at+n)
		at += n
		now := float64(c.Done) / max(c.Duration(), 1e-9)
		stable := rate > 0 && math.Abs(now-rate) < stableWithin*rate
		if rate = now; stable || !w.j.cell.Warmup.UntilStable || ctx.Err() != nil {
			break
		}
	}
	w.secondTry(ctx, at)
	if w.j.cell.Platform.Local() {
		machine.Pause(ctx, settleTime)
	}
	w.j.phase("warmup", time.Since(began))
	if out := cmp.Or(cut(ctx, w.j.cell), w.e.died("in the warm-up")); out != nil {
		return out
	}
	return w.useless()
}

// round asks the warm-up requests from ≤ seq < to and returns when all have ended.
// The load is closed whatever the cell's mode is.
func (w warmup) round(ctx context.Context, from, to int) ledger.Counts {
	if from >= to {
		return ledger.Counts{}
	}
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer w.e.watchDeath(cancel)()
	book := ledger.New(to, func(a ledger.PendingRequest, r backends.Reply) error {
		w.j.mu.Lock()
		defer w.j.mu.Unlock()
		w.j.early = append(w.j.early, earlyRow{a, r})
		return nil
	})
	inFlight := warmupInFlight
	if w.j.cell.Load.Mode == "closed" {
		inFlight = min(inFlight, w.j.cell.Load.Concurrency)
	}
	job := load.Job{Shape: &cell.Load{Mode: "closed", Concurrency: min(inFlight, to-from)}, Abandon: w.j.site.Hard,
		Requests: w.requests(from, to), Begin: book.Begin, Done: book.End, Dead: w.e.noteUseless(cancel)}
	err := load.Run(work, w.e.running, job)
	book.Close(unanswered(work, err))
	c, _ := book.Now()
	return c
}

// requests are warm-up requests from … to−1: prompts like the measured ones, answered with a few tokens.
func (w warmup) requests(from, to int) iter.Seq[backends.Request] {
	return func(yield func(backends.Request) bool) {
		for seq := from; seq < to; seq++ {
			e, err := w.set.Request(w.j.cell, true, seq, w.j.salt())
			if err != nil {
				w.j.warn("a warm-up request could not be made: " + plan.OneLine(err))
				return
			}
			req := makeRequest(w.j.cell, seq, e)
			req.MaxTokens = min(req.MaxTokens, max(warmupTokens, w.j.cell.Generate.MinTokens))
			if !yield(req) {
				return
			}
		}
	}
}

// secondTry asks some more when all of a short warm-up has failed: one request may fail by itself.
func (w warmup) secondTry(ctx context.Context, at int) {
	if n, failed := w.failures(); n == failed.Sum() && n < leastTries && ctx.Err() == nil && w.e.isWell() {
		w.round(ctx, at, at+leastTries-n)
	}
}

// failures counts the warm-up's requests, and how they failed.
func (w warmup) failures() (n int, failed ledger.Failures) {
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	failed = ledger.Failures{}
	for _, row := range w.j.early {
		if r := row.reply; r.Status != backends.OK {
			failed.Book(cmp.Or(r.ErrorClass, string(r.Status)), r.Error)
		}
	}
	return len(w.j.early), failed
}

// useless ends a launch whose warm-up failed whole: the measured phase would be as useless, and take longer.
func (w warmup) useless() *Outcome {
	n, failed := w.failures()
	worst := failed.Worst()
	switch {
	case worst == nil:
		return nil
	case failed.Sum() == n:
		out := useless("warm-up requests", int64(n), worst, process.Tail(w.j.logPath(), logTailLines))
		if turnedAway(worst.Class) && w.e.running.Info().Attached {
			out.Status, out.Hint = record.EnvironmentFailed, "the server turns requests away: it is loading still, or at its limit for this key. Apply again when it answers"
		}
		return out
	}
	w.j.warn(fmt.Sprintf("%d of %d warm-up requests failed (%s: %s)", failed.Sum(), n, worst.Class, worst.Text))
	return nil
}
