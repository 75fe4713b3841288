package queueing

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// queueOf has round rates: a prompt token takes 1 ms, an output token 10 ms.
func queueOf(change func(*Options)) *queue {
	o := Defaults()
	o.Slots, o.PrefillTokensPerS, o.DecodeTokensPerS, o.KVTokens = 2, 1000, 100, 0
	if change != nil {
		change(&o)
	}
	return newQueue(o)
}

func seqOf(prompt, output int64) *sequence { return &sequence{prompt: prompt, output: output} }

// near allows for the rounding of the clock.
func near(got, want time.Duration) bool { return (got - want).Abs() < 10*time.Microsecond }

func TestQueueTimesOneSequence(t *testing.T) {
	q := queueOf(nil)
	s := seqOf(100, 11)
	q.advance(time.Second)
	q.add(s)
	q.advance(time.Minute)
	if !near(s.admitted, time.Second) || !near(s.first, 1100*time.Millisecond) || !near(s.last, 1200*time.Millisecond) {
		t.Errorf("admitted %v, first %v, last %v", s.admitted, s.first, s.last)
	}
	if !s.ended.Load() || s.produced.Load() != 11 || q.kv != 0 || q.running() != 0 {
		t.Errorf("ended %v, produced %d, kv %d, running %d", s.ended.Load(), s.produced.Load(), q.kv, q.running())
	}
}

func TestQueueWaits(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Options)
		output int64
		firsts [3]time.Duration
		lasts  [3]time.Duration
	}{
		// The prefill pipe is shared: the second first token comes 100 ms after the first one.
		"for a slot": {nil, 101,
			[3]time.Duration{100, 200, 1200}, [3]time.Duration{1100, 1200, 2200}},
		"for the pipe alone": {func(o *Options) { o.Slots = 3 }, 101,
			[3]time.Duration{100, 200, 300}, [3]time.Duration{1100, 1200, 1300}},
		"for KV room": {func(o *Options) { o.Slots, o.KVTokens = 3, 250 }, 101,
			[3]time.Duration{100, 1200, 2300}, [3]time.Duration{1100, 2200, 3300}},
		"nothing": {func(o *Options) { o.PrefillTokensPerS = 1e9; o.Slots = 3 }, 101,
			[3]time.Duration{0, 0, 0}, [3]time.Duration{1000, 1000, 1000}},
		// Together they make 100 tokens/s, each a third of it.
		"for the others' tokens": {func(o *Options) { o.PrefillTokensPerS = 1e9; o.Slots = 3; o.DecodeTotalTokensPerS = 100 }, 101,
			[3]time.Duration{0, 0, 0}, [3]time.Duration{3000, 3000, 3000}},
		"one token each": {nil, 1,
			[3]time.Duration{100, 200, 300}, [3]time.Duration{100, 200, 300}},
	} {
		q := queueOf(tt.change)
		all := []*sequence{seqOf(100, tt.output), seqOf(100, tt.output), seqOf(100, tt.output)}
		for _, s := range all {
			q.add(s)
		}
		q.advance(time.Hour)
		for i, s := range all {
			if !near(s.first, tt.firsts[i]*time.Millisecond) || !near(s.last, tt.lasts[i]*time.Millisecond) {
				t.Errorf("waiting %s: sequence %d first %v last %v, want %d and %d ms", name, i, s.first, s.last, tt.firsts[i], tt.lasts[i])
			}
		}
	}
}

func TestQueueCancels(t *testing.T) {
	q := queueOf(func(o *Options) { o.Slots = 2; o.KVTokens = 1000 })
	decodes, fills, waits, next := seqOf(10, 400), seqOf(300, 10), seqOf(10, 10), seqOf(10, 10)
	for _, s := range []*sequence{decodes, fills, waits, next} {
		q.add(s)
	}
	q.advance(50 * time.Millisecond)
	if decodes.state != decoding || fills.state != filling || waits.state != waiting || q.stats.waiting != 2 {
		t.Fatalf("states %d %d %d, %d waiting", decodes.state, fills.state, waits.state, q.stats.waiting)
	}
	q.cancel(waits)
	q.cancel(decodes)
	q.cancel(fills)
	q.cancel(fills) // twice changes nothing
	if q.stats.aborted != 3 || q.stats.waiting != 0 || q.kv != next.need() || q.running() != 1 {
		t.Errorf("aborted %d, waiting %d, kv %d, running %d", q.stats.aborted, q.stats.waiting, q.kv, q.running())
	}
	q.advance(time.Hour)
	if !next.ended.Load() || waits.ended.Load() || q.kv != 0 {
		t.Errorf("next ended %v, canceled one ended %v, kv %d", next.ended.Load(), waits.ended.Load(), q.kv)
	}
	q.cancel(next)
	if q.stats.aborted != 3 {
		t.Error("a sequence that has ended was canceled")
	}
}

