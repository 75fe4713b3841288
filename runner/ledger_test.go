package runner

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/results"
)

func TestLedgerDropsWhatIsTooMuch(t *testing.T) {
	rows := map[int64]int{}
	b := newLedger(3, func(_ asked, r backends.Reply) error { rows[r.Seq]++; return nil })
	b.begin(backends.Request{Seq: 0}, time.Time{})
	b.begin(backends.Request{Seq: 1}, time.Time{})
	b.end(backends.Reply{Seq: 0, Status: backends.OK, Text: "a", OutputTokens: new(int64)})
	b.end(backends.Reply{Seq: 0, Status: backends.OK, Text: "a", OutputTokens: new(int64)})  // twice
	b.end(backends.Reply{Seq: 99, Status: backends.OK, Text: "a", OutputTokens: new(int64)}) // never asked
	b.close(backends.Reply{Status: backends.Disconnected})
	b.end(backends.Reply{Seq: 1, Status: backends.OK, Text: "a", OutputTokens: new(int64)}) // too late
	b.notSent(asked{}, 2, "x", "y")
	b.notSent(asked{}, 1, "x", "y") // has its row
	for seq := range int64(3) {
		if rows[seq] != 1 {
			t.Errorf("request %d has %d rows, want 1", seq, rows[seq])
		}
	}
	if len(rows) != 3 || len(b.warnings()) != 3 {
		t.Errorf("%d rows and warnings %q, want 3 and 3", len(rows), b.warnings())
	}
}

func TestLedgerTellsTheFirstWriteError(t *testing.T) {
	full := errors.New("no space left on device")
	b := newLedger(2, func(asked, backends.Reply) error { return full })
	told := 0
	b.fatal = func(err error) {
		told++
		if !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	}
	for seq := range int64(2) {
		b.begin(backends.Request{Seq: seq}, time.Time{})
		b.end(backends.Reply{Seq: seq})
	}
	if told != 1 || !errors.Is(b.err(), full) {
		t.Errorf("told %d times, kept %v", told, b.err())
	}
}

func TestTripped(t *testing.T) {
	tests := []struct {
		done, failed, inFlight, planned int64
		limit                           float64
		want                            bool
	}{
		{1000, 1000, 0, 1000, 1, false}, // 1 = never give up
		{10, 5, 4, 1000, 0.1, false},    // too early to tell
		{50, 6, 4, 1000, 0.1, true},
		{50, 5, 4, 1000, 0.1, false},
		{60, 60, 940, 1000, 0.5, false}, // all in flight: refusals end at once, answers take minutes
		{12, 11, 4, 100, 0.1, true},     // over the limit whatever comes
		{1, 1, 4, 100, 0, true},
	}
	for _, tt := range tests {
		if got := tripped(counts{done: tt.done, failed: tt.failed}, tt.inFlight, 0, tt.planned, tt.limit); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// chaos is an engine whose requests end in every way, and which may die.
func chaos(r *rand.Rand) *fakeEngine {
	e := newFakeEngine()
	e.answer = func(ctx context.Context, req backends.Request) backends.Reply {
		luck := (req.Seq*7919 + int64(req.MaxTokens)) % 13
		reply := healthy(ctx, req)
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
		time.AfterFunc(time.Duration(r.IntN(3000))*time.Millisecond, func() { e.die(errCrash) })
	}
	return e
}

// careless is a batcher that forgets, repeats and invents answers, or gives up.
func careless(r *rand.Rand) *fakeBatcher {
	fate := r.IntN(4)
	b := &fakeBatcher{fakeEngine: newFakeEngine()}
	b.answerAll = func(ctx context.Context, reqs []backends.Request, done func(backends.Reply)) error {
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
				b.die(errCrash)
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
			r.backend.launch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
				if seed%2 == 0 {
					return careless(rnd), nil
				}
				return chaos(rnd), nil
			}
			c := testCell("a", 100+int(seed))
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
			if past.Status == results.EnvironmentFailed {
				t.Fatalf("seed %d: %s", seed, past.Reason)
			}
			if r.kinds()[CellStart] == 0 {
				return // it ended before the measured phase: nothing was asked, and the manifest says why
			}
			r.rows(past, c.BatchSize)
			if t.Failed() {
				t.Fatalf("seed %d: %s, %s", seed, past.Status, past.Reason)
			}
		})
	}
}

// An answer without text, or without a count, counts as ok and is said: an engine that says nothing is fast.
func TestLedgerTellsOfAnswersThatSayNothing(t *testing.T) {
	b := newLedger(4, func(asked, backends.Reply) error { return nil })
	tokens := int64(8)
	for seq, r := range []backends.Reply{
		{Status: backends.OK, Text: "a", OutputTokens: &tokens}, {Status: backends.OK, OutputTokens: &tokens},
		{Status: backends.OK, Text: "a"}, {Status: backends.TimedOut},
	} {
		r.Seq = int64(seq)
		b.begin(backends.Request{Seq: r.Seq}, time.Time{})
		b.end(r)
	}
	if got := strings.Join(b.warnings(), "; "); strings.Count(got, "1 answers") != 2 || !strings.Contains(got, "have no text") || !strings.Contains(got, "without a count") {
		t.Errorf("warnings: %s", got)
	}
}
