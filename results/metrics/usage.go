package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"gonum.org/v1/gonum/stat/distuv"

	"matrix/results/record"
	"matrix/results/table"
)

// series gathers one (segment, source, metric) in time order.
type series struct {
	window  window
	t, v    float64 // the last reading
	seen    bool
	peak    float64
	delta   float64 // growth of a counter inside the window, its edges interpolated
	area    float64 // ∫ v dt inside the window, by trapezoids
	loaded  float64 // until when the load counts, s; −∞ = not at all
	rise    float64 // growth of a counter in the load
	loadSum float64 // ∫ v dt in the load
	covered float64 // s of the window that readings enclose
	gaps    float64 // scrape_gap_s alone: s of the window without a reading
	slope   regression
}

// add takes the next reading. A counter that falls (a process left the tree) grows by nothing there.
func (s *series) add(t, v float64) {
	if !s.seen {
		s.peak = v
	}
	s.peak = max(s.peak, v)
	if t >= s.window.from && t <= s.window.to {
		s.slope.add(t, v)
	}
	if from, to := max(s.t, s.window.from), min(t, s.window.to); s.seen && to > from && t > s.t {
		at := func(x float64) float64 { return s.v + (v-s.v)*(x-s.t)/(t-s.t) }
		s.delta += max(0, at(to)-at(from))
		s.area += (at(from) + at(to)) / 2 * (to - from)
		s.covered += to - from
	}
	if to := min(t, s.loaded); s.seen && to > s.t {
		at := s.v + (v-s.v)*(to-s.t)/(t-s.t)
		s.rise += max(0, at-s.v)
		s.loadSum += (s.v + at) / 2 * (to - s.t)
	}
	s.t, s.v, s.seen = t, v, true
}

// regression is least squares of v over t, by running means so that large values lose no digits.
type regression struct{ n, t, v, tt, tv, vv float64 }

func (r *regression) add(t, v float64) {
	r.n++
	dt, dv := t-r.t, v-r.v
	r.t += dt / r.n
	r.v += dv / r.n
	r.tt += dt * (t - r.t)
	r.tv += dt * (v - r.v)
	r.vv += dv * (v - r.v)
}

// slope is v per t with the lower end of its 95% interval; false below three readings.
func (r *regression) slope() (slope, low float64, ok bool) {
	if r.n < 3 || r.tt <= 0 {
		return 0, 0, false
	}
	slope = r.tv / r.tt
	residual := max(0, r.vv-slope*r.tv) / (r.n - 2)
	t := distuv.StudentsT{Sigma: 1, Nu: r.n - 2}.Quantile(0.975)
	return slope, slope - t*math.Sqrt(residual/r.tt), true
}

type seriesKey struct {
	segment        int32
	source, metric string
}

// beside is the key that a metric's series of all sources share.
func (k seriesKey) beside() seriesKey { return seriesKey{k.segment, "", k.metric} }

// telemetry is the samples of an attempt, reduced.
type telemetry struct {
	series   map[seriesKey]*series
	vramPeak map[string]float64      // by metric: max over time of the sum over GPUs
	cards    map[seriesKey][]*series // the GPUs' series of one segment and metric, under no source
	loaded   float64                 // until when the load lasted, s; −∞ = not known
}

// mostGap is the share of the measured phase that may lack readings where a peak is told.
const mostGap = 0.1

// record.Metrics of samples.parquet that the summary reads.
const (
	sampleCPU, sampleRSS                = "cpu_s", "rss_bytes"
	samplePower, sampleEnergy           = "power_w", "energy_j"
	sampleUtil, sampleClock             = "gpu_util_ratio", "sm_clock_hz"
	sampleDeviceMemory, sampleOwnMemory = "memory_used_bytes", "process_memory_bytes"
	sourceProcess, sourceGPU            = "process", "nvml:"
	sampleKVUsage                       = "kv_cache_usage_perc" // after the engine's prefix
	sampleHost, sampleThrottle          = "host_cpu_ratio", "throttle_reasons"
	sourceHost                          = "host"
	sampleGap                           = "scrape_gap_s" // for so long the engine's metrics could not be read
)

// Throttles are the bits of NVML's clock event reasons that mean a card is slower than it should be: hardware slowdown,
// thermal slowdown by software and hardware, power brake. Idle, set clocks and the power limit (0x7) are how it was set up.
const Throttles = 0x8 | 0x20 | 0x40 | 0x80