// TestQueueHoldsItsLimits drives many random sequences through in random steps.
func TestQueueHoldsItsLimits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	q := queueOf(func(o *Options) { o.Slots, o.KVTokens, o.DecodeTotalTokensPerS = 5, 700, 300 })
	var all []*sequence
	for step := range 5000 {
		if step < 4000 {
			s := seqOf(1+random.Int64N(200), 1+random.Int64N(100))
			s.stream = true
			q.add(s)
			all = append(all, s)
		}
		if random.IntN(10) == 0 {
			q.cancel(all[random.IntN(len(all))])
		}
		q.advance(q.now + time.Duration(random.Int64N(int64(200*time.Millisecond))))
		q.stream()
		if q.running() > 5 || q.kv > 700 || q.kv < 0 || q.stats.waiting < 0 {
			t.Fatalf("step %d: running %d, kv %d, waiting %d", step, q.running(), q.kv, q.stats.waiting)
		}
	}
	q.advance(q.now + 100*time.Hour)
	ended, aborted := int64(0), int64(0)
	for i, s := range all {
		switch {
		case s.ended.Load():
			ended++
			if s.arrived > s.admitted || s.admitted > s.first || s.first > s.last || s.produced.Load() != s.output {
				t.Fatalf("sequence %d: %v %v %v %v, %d of %d", i, s.arrived, s.admitted, s.first, s.last, s.produced.Load(), s.output)
			}
		case s.state == over:
			aborted++
		default:
			t.Fatalf("sequence %d never ended", i)
		}
	}
	if ended != q.stats.stopped || aborted != q.stats.aborted || q.kv != 0 || len(q.waiting) != 0 {
		t.Errorf("%d ended of %d, %d aborted of %d, kv %d, %d in line", ended, q.stats.stopped, aborted, q.stats.aborted, q.kv, len(q.waiting))
	}
}

// TestQueueForgets shows that a queue which is never empty does not keep what has passed through it.
func TestQueueForgets(t *testing.T) {
	q := queueOf(nil)
	for range 200_000 {
		q.add(seqOf(1, 1))
		if q.stats.waiting > 100 {
			at, _ := q.next()
			q.advance(at)
		}
	}
	if cap(q.waiting) > 4096 {
		t.Errorf("the line of %d waiting takes room for %d", q.stats.waiting, cap(q.waiting))
	}
}

func TestSchedulerStreamsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o := Defaults()
		o.Slots, o.PrefillTokensPerS, o.DecodeTokensPerS = 1, 1000, 100
		s := newScheduler(o)
		go s.run(ctx)
		type told struct {
			at   time.Duration
			made int64
		}
		var heard []told
		seq := &sequence{prompt: 100, output: 5, stream: true}
		began := time.Now()
		end := make(chan struct{})
		seq.notify = func() {
			heard = append(heard, told{time.Since(began), seq.produced.Load()})
			if seq.ended.Load() {
				close(end)
			}
		}
		s.submit(seq)
		<-end
		if len(heard) != 5 {
			t.Fatalf("heard %v, want five tokens one by one", heard)
		}
		for i, h := range heard {
			want := time.Duration(100+10*i) * time.Millisecond
			if h.made != int64(i+1) || h.at < want-time.Millisecond || h.at > want+11*time.Millisecond {
				t.Errorf("token %d: %+v, want it at %v", i+1, h, want)
			}
		}
		if snap := s.snapshot(); snap.capped+snap.stopped != 1 || snap.outputTokens != 5 || snap.promptTokens != 100 {
			t.Errorf("%+v", snap.stats)
		}
	})
}

func TestSchedulerSleepsWhenIdle(t *testing.T) {
	s := newScheduler(Defaults())
	if wait := s.step(); wait < time.Minute {
		t.Errorf("an idle scheduler wakes after %v", wait)
	}
}

func TestPaceSparesTheCore(t *testing.T) {
	if got := pace(1, 50); got != 20*time.Millisecond {
		t.Errorf("one slow stream: %v, want a round per token", got)
	}
	if got := pace(5000, 50); got != 50*time.Millisecond {
		t.Errorf("5,000 streams: %v, want 10 µs a stream", got)
	}
	if got := pace(1, 1e6); got != time.Millisecond {
		t.Errorf("one fast stream: %v, want 1 ms", got)
	}
}
