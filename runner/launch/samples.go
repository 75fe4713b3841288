package launch

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/telemetry"
)

// samples carries telemetry into the attempt; it keeps what comes before the zero of all times is known.
type samples struct {
	attempt *store.Attempt
	segment int32                           // of the attempt, 1-based
	handed  atomic.Pointer[backends.Engine] // nil until it is loaded

	closing atomic.Bool // the engine is being stopped: its metrics are no longer to be had

	mu       sync.Mutex
	base     time.Time           // zero: not known yet
	waiting  []telemetry.Sample  // in the order of reading, until base is known
	recorder *telemetry.Recorder // nil: none runs
	broken   error               // the first that the store gave
}

// watch starts the recorder, for a launch from its first process to its last; the id is the engine's launch.
func (s *samples) watch(t *cell.Telemetry, gpus []string, id string) {
	if t.Interval <= 0 {
		return
	}
	// Until the backend hands the engine over, its processes are known by the attempt in their environment: the peak of
	// the memory may lie in the load.
	target := telemetry.Target{GPUs: gpus, PIDs: func() []int {
		if e := s.handed.Load(); e != nil {
			return (*e).Info().PIDs
		}
		return process.OfAttempt(id)
	}}
	if t.Metrics {
		target.Metrics = s.metrics
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorder = telemetry.Start(target, t.Interval, s.take)
}

// metrics is where the engine tells its own figures, once it is there.
func (s *samples) metrics() (url, prefix string) {
	e := s.handed.Load()
	if e == nil || s.closing.Load() || backends.Ended(*e) { // its death is told elsewhere
		return "", ""
	}
	info := (*e).Info()
	return info.MetricsURL, cmp.Or(info.MetricsPrefix, info.Engine+":")
}

// letGo reads what the engine tells at the end of the cell. From then on its metrics are not to be had, or another cell's.
func (s *samples) letGo(ctx context.Context) {
	s.mu.Lock()
	r := s.recorder
	s.mu.Unlock()
	if r != nil && ctx.Err() == nil { // ^C does not wait
		r.ReadEngine(ctx)
	}
	s.closing.Store(true)
}

// stop ends the recorder and returns its warnings.
func (s *samples) stop() []string {
	s.mu.Lock()
	r := s.recorder
	s.recorder = nil
	s.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.Stop() // outside the lock: the last sample goes through take
}

// take keeps what comes before the measurement's zero is known, and writes what comes after.
func (s *samples) take(batch []telemetry.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base.IsZero() {
		s.waiting = append(s.waiting, batch...)
		return
	}
	s.write(batch)
}

// early are the readings since a time that wait for the zero of all times; none once it is known. JSON has no word for one that is not finite.
func (s *samples) early(since time.Time) (last []telemetry.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range slices.Backward(s.waiting) {
		if x.At.Before(since) {
			break
		}
		if !math.IsNaN(x.Value) && !math.IsInf(x.Value, 0) {
			last = append(last, x)
		}
	}
	slices.Reverse(last)
	return last
}

// zero sets the beginning of the measured phase and writes what waited for it.
func (s *samples) zero(base time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base.IsZero() {
		s.base = base
		s.write(s.waiting)
		s.waiting = nil
	}
	return s.broken
}

// write is called with the lock held.
func (s *samples) write(batch []telemetry.Sample) {
	rows := make([]record.SampleRow, len(batch))
	for i, x := range batch {
		rows[i] = record.SampleRow{TimeS: x.At.Sub(s.base).Seconds(), UnixS: float64(x.At.UnixNano()) / 1e9,
			Segment: s.segment, Source: x.Source, Metric: x.Metric, Value: x.Value}
	}
	if err := s.attempt.Sample(rows...); err != nil && s.broken == nil {
		s.broken = fmt.Errorf("write telemetry: %w", err)
	}
}

// err is the first error of writing; the recorder goes on all the same.
func (s *samples) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}
