package results

import (
	"cmp"
	"errors"
	"math"
	"os"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// series gathers one (segment, source, metric) in time order.
type series struct {
	window  window
	t, v    float64 // the last reading
	seen    bool
	peak    float64
	delta   float64 // growth of a counter inside the window, its edges interpolated
	area    float64 // ∫ v dt inside the window, by trapezoids
	covered float64 // s of the window that readings enclose
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
	s.t, s.v, s.seen = t, v, true
}

// regression is least squares of v over t, by running means so that large values lose no digits.
type regression struct{ n, t, v, tt, tv float64 }

func (r *regression) add(t, v float64) {
	r.n++
	dt := t - r.t
	r.t += dt / r.n
	r.v += (v - r.v) / r.n
	r.tt += dt * (t - r.t)
	r.tv += dt * (v - r.v)
}

type seriesKey struct {
	segment        int32
	source, metric string
}

// telemetry is the samples of an attempt, reduced.
type telemetry struct {
	series   map[seriesKey]*series
	vramPeak map[string]float64 // by metric: max over time of the sum over GPUs
	now      map[string]float64 // sums at the current reading time
	at       float64
}

// Metrics of samples.parquet that the summary reads.
const (
	sampleCPU, sampleRSS                = "cpu_s", "rss_bytes"
	samplePower, sampleEnergy           = "power_w", "energy_j"
	sampleUtil, sampleClock             = "gpu_util_ratio", "sm_clock_hz"
	sampleDeviceMemory, sampleOwnMemory = "memory_used_bytes", "process_memory_bytes"
	sourceProcess, sourceGPU            = "process", "nvml:"
	sampleKVUsage                       = "kv_cache_usage_perc" // after the engine's prefix
)

func readTelemetry(path string, windows map[int32]*window) (*telemetry, error) {
	tel := &telemetry{series: map[seriesKey]*series{}, vramPeak: map[string]float64{},
		now: map[string]float64{}, at: math.Inf(-1)}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return tel, nil
	}
	names := []string{"time_s", colSegment, "source", "metric", "value"}
	err := scan(path, names, func(b arrow.RecordBatch) error {
		at, value, segment := named[*array.Float64](b, "time_s"), named[*array.Float64](b, "value"), named[*array.Int32](b, colSegment)
		source, metric := named[*array.String](b, "source"), named[*array.String](b, "metric")
		for i := range int(b.NumRows()) {
			key := seriesKey{segment.Value(i), source.Value(i), metric.Value(i)}
			tel.add(key, at.Value(i), value.Value(i), windows)
		}
		return nil
	})
	tel.settle()
	return tel, err
}

func (tel *telemetry) add(key seriesKey, at, value float64, windows map[int32]*window) {
	s := tel.series[key]
	if s == nil {
		key.source, key.metric = strings.Clone(key.source), strings.Clone(key.metric)
		s = &series{window: window{math.Inf(1), math.Inf(-1)}}
		if w := windows[key.segment]; w != nil {
			s.window = *w
		}
		tel.series[key] = s
	}
	s.add(at, value)
	if key.metric == sampleDeviceMemory || key.metric == sampleOwnMemory {
		if at != tel.at {
			tel.settle()
			tel.at = at
		}
		if key.metric == sampleDeviceMemory { // not the key's own string: that is in the batch's buffer
			tel.now[sampleDeviceMemory] += value
		} else {
			tel.now[sampleOwnMemory] += value
		}
	}
}

// settle takes the sums of one reading time into the peaks.
func (tel *telemetry) settle() {
	for metric, sum := range tel.now {
		tel.vramPeak[metric] = max(tel.vramPeak[metric], sum)
	}
	clear(tel.now)
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

func (s *Summary) usage(path string, t *tally, run Run) error {
	tel, err := readTelemetry(path, t.windows)
	if err != nil {
		return err
	}
	delta := func(x *series) float64 { return x.delta }
	area := func(x *series) float64 { return x.area }
	if cpu, covered, ok := tel.sum(sourceProcess, sampleCPU, delta); ok {
		s.set(mCPU, cpu)
		s.set(mCores, cpu/covered)
	}
	tel.each(sourceProcess, sampleRSS, func(x *series) { s.set(mRSSPeak, max(x.peak, deref(s.value(mRSSPeak)))) })
	s.rssSlope(tel)
	for metric, column := range map[string]string{sampleUtil: mGPUUtil, sampleClock: mSMClock} {
		if sum, covered, ok := tel.sum(sourceGPU, metric, area); ok {
			s.set(column, sum/covered)
		}
	}
	energy, _, ok := tel.sum(sourceGPU, sampleEnergy, delta)
	if !ok {
		energy, _, ok = tel.sum(sourceGPU, samplePower, area)
	}
	if ok {
		s.set(mEnergy, energy)
		if out := s.value(mOutput); out != nil && *out > 0 {
			s.set(mEnergyPerToken, energy / *out)
		}
	}
	s.memory(tel, run)
	return nil
}

// rssSlope is known for one segment only: a fresh process begins anew.
func (s *Summary) rssSlope(tel *telemetry) {
	var found []*series
	tel.each(sourceProcess, sampleRSS, func(x *series) { found = append(found, x) })
	if len(found) == 1 && found[0].slope.n >= 3 && found[0].slope.tt > 0 {
		s.set(mRSSSlope, found[0].slope.tv/found[0].slope.tt)
	}
}

func (s *Summary) memory(tel *telemetry, run Run) {
	if peak := cmp.Or(tel.vramPeak[sampleOwnMemory], tel.vramPeak[sampleDeviceMemory]); peak > 0 {
		s.set(mVRAMPeak, peak)
	}
	if run.Machine.GPUName != "" && run.Engine.WeightBytes != nil {
		s.set(mVRAMWeights, float64(*run.Engine.WeightBytes))
	}
	for key, x := range tel.series {
		if strings.HasSuffix(key.metric, sampleKVUsage) {
			s.set(mKVPeak, max(x.peak, deref(s.value(mKVPeak))))
		}
	}
	for _, name := range sortedKeys(run.EngineMetrics) {
		if strings.HasSuffix(name, "num_preemptions_total") || strings.HasSuffix(name, "num_preemptions") {
			s.set(mPreemptions, run.EngineMetrics[name])
		}
	}
}

func deref(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}
