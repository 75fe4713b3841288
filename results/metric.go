package results

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"matrix/experiments"
)

// Metric documents one column of run.parquet that follows from the rows, samples and phases.
type Metric struct {
	Name    string // column
	Unit    string
	Formula string
	Doc     string
}

// Whole reports that the figure counts things: its column holds integers.
func (m Metric) Whole() bool {
	return m.Unit == "tokens" || m.Unit == "bytes" || m.Unit == "requests" || m.Unit == "count"
}

// percentile is one of those reported, with the fewest requests that it needs: MLPerf's early-stopping
// minima. Below, the column is null: a p99 of 50 requests is the maximum under another name.
type percentile struct {
	name string
	q    float64
	min  int
}

var percentiles = []percentile{
	{"p50", 0.50, 1}, {"p90", 0.90, 64}, {"p95", 0.95, 130}, {"p99", 0.99, 662}, {"p999", 0.999, 6636},
}

// latency is a duration of a request whose distribution is summarised over the ok requests.
type latency struct {
	name     string // prefix of the metric columns
	column   string // in requests.parquet
	formula  string
	doc      string
	adjusted bool // also with each failure counted as +∞
	arrival  bool // an open load counts it from scheduled: client_queue is added
}

var latencies = []latency{
	{"ttft", colTTFT, "t1 − t0", "time to first token; open load: from scheduled", true, true},
	{"ttft_first_chunk", "ttft_first_chunk_s", "tc − t0", "what `vllm bench serve` calls TTFT; open load: from scheduled", false, true},
	{"tpot", colTPOT, "(e2e − ttft)/(n − 1)", "time per output token after the first; each request weighs 1; null for one token, or text in one event", true, false},
	{"e2e", colE2E, "tn − t0", "to the last token; open load: from scheduled", true, true},
	{"e2e_closed", "e2e_closed_s", "te − t0", "to the stream's end; open load: from scheduled", false, true},
	{"client_queue", colQueue, "t0 − scheduled", "what the client itself added", false, false},
}

// Names of single metrics.
const (
	mDuration, mLoad, mBatch                = "duration_s", "load_s", "batch_s"
	mRequestTput, mOutputTput, mTotalTput   = "request_throughput", "output_throughput", "total_token_throughput"
	mSteadyReq, mSteadyOut, mSteadySpan     = "steady_request_throughput", "steady_output_throughput", "steady_span_s"
	mGoodput, mSuccess, mSuccessLow         = "goodput", "success_rate", "success_rate_low95"
	mPlanned, mInput, mOutput, mCached      = "requests_planned", "input_tokens", "output_tokens", "cached_tokens"
	mEnergy, mEnergyPerToken, mLoadEnergy   = "energy_j", "j_per_output_token", "load_energy_j"
	mVRAMPeak, mVRAMWeights, mPreemptions   = "vram_peak_bytes", "vram_weights_bytes", "preemptions"
	mGPUUtil, mSMClock, mKVPeak             = "gpu_util_ratio", "sm_clock_hz", "kv_usage_peak_ratio"
	mCPU, mCores, mRSSPeak, mRSSSlope       = "cpu_s", "cpu_cores_mean", "rss_peak_bytes", "rss_slope_bytes_per_s"
	mRSSSlopeLow, mForeign, mThrottled      = "rss_slope_low95_bytes_per_s", "foreign_cpu_ratio", "throttled_ratio"
	mWithoutText, mCutShort                 = "ok_without_text", "ok_cut_short"
	prefixITL, prefixGap, prefixRequestsEnd = "itl_weighted", "chunk_gap", "requests_"
)

