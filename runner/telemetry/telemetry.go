package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Sample is one reading. Metric carries its unit: rss_bytes, cpu_s, power_w, gpu_util_ratio.
type Sample struct {
	At             time.Time
	Source, Metric string
	Value          float64
}

// Target is what is watched. Both are asked at each sample, so one recorder serves a launch from its first process to its
// last: a counter that began anew with the measured phase could fall.
type Target struct {
	PIDs    func() []int                // roots of the engine's process tree; nil = none
	GPUs    []string                    // UUIDs of those to watch; nil = all
	Metrics func() (url, prefix string) // Prometheus text, "" = none yet; prefix of the metrics to keep, "vllm:"
}

// MinInterval is the shortest time between two samples.
const MinInterval = 100 * time.Millisecond

// Recorder samples a target until it is stopped.
type Recorder struct {
	gpus     []string // UUIDs to watch; nil = all
	cancel   context.CancelFunc
	probes   sync.WaitGroup
	batches  chan []Sample
	finished chan struct{}
	engine   probe      // nil = no metrics of its own
	reading  sync.Mutex // held while engine reads

	mu       sync.Mutex
	warnings []string
}

// probe is one kind of reading. Each has a goroutine of its own, so that a slow one (a scrape of a busy
// server, an NVML call) never delays the others. last is true for the reading at the end.
type probe func(ctx context.Context, last bool) []Sample

// Start samples at once and then every interval (100 ms at least); sink is called from one goroutine.
func Start(t Target, interval time.Duration, sink func([]Sample)) *Recorder {
	interval = max(interval, MinInterval)
	r := newRecorder()
	tree := newTree(t.PIDs)
	probes := []probe{
		r.processProbe(tree, groups{root: cgroupRoot, proc: "/proc"}),
		r.hostProbe(),
	}
	var gpu gpuReader
	if opened, err := openGPU(); err == nil {
		gpu = opened
		r.gpus = t.GPUs
		probes = append(probes, r.gpuProbe(gpu, tree.pids, interval >= 500*time.Millisecond))
	} else {
		r.warn(gpuAbsence(err))
	}
	if t.Metrics != nil {
		r.engine = r.engineProbe(t.Metrics, interval)
		probes = append(probes, func(ctx context.Context, last bool) []Sample {
			r.reading.Lock()
			defer r.reading.Unlock()
			return r.engine(ctx, last)
		})
	}
	r.run(probes, interval, sink, func() {
		if gpu != nil {
			gpu.Close()
		}
	})
	return r
}

// newRecorder has an unbuffered channel: a sink that is slow holds the probes up, and nothing piles up.
func newRecorder() *Recorder {
	return &Recorder{batches: make(chan []Sample), finished: make(chan struct{})}
}

// run starts the probes and the one goroutine that calls sink; after is called once all have ended.
func (r *Recorder) run(probes []probe, interval time.Duration, sink func([]Sample), after func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	for _, p := range probes {
		r.probes.Go(func() { r.repeat(ctx, p, interval) })
	}
	go func() {
		defer close(r.finished)
		for batch := range r.batches {
			sink(batch)
		}
	}()
	go func() {
		r.probes.Wait()
		after()
		close(r.batches)
	}()
}

// lastReading bounds a probe's final reading: an engine that hangs must not hold up its own stop.
const lastReading = 2 * time.Second

// repeat takes readings until ctx ends, and one more then: counters of energy and processor time need their last value.
func (r *Recorder) repeat(ctx context.Context, p probe, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		r.deliver(p(ctx, false))
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReading)
			r.deliver(p(last, true))
			cancel()
			return
		case <-tick.C:
		}
	}
}

// deliver hands a batch to the sink's goroutine; an empty one is none.
func (r *Recorder) deliver(batch []Sample) {
	if len(batch) > 0 {
		r.batches <- batch // the receiver runs until every probe has ended
	}
}

// ReadEngine reads all that the engine tells, before its stop: in two seconds, or not at all. It is called before Stop.
func (r *Recorder) ReadEngine(ctx context.Context) {
	if r.engine == nil || !r.reading.TryLock() { // a reading under way may take minutes
		return
	}
	defer r.reading.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lastReading)
	defer cancel()
	r.deliver(r.engine(ctx, true))
}

// Stop takes a last sample and waits for the goroutines. Warnings says what could not be read, each once.
func (r *Recorder) Stop() (warnings []string) {
	r.cancel()
	<-r.finished
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.warnings)
}

// warn keeps a warning once; an empty one is none.
func (r *Recorder) warn(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text != "" && !slices.Contains(r.warnings, text) {
		r.warnings = append(r.warnings, text)
	}
}

// reading collects the samples of one moment and source.
type reading struct {
	at     time.Time
	source string
	out    []Sample
}

// add is called for what was read alone: what is not known has no sample.
func (s *reading) add(metric string, value float64) {
	s.out = append(s.out, Sample{At: s.at, Source: s.source, Metric: metric, Value: value})
}
