package queueing

import (
	"context"
	"sync"
	"time"
)

// scheduler drives a queue by the clock and shares it among the server's handlers.
type scheduler struct {
	mu    sync.Mutex    // guards queue
	queue *queue        // stands at the time of the last look
	began time.Time     // 0 on the queue's clock
	kick  chan struct{} // something was added or canceled
}

func newScheduler(o Options) *scheduler {
	return &scheduler{queue: newQueue(o), began: time.Now(), kick: make(chan struct{}, 1)}
}

// submit queues a sequence.
func (s *scheduler) submit(seq *sequence) {
	s.mu.Lock()
	s.queue.advance(time.Since(s.began))
	s.queue.add(seq)
	s.mu.Unlock()
	s.wake()
}

// cancel takes a sequence out; one that has ended stays ended.
func (s *scheduler) cancel(seq *sequence) {
	s.mu.Lock()
	s.queue.advance(time.Since(s.began))
	s.queue.cancel(seq)
	s.mu.Unlock()
	s.wake()
}

// snapshot moves the queue to the present first: the scheduler itself looks only when something is due.
func (s *scheduler) snapshot() snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.advance(time.Since(s.began))
	return s.queue.snapshot()
}

// wake never waits: one kick that is pending is enough for any number of changes.
func (s *scheduler) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// run lets the queue's time pass until ctx ends.
func (s *scheduler) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(s.step())
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		case <-timer.C:
		}
	}
}

// step does what is due and says how long nothing will be.
func (s *scheduler) step() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.advance(time.Since(s.began))
	streaming := s.queue.stream()
	wait := time.Hour
	if at, ok := s.queue.next(); ok {
		wait = at - s.queue.now
	}
	if streaming > 0 {
		wait = min(wait, pace(streaming, s.queue.rate()))
	}
	return max(wait, 50*time.Microsecond)
}

// pace is the time between two rounds of telling streams: that of one token, but never so short that the
// rounds themselves fill a core. Then a chunk holds several tokens, as it does with a real engine under load.
func pace(streaming int, rate float64) time.Duration {
	return max(Seconds(1/rate), time.Millisecond, time.Duration(streaming)*10*time.Microsecond)
}