// readTelemetry reduces samples.parquet in one pass: memory is a few numbers a series, whatever the length of the run. Without
// the file there is no reading, and no error: an import has none.
func readTelemetry(path string, windows map[int32]*window, loaded float64) (*telemetry, error) {
	tel := &telemetry{series: map[seriesKey]*series{}, vramPeak: map[string]float64{}, cards: map[seriesKey][]*series{}, loaded: loaded}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return tel, nil
	}
	names := []string{record.ColTime, record.ColSegment, record.ColSource, record.ColMetric, record.ColValue}
	err := table.Scan(path, names, func(b arrow.RecordBatch) error {
		at, value, segment := table.In[*array.Float64](b, record.ColTime), table.In[*array.Float64](b, record.ColValue), table.In[*array.Int32](b, record.ColSegment)
		source, metric := table.In[*array.String](b, record.ColSource), table.In[*array.String](b, record.ColMetric)
		for i := range int(b.NumRows()) {
			key := seriesKey{segment.Value(i), source.Value(i), metric.Value(i)}
			tel.add(key, at.Value(i), value.Value(i), windows)
		}
		return nil
	})
	return tel, err
}

// add takes one reading. Memory is summed over the GPUs at each reading time before the peak is taken: the sum of the cards'
// own peaks was never in use at once.
func (tel *telemetry) add(key seriesKey, at, value float64, windows map[int32]*window) {
	s := tel.series[key]
	if s == nil {
		key.source, key.metric = strings.Clone(key.source), strings.Clone(key.metric)
		s = &series{window: window{math.Inf(1), math.Inf(-1)}, loaded: tel.loaded}
		if w := windows[key.segment]; w != nil {
			s.window = *w
		}
		tel.series[key] = s
		tel.cards[key.beside()] = append(tel.cards[key.beside()], s)
	}
	if key.metric == sampleThrottle { // a share of time is wanted, not the mean of a mask
		value = float64(min(1, int64(value)&Throttles))
	}
	s.add(at, value)
	if key.metric == sampleGap { // at its end
		s.gaps += max(0, min(at, s.window.to)-max(at-value, s.window.from))
	}
	for _, metric := range [...]string{sampleDeviceMemory, sampleOwnMemory} { // not the key's own string: that is in the batch's buffer
		if key.metric == metric {
			tel.vramPeak[metric] = max(tel.vramPeak[metric], tel.held(key))
		}
	}
}

// held is what the GPUs of a segment hold together: the last reading of each. They are read one after the other, 50 ms
// apart on two H200s, so readings of one instant do not exist.
func (tel *telemetry) held(key seriesKey) (sum float64) {
	for _, card := range tel.cards[key.beside()] {
		sum += card.v
	}
	return sum
}

// each calls f for every series of a metric whose source begins so.
func (tel *telemetry) each(source, metric string, f func(*series)) {
	for key, s := range tel.series {
		if key.metric == metric && strings.HasPrefix(key.source, source) {
			f(s)
		}
	}
}

// sum adds a figure up over series and reports the time observed; ok is false when there is none.
func (tel *telemetry) sum(source, metric string, of func(*series) float64) (total, covered float64, ok bool) {
	tel.each(source, metric, func(s *series) {
		if s.covered > 0 {
			total, covered, ok = total+of(s), covered+s.covered, true
		}
	})
	return total, covered, ok
}

// usage is what the machine gave in the measured phase. Energy is the counter of the card where it has one, else the integral
// of its power, which misses what happens between two readings.
func (s *summarizer) usage(path string, t *tally, run record.Run) error {
	tel, err := readTelemetry(path, t.windows, loadedAt(t, run))
	if err != nil {
		return err
	}
	delta := func(x *series) float64 { return x.delta }
	area := func(x *series) float64 { return x.area }
	if cpu, covered, ok := tel.sum(sourceProcess, sampleCPU, delta); ok {
		s.Set(record.MetricCPU, cpu)
		s.Set(record.MetricCPUCores, cpu/covered)
	}
	tel.each(sourceProcess, sampleRSS, func(x *series) { s.Set(record.MetricRSSPeak, max(x.peak, deref(s.value(record.MetricRSSPeak)))) })
	s.rssSlope(tel)
	s.foreign(tel, run)
	for metric, column := range map[string]string{sampleUtil: record.MetricGPUUtil, sampleClock: record.MetricSMClock, sampleThrottle: record.MetricThrottled} {
		if sum, covered, ok := tel.sum(sourceGPU, metric, area); ok {
			s.Set(column, sum/covered)
		}
	}
	energy, _, ok := tel.sum(sourceGPU, sampleEnergy, delta)
	if !ok {
		energy, _, ok = tel.sum(sourceGPU, samplePower, area)
	}
	if ok {
		s.Set(record.MetricEnergy, energy)
		if out := s.value(record.MetricOutputTokens); out != nil && *out > 0 {
			s.Set(record.MetricEnergyPerToken, energy / *out)
		}
	}
	s.loadEnergy(tel)
	s.memory(tel, run)
	return nil
}

