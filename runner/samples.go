package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/results"
	"matrix/runner/telemetry"
)

// leastInterval is the shortest between two telemetry samples.
const leastInterval = 100 * time.Millisecond

// samples carries telemetry into the attempt; it keeps what comes before the zero of all times is known.
type samples struct {
	attempt *results.Attempt
	segment int32
	handed  atomic.Pointer[backends.Engine] // nil until it is loaded

	closing atomic.Bool // the engine is being stopped: its metrics are no longer to be had

	mu       sync.Mutex
	base     time.Time // zero: not known yet
	early    []telemetry.Sample
	recorder *telemetry.Recorder
	broken   error
}

// watch starts the recorder, for the launch from its first process to its last.
func (s *samples) watch(l *launch) {
	interval := l.cell.Telemetry.Interval
	if interval <= 0 {
		return
	}
	// Until the backend hands the engine over, its processes are known by the attempt in their environment: the peak of
	// the memory may lie in the load.
	attempt := l.launchID()
	target := telemetry.Target{GPUs: l.at.gpus, PIDs: func() []int {
		if e := s.handed.Load(); e != nil {
			return (*e).Info().PIDs
		}
		return process.OfAttempt(attempt)
	}}
	if l.cell.Telemetry.Metrics {
		target.Metrics = s.metrics
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorder = telemetry.Start(target, max(interval, leastInterval), s.take)
}

// metrics is where the engine tells its own figures, once it is there.
func (s *samples) metrics() (url, prefix string) {
	e := s.handed.Load()
	if e == nil || s.closing.Load() {
		return "", ""
	}
	select {
	case <-(*e).Done():
		return "", "" // its death is told elsewhere
	default:
	}
	info := (*e).Info()
	return info.MetricsURL, cmp.Or(info.MetricsPrefix, info.Engine+":")
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

// recorded keeps the recorder's warnings with the run.
func (l *launch) recorded(warnings []string) {
	for _, text := range warnings {
		l.warn(text)
	}
}

func (s *samples) take(batch []telemetry.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base.IsZero() {
		s.early = append(s.early, batch...)
		return
	}
	s.write(batch)
}

// zero sets the beginning of the measured phase and writes what waited for it.
func (s *samples) zero(base time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base.IsZero() {
		s.base = base
		s.write(s.early)
		s.early = nil
	}
	return s.broken
}

// write is called with the lock held.
func (s *samples) write(batch []telemetry.Sample) {
	rows := make([]results.SampleRow, len(batch))
	for i, x := range batch {
		rows[i] = results.SampleRow{TimeS: x.At.Sub(s.base).Seconds(), UnixS: float64(x.At.UnixNano()) / 1e9,
			Segment: s.segment, Source: x.Source, Metric: x.Metric, Value: x.Value}
	}
	if err := s.attempt.Sample(rows...); err != nil && s.broken == nil {
		s.broken = fmt.Errorf("write telemetry: %w", err)
	}
}

func (s *samples) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// scrapeWithin bounds one look at an engine's metrics.
const scrapeWithin = 3 * time.Second

// scrape reads the engine's metrics; nil where it has none or does not answer.
func (l *launch) scrape(ctx context.Context) map[string]float64 {
	url := l.engine.Info().MetricsURL
	if url == "" || !l.cell.Telemetry.Metrics {
		return nil
	}
	select {
	case <-l.engine.Done():
		return nil
	default:
	}
	bounded, cancel := context.WithTimeout(ctx, scrapeWithin)
	defer cancel()
	values, err := telemetry.Scrape(bounded, url)
	if err != nil {
		l.warn("the engine's metrics could not be read: " + oneLine(err))
		return nil
	}
	return values
}

// counter tells by Prometheus's naming whether a metric only grows: of a gauge the difference over a phase says nothing,
// its course stands in the samples.
func counter(name string) bool {
	return strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_count")
}

// segmentKilled is why a segment ended of which only the spool is left.
const segmentKilled = "killed"

// addMetrics keeps what the measured phase added to the engine's counters; over segments it adds up. A sum that lacks
// a killed segment would look like the whole, so there is none.
func (l *launch) addMetrics(before, after map[string]float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := slices.ContainsFunc(l.row.Segments, func(s results.Segment) bool { return s.Reason == segmentKilled })
	if before == nil || after == nil || lost {
		return
	}
	sum := map[string]float64{}
	for name, v := range l.row.EngineMetrics {
		sum[name] = v
	}
	for name, v := range after {
		if counter(name) {
			sum[name] += v - before[name]
		}
	}
	l.row.EngineMetrics = sum
}