// singles are the metrics that are no distribution.
var singles = []Metric{
	{mDuration, "s", "Σ over segments of last completion − first dispatch", "D: failures included, warm-up and readiness excluded"},
	{mLoad, "s", "first token of the first request − process start", "null when nothing was launched"},
	{mBatch, "s", "load_s + D", "what a one-off batch really costs"},
	{mRequestTput, "1/s", "ok / D", "requests"},
	{mOutputTput, "tokens/s", "Σ output tokens of ok / D", ""},
	{mTotalTput, "tokens/s", "Σ (input + output) tokens of ok / D", ""},
	{mSteadyReq, "1/s", "shares of the ok requests that were generated in the steady window / its span", "window: from a tenth completed for as long as the engine is full"},
	{mSteadyOut, "tokens/s", "output tokens generated in the steady window / its span", "each answer's tokens spread evenly from its first token to its last"},
	{mSteadySpan, "s", "end − beginning of the steady window", ""},
	{mGoodput, "1/s", "ok and every SLO met / D", "null for batch loads"},
	{mSuccess, experiments.Ratio, "ok / planned", ""},
	{mSuccessLow, experiments.Ratio, "one-sided 95% lower bound (Clopper–Pearson)", "0 failures of n show about 1 − 3/n"},
	{mPlanned, "requests", "requests planned in the measured phase", ""},
	{mWithoutText, "requests", "ok requests without any text", "an end-of-sequence token at once, or thought alone; null when imported"},
	{mCutShort, "requests", "ok requests that ended by length below max_tokens", "the engine's context or a limit of its own cut the answer"},
	{mInput, "tokens", "Σ over ok", "null when no request told"},
	{mOutput, "tokens", "Σ over ok", "null when no request told"},
	{mCached, "tokens", "Σ over ok", "null when no request told"},
	{mEnergy, "J", "GPU energy counter over the measured phase, else ∫ power", "all GPUs; null without either"},
	{mLoadEnergy, "J", "GPU energy counter from the launch's beginning to its warm-up, else ∫ power", "all GPUs; null without either, and for several segments"},
	{mEnergyPerToken, "J/token", "energy_j / output_tokens", ""},
	{mVRAMPeak, "bytes", "max over time of Σ over GPUs", "of the engine's processes where listed, else of the device"},
	{mVRAMWeights, "bytes", "as the engine says", "on a GPU"},
	{mKVPeak, experiments.Ratio, "max over the launch of the engine's gauge", "share of kv_capacity_tokens in use, 0–1; null where the engine has no such gauge"},
	{mPreemptions, "count", "engine's counter, after − before", ""},
	{mGPUUtil, experiments.Ratio, "mean over the measured phase and GPUs", "0–1"},
	{mSMClock, "Hz", "mean over the measured phase and GPUs", ""},
	{mThrottled, experiments.Ratio, "share of the measured phase, mean over GPUs", "slowed by heat or the power brake; the power limit itself is no throttle: it is a setting"},
	{mCPU, "s", "CPU seconds of the engine's process tree in the measured phase", ""},
	{mCores, "cores", "cpu_s / time observed", ""},
	{mRSSPeak, "bytes", "max over the launch", "the engine's process tree"},
	{mRSSSlope, "bytes/s", "least squares over the measured phase", "above zero over long runs: a leak"},
	{mRSSSlopeLow, "bytes/s", "lower end of the slope's 95% interval", "from the regression's own residuals"},
	{mForeign, experiments.Ratio, "(host's busy cores − engine's − matrix's) / host's cores, mean over the measured phase", "what others used of the machine, 0–1; null where the engine is not ours to watch"},
}

// Metrics lists every summary metric in the order of its columns in run.parquet.
func Metrics() []Metric {
	out := append([]Metric{}, singles...)
	for _, s := range requestStatuses {
		out = append(out, Metric{Name: prefixRequestsEnd + s, Unit: "requests", Formula: "measured requests that ended " + s})
	}
	for _, l := range latencies {
		out = append(out, distribution(l.name, l.formula, l.doc)...)
		if l.adjusted {
			for _, p := range percentiles {
				out = append(out, Metric{adjustedName(l.name, p), "s", p.name + " of " + l.formula + ", each failure +∞", tooFewDoc(p)})
			}
		}
	}
	out = append(out, distribution(prefixITL, "tpot weighted by n − 1", "GuideLLM's ITL")...)
	return append(out, distribution(prefixGap, "gaps between text events, pooled", "vLLM's ITL; a chunk may hold several tokens")...)
}

