package apply

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/results/record"
	"matrix/runner/events"
	"matrix/runner/runnertest"
)

// chaos is an engine whose requests end in every way, and which may die.
func chaos(r *rand.Rand) *runnertest.Engine {
	e := runnertest.NewEngine()
	e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
		luck := (req.Seq*7919 + int64(req.MaxTokens)) % 13
		reply := runnertest.Healthy(ctx, req)
		reply.Seq = req.Seq + luck%2 // a wrong number is put right
		switch luck {
		case 1:
			reply.Status = backends.Failed
		case 2:
			reply.Status = backends.Truncated
		case 3:
			reply.Status = backends.Rejected
		case 4:
			<-ctx.Done() // hangs
			reply.Status = backends.TimedOut
		case 5:
			reply.Status = backends.Disconnected
		}
		return reply
	}
	if r.IntN(3) == 0 {
		time.AfterFunc(time.Duration(r.IntN(3000))*time.Millisecond, func() { e.Die(errCrash) })
	}
	return e
}

// careless is a batcher that forgets, repeats and invents answers, or gives up.
func careless(r *rand.Rand) *runnertest.Batcher {
	fate := r.IntN(4)
	b := &runnertest.Batcher{Engine: runnertest.NewEngine()}
	b.AnswerAll = func(ctx context.Context, reqs []backends.Request, done func(backends.Reply)) error {
		for i, req := range reqs {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
			switch {
			case i%7 == 3 && len(reqs) > 10:
				continue
			case i%11 == 5:
				done(backends.Reply{Seq: req.Seq + 1000000, Status: backends.OK})
			}
			done(backends.Reply{Seq: req.Seq, Status: backends.OK})
			if i%5 == 2 {
				done(backends.Reply{Seq: req.Seq, Status: backends.Failed})
			}
			if i == 60 && fate == 1 {
				return errors.New("gave up")
			}
			if i == 60 && fate == 2 {
				b.Die(errCrash)
			}
		}
		return nil
	}
	return b
}

// Whatever an engine does, each planned request has exactly one row in the committed attempt.
func TestExactlyOneRow(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			r := newRig(t)
			r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
				if seed%2 == 0 {
					return careless(rnd), nil
				}
				return chaos(rnd), nil
			}
			c := runnertest.Cell("a", 100+int(seed))
			c.Resume = seed%4 < 2
			c.Load.Timeout = time.Second
			c.Load.Concurrency = 1 + rnd.IntN(50)
			c.Limits.MaxErrorRate = []float64{1, 1, 0.3}[rnd.IntN(3)]
			if rnd.IntN(4) == 0 {
				c.Limits.Cell = 2 * time.Second
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if rnd.IntN(3) == 0 {
				time.AfterFunc(time.Duration(rnd.IntN(2000))*time.Millisecond, cancel)
			}
			r.apply(ctx, r.plan(c))
			if len(r.history()) == 0 { // suspended: the next apply goes on
				r.apply(context.Background(), r.plan(c))
			}
			past := r.only()
			if past.Status == record.EnvironmentFailed {
				t.Fatalf("seed %d: %s", seed, past.Reason)
			}
			if r.kinds()[events.CellStart] == 0 {
				return // it ended before the measured phase: nothing was asked, and the manifest says why
			}
			r.rows(past, c.BatchSize)
			if t.Failed() {
				t.Fatalf("seed %d: %s, %s", seed, past.Status, past.Reason)
			}
		})
	}
}