// loadedAt is when the load was over, on the clock of the measured phase that it precedes: before the warm-up. −∞ where
// that is not known, or where several segments had a load each.
func loadedAt(t *tally, run record.Run) float64 {
	if run.LoadS == nil || len(t.windows) != 1 {
		return math.Inf(-1)
	}
	return -run.Phases["warmup"]
}

// loadEnergy is what the load took of all GPUs, in joules; null where its end is not known.
func (s *summarizer) loadEnergy(tel *telemetry) {
	if math.IsInf(tel.loaded, -1) {
		return
	}
	counter, integral := 0.0, 0.0
	tel.each(sourceGPU, sampleEnergy, func(x *series) { counter += x.rise })
	tel.each(sourceGPU, samplePower, func(x *series) { integral += x.loadSum })
	if joules := cmp.Or(counter, integral); joules > 0 {
		s.Set(record.MetricLoadEnergy, joules)
	}
}

// rssSlope is known for one segment only: a fresh process begins anew.
func (s *summarizer) rssSlope(tel *telemetry) {
	var found []*series
	tel.each(sourceProcess, sampleRSS, func(x *series) { found = append(found, x) })
	if len(found) != 1 {
		return
	}
	if slope, low, ok := found[0].slope.slope(); ok {
		s.Set(record.MetricRSSSlope, slope)
		s.Set(record.MetricRSSSlopeLow, low)
	}
}

// foreign is what neither the engine nor matrix used of the host's processors while it measured.
func (s *summarizer) foreign(tel *telemetry, run record.Run) {
	busy, covered, ok := tel.sum(sourceHost, sampleHost, func(x *series) float64 { return x.area })
	cores, engine, d := float64(run.Machine.Cores), s.value(record.MetricCPUCores), s.value(record.MetricDuration)
	switch {
	case !ok || cores <= 0 || d == nil || *d <= 0:
	case engine == nil || run.ClientCPUS == nil:
		s.Null(record.MetricForeignCPU, "the CPU time of the engine or of matrix is not known, so that of others is not")
	default:
		s.Set(record.MetricForeignCPU, max(0, busy/covered-(*engine + *run.ClientCPUS / *d)/cores))
	}
}

// memory prefers what the driver books on the engine's own processes: a card may hold a desktop's memory besides. In containers
// the driver often lists none, and then the device's figure is all there is.
func (s *summarizer) memory(tel *telemetry, run record.Run) {
	if peak := cmp.Or(tel.vramPeak[sampleOwnMemory], tel.vramPeak[sampleDeviceMemory]); peak > 0 {
		s.Set(record.MetricVRAMPeak, peak)
	}
	if run.Machine.GPUName != "" && run.Engine.WeightBytes != nil {
		s.Set(record.MetricVRAMWeights, float64(*run.Engine.WeightBytes))
	}
	for key, x := range tel.series {
		if strings.HasSuffix(key.metric, sampleKVUsage) {
			s.Set(record.MetricKVPeak, max(x.peak, deref(s.value(record.MetricKVPeak))))
		}
	}
	for key, x := range tel.series {
		if whole := x.window.to - x.window.from; key.metric == sampleGap && x.gaps > mostGap*whole {
			s.Null(record.MetricKVPeak, fmt.Sprintf("the engine's metrics could not be read for %.0f of %.0f s", x.gaps, whole))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(run.EngineMetrics)) {
		if strings.HasSuffix(name, "num_preemptions_total") || strings.HasSuffix(name, "num_preemptions") {
			s.Set(record.MetricPreemptions, run.EngineMetrics[name])
		}
	}
}

// deref is 0 for unknown, for a maximum of positive figures alone.
func deref(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}