// Derived are the figures that follow from several columns of a launch; a decision may name them like a column.
func Derived() []Metric {
	return []Metric{
		{"j_per_evaluation", "J", "energy_j / ok", ""},
		{"cpu_s_per_evaluation", "s", "cpu_s / ok", ""},
		{"gpu_busy_s_per_evaluation", "s", "gpu_util_ratio × D / ok", ""},
		{"output_tokens_per_evaluation", "tokens", "output_tokens / ok", ""},
		{"memory_in_use_bytes", "bytes", "weights + KV cache in use on the GPU", "what the engine needs, not what it reserves"},
		{"quality", experiments.Ratio, "as the report's quality section measures it", "accuracy where references are known, else a judge's preference"},
	}
}

// Named are all figures that an experiment's decision, a tuning or a comparison may name, with their units: the metrics,
// the other columns of run.parquet that hold numbers, and what is derived of them.
func Named() []experiments.Metric {
	var out []experiments.Metric
	for _, m := range slices.Concat(Metrics(), Derived()) {
		out = append(out, experiments.Metric{Name: m.Name, Unit: m.Unit})
	}
	for _, c := range runColumns() {
		named := func(m experiments.Metric) bool { return m.Name == c.name }
		if (c.typ.ID() == arrow.INT64 || c.typ.ID() == arrow.FLOAT64) && !slices.ContainsFunc(out, named) {
			out = append(out, experiments.Metric{Name: c.name, Unit: c.unit})
		}
	}
	return out
}

func distribution(name, formula, doc string) []Metric {
	out := []Metric{{meanName(name), "s", "mean of " + formula + " over ok", doc}}
	for _, p := range percentiles {
		out = append(out, Metric{percentileName(name, p), "s", p.name + " of " + formula + " over ok", tooFewDoc(p)})
	}
	return out
}

// latencyOf is the distribution that a metric column belongs to.
func latencyOf(column string) (name string, ok bool) {
	best := ""
	for _, name := range append([]string{prefixITL, prefixGap}, latencyNames()...) {
		if strings.HasPrefix(column, name+"_") && len(name) > len(best) {
			best = name
		}
	}
	return best, best != ""
}

func latencyNames() []string {
	out := make([]string, len(latencies))
	for i, l := range latencies {
		out[i] = l.name
	}
	return out
}

// tooFewDoc says when a percentile is null.
func tooFewDoc(p percentile) string {
	if p.min <= 1 {
		return ""
	}
	return fmt.Sprintf("null below %d requests", p.min)
}

func meanName(name string) string                     { return name + "_mean_s" }
func percentileName(name string, p percentile) string { return name + "_" + p.name + "_s" }
func adjustedName(name string, p percentile) string {
	return strings.TrimSuffix(percentileName(name, p), "_s") + "_adjusted_s"
}

// Summary is what follows from an attempt's rows.
type Summary struct {
	Metrics  map[string]*float64 // column name → value, nil = not to be had
	Why      map[string]string   // column name → why it is nil, where there is more to say than "not measured"
	Statuses map[string]int64    // measured requests by status
	Finish   map[string]float64  // ok requests by finish_reason, "none" = the engine says none
	Warnings []string
}

func newSummary() *Summary {
	s := &Summary{Metrics: map[string]*float64{}, Why: map[string]string{}, Statuses: map[string]int64{}}
	for _, m := range Metrics() {
		s.Metrics[m.Name] = nil
	}
	return s
}

func (s *Summary) set(name string, v float64)    { s.Metrics[name] = &v }
func (s *Summary) null(name, why string)         { s.Metrics[name], s.Why[name] = nil, why }
func (s *Summary) value(name string) *float64    { return s.Metrics[name] }
func (s *Summary) warn(text string)              { s.Warnings = append(s.Warnings, text) }
func (s *Summary) setCount(name string, v int64) { s.set(name, float64(v)) }
