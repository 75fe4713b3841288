package load

import (
	"context"
	"iter"
	"sync"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
)

// Job is one stretch of load.
type Job struct {
	Shape    *cell.Load                 // its Mode decides how the rest is used; a Batcher is handed all in any mode
	Arrivals iter.Seq[time.Duration]    // open loads: when each request is due; nil elsewhere
	Requests iter.Seq[backends.Request] // drawn as they are sent, by one goroutine at a time
	Stop     <-chan struct{}            // closed: nothing more is admitted; nil = never
	Abandon  <-chan struct{}            // closed: what is in flight is given up without grace; nil = never

	// Begin is called before a request is handed over, Done when it has ended: once for each Begin, but for a
	// Batcher, which may leave requests unanswered. Both may be called concurrently. A zero scheduled time means
	// that the shape has no schedule.
	Begin func(req backends.Request, scheduled time.Time)
	Done  func(backends.Reply)
	// Dead is called once when the engine is found dead or unwell by its answers; nothing more is admitted then. nil = nobody
	// wants to know.
	Dead func(why error)
}

// Stop is why the requests in flight were cut off; as the cause of a canceled context it decides what their rows say.
type Stop struct {
	Status backends.Status
	Class  string // error_class of the rows
	Text   string // one line
}

// Error makes it a cancellation's cause.
func (s *Stop) Error() string { return s.Text }

// Run offers the job's requests until there are none, admission stops or the engine dies, then waits for those in
// flight. Canceling ctx cuts these off. The error is the Batcher's own; served engines say everything in the replies.
func Run(ctx context.Context, e backends.Engine, j Job) error {
	admit, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &runner{ctx: ctx, admit: admit, engine: e, job: j, doubt: &doubt{engine: e}}
	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-j.Stop:
		case <-e.Done():
		case <-over:
		}
		cancel()
	})
	defer watch.Wait()
	defer close(over)
	if b, ok := e.(backends.Batcher); ok {
		return r.handOver(b)
	}
	switch j.Shape.Mode {
	case "open":
		r.open()
	case "closed":
		r.closed()
	default: // batch
		r.batch()
	}
	r.flights.Wait()
	if r.doubt.left() { // who dies with the last request is dead all the same
		if dead := r.doubt.verdict(ctx); dead != nil {
			r.died(dead)
		}
	}
	return nil
}

// runner is one Run.
type runner struct {
	ctx    context.Context // ends what is in flight
	admit  context.Context // ends admission
	engine backends.Engine
	job    Job
	doubt  *doubt

	mourned sync.Once
	flights sync.WaitGroup
}

// over reports that nothing more is admitted. The engine is asked itself: a worker may know of its death before the watch
// has canceled admit.
func (r *runner) over() bool {
	select {
	case <-r.engine.Done():
		return true
	default:
		return r.admit.Err() != nil
	}
}

// batch puts everything in flight at once; only the batch bounds it.
func (r *runner) batch() {
	for req := range r.job.Requests {
		if !r.doubt.settled() || r.over() {
			return
		}
		r.flights.Go(func() { r.ask(req, time.Time{}) })
	}
}

// closed keeps a fixed number in flight: each worker asks the next request when its last has ended. Workers, and not
// a semaphore before one goroutine a request: the number of goroutines then stays the concurrency.
func (r *runner) closed() {
	next, stop := iter.Pull(r.job.Requests)
	var turn sync.Mutex
	take := func() (backends.Request, bool) {
		if !r.doubt.settled() { // outside of the turn: the others wait for the same verdict
			return backends.Request{}, false
		}
		turn.Lock()
		defer turn.Unlock()
		if r.over() {
			return backends.Request{}, false
		}
		return next()
	}
	began := time.Now()
	for i := range max(1, r.job.Shape.Concurrency) {
		r.flights.Go(func() {
			if !sleepUntil(r.admit, began.Add(RampDelay(i, r.job.Shape.Concurrency, r.job.Shape.Ramp))) {
				return
			}
			for req, ok := take(); ok; req, ok = take() {
				r.ask(req, time.Time{})
			}
		})
	}
	r.flights.Wait()
	stop()
}

// open sends each request when it is due, whatever the engine does with the ones before.
func (r *runner) open() {
	next, stop := iter.Pull(r.job.Requests)
	defer stop()
	pace := newPacer()
	defer pace.close()
	began := time.Now()
	for offset := range r.job.Arrivals {
		due := began.Add(offset)
		if !pace.until(r.admit, due) {
			return
		}
		if !r.doubt.settled() || r.over() {
			return
		}
		req, ok := next()
		if !ok {
			return
		}
		r.flights.Go(func() { r.ask(req, due) })
	}
}

// RampDelay is when worker i of n begins, so that the concurrency is reached evenly over the ramp.
func RampDelay(i, n int, ramp time.Duration) time.Duration {
	if ramp <= 0 || n <= 1 {
		return 0
	}
	return time.Duration(float64(ramp) * float64(i) / float64(n))
}

// sleepUntil waits for a moment and reports whether it came before ctx ended.
func sleepUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(wait):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
