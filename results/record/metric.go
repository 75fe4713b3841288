package record

import (
	"fmt"
	"strings"

	"matrix/experiments/cell"
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

// Meaning is the formula with what there is to say beside it.
func (m Metric) Meaning() string {
	if m.Doc == "" {
		return m.Formula
	}
	return m.Formula + "; " + m.Doc
}

// Percentile is one of those reported, with the fewest requests that it needs: MLPerf's early-stopping
// minima. Below, the column is null: a p99 of 50 requests is the maximum under another name.
type Percentile struct {
	Name string
	Q    float64
	Min  int
}

// Percentiles are those reported, of every distribution.
var Percentiles = []Percentile{
	{"p50", 0.50, 1}, {"p90", 0.90, 64}, {"p95", 0.95, 130}, {"p99", 0.99, 662}, {"p999", 0.999, 6636},
}

// Latency is a duration of a request whose distribution is summarised over the ok requests.
type Latency struct {
	Name     string // a distribution
	Column   string // in requests.parquet
	Formula  string
	Doc      string
	Adjusted bool // also with each failure counted as +∞
	Arrival  bool // an open load counts it from scheduled: client_queue is added
}

// Latencies are the durations of a request that are summarised, in the order of their columns.
var Latencies = []Latency{
	{DistTTFT, ColTTFT, "t1 − t0", "time to first token", true, true},
	{DistTTFTFirstChunk, ColTTFTFirstChunk, "tc − t0", "what `vllm bench serve` calls TTFT", false, true},
	{DistTTFO, ColTTFO, "first_answer − t0", "time to first output token: the first that is no reasoning", false, true},
	{DistTPOT, ColTPOT, "(e2e − ttft)/(n − 1)", "time per output token after the first; each request weighs 1; null for one token, or text in one event", true, false},
	{DistE2E, ColE2E, "tn − t0", "to the last token", true, true},
	{DistE2EClosed, ColE2EClosed, "te − t0", "to the stream's end", false, true},
	{DistClientQueue, ColClientQueue, "t0 − scheduled", "what the client itself added", false, false},
}

// RequestsEnded is the metric that counts the measured requests of a status.
func RequestsEnded(status string) string { return "requests_" + status }

// singles are the metrics that are no distribution.
var singles = []Metric{
	{MetricDuration, "s", "Σ over segments of last completion − first dispatch", "D: failures included, warm-up and readiness excluded"},
	{MetricLoad, "s", "first token of the first request − process start", "null when nothing was launched; of several segments the first's"},
	{MetricBatch, "s", "load_s + D", "what a one-off batch really costs"},
	{MetricRequestThroughput, "1/s", "ok / D", "requests"},
	{MetricOutputThroughput, "tokens/s", "Σ output tokens of ok / D", ""},
	{MetricTotalTokenThroughput, "tokens/s", "Σ (input + output) tokens of ok / D", ""},
	{MetricSteadyRequests, "1/s", "shares of the ok requests that were generated in the steady window / its span", "of each answer the share of its time from first token to last"},
	{MetricSteadyOutput, "tokens/s", "output tokens generated in the steady window / its span", "each answer's tokens spread evenly from its first token to its last"},
	{MetricSteadySpan, "s", "end − beginning of the steady window", "from 10% of the ok requests done until under 90% of the level are under way for good (open loads: until 99% were sent); level = mean under way from then until 99% were sent, at least for a median answer; null in several segments, where the level is under 75% of the usual (p90 over time) and where the window is under half a median answer: one wave has none"},
	{MetricGoodput, "1/s", "ok and every SLO met / D", "an SLO of what was not seen is not met, of one token's TPOT it is; null for batch loads"},
	{MetricSuccessRate, cell.Ratio, "ok / planned", ""},
	{MetricSuccessLow, cell.Ratio, "one-sided 95% lower bound (Clopper–Pearson)", "0 failures of n show about 1 − 3/n"},
	{MetricRequestsPlanned, "requests", "requests planned in the measured phase", ""},
	{MetricWithoutText, "requests", "ok requests without any text", "an end-of-sequence token at once, or thought alone; null when imported"},
	{MetricCutShort, "requests", "ok requests that ended by length below max_tokens", "the engine's context or a limit of its own cut the answer"},
	{MetricValid, "requests", "measured requests whose answer can be used", "see valid in requests.parquet; null where nobody looked"},
	{MetricValidShare, cell.Ratio, "valid_evaluations / planned", ""},
	{MetricValidPerHour, "1/h", "3600 × valid_evaluations / D", "what is worth having of a batch"},
	{MetricInputTokens, "tokens", "Σ over ok", "null when no request told"},
	{MetricOutputTokens, "tokens", "Σ over ok", "null when no request told"},
	{MetricCachedTokens, "tokens", "Σ over ok", "null when no request told"},
	{MetricReasoningTokens, "tokens", "Σ over ok", "of output_tokens; null when no request told"},
	{MetricEnergy, "J", "GPU energy counter over the measured phase, else ∫ power", "all GPUs; null without either"},
	{MetricLoadEnergy, "J", "GPU energy counter from the launch's beginning to its warm-up, else ∫ power", "all GPUs; null without either, and for several segments"},
	{MetricEnergyPerToken, "J/token", "energy_j / output_tokens", ""},
	{MetricVRAMPeak, "bytes", "max over time of Σ over GPUs", "of the engine's processes where listed, else of the device"},
	{MetricVRAMWeights, "bytes", "as the engine says", "on a GPU"},
	{MetricKVPeak, cell.Ratio, "max over the launch of the engine's gauge", "share of kv_capacity_tokens in use, 0–1; null where the engine has no such gauge"},
	{MetricPreemptions, "count", "engine's counter, after − before", ""},
	{MetricGPUUtil, cell.Ratio, "mean over the measured phase and GPUs", "0–1"},
	{MetricSMClock, "Hz", "mean over the measured phase and GPUs", ""},
	{MetricThrottled, cell.Ratio, "share of the measured phase, mean over GPUs", "slowed by heat or the power brake; the power limit itself is no throttle: it is a setting"},
	{MetricCPU, "s", "CPU seconds of the engine's process tree in the measured phase", ""},
	{MetricCPUCores, "cores", "cpu_s / time observed", ""},
	{MetricRSSPeak, "bytes", "max over the launch", "the engine's process tree"},
	{MetricRSSSlope, "bytes/s", "least squares over the measured phase", "above zero over long runs: a leak"},
	{MetricRSSSlopeLow, "bytes/s", "lower end of the slope's 95% interval", "from the regression's own residuals"},
	{MetricForeignCPU, cell.Ratio, "(host's busy cores − engine's − matrix's) / host's cores, mean over the measured phase", "what others used of the machine, 0–1; null where the engine is not ours to watch"},
}

// Metrics lists every summary metric in the order of its columns in run.parquet.
func Metrics() []Metric {
	out := append([]Metric{}, singles...)
	for _, s := range RequestStatuses {
		out = append(out, Metric{Name: RequestsEnded(s), Unit: "requests", Formula: "measured requests that ended " + s})
	}
	for _, l := range Latencies {
		formula, doc := l.Formula, l.Doc
		if l.Arrival {
			formula, doc = strings.ReplaceAll(formula, "t0", "due"), doc+"; due: t0, of open loads scheduled"
		}
		out = append(out, distribution(l.Name, formula, doc)...)
		if l.Adjusted {
			for _, p := range Percentiles {
				out = append(out, Metric{AdjustedOf(l.Name, p), "s", p.Name + " of " + formula + ", each failure +∞", tooFewDoc(p)})
			}
		}
	}
	out = append(out, distribution(DistITL, "tpot weighted by n − 1", "GuideLLM's ITL")...)
	return append(out, distribution(DistGap, "gaps between text events, pooled", "vLLM's ITL; a chunk may hold several tokens")...)
}

// evaluation is what the figures of one are of.
const evaluation = "what answers that nobody can use took is in it; / ok where nobody looked"

// Derived are the figures that follow from several columns of a launch; a decision may name them like a column.
func Derived() []Metric {
	return []Metric{
		{MetricJPerEvaluation, "J", "energy_j / valid_evaluations", evaluation},
		{MetricCPUPerEvaluation, "s", "cpu_s / valid_evaluations", evaluation},
		{MetricGPUPerEvaluation, "s", "gpu_util_ratio × D / valid_evaluations", evaluation},
		{MetricTokensPerEvaluation, "tokens", "output_tokens / valid_evaluations", evaluation},
		{MetricUsableShare, cell.Ratio, "valid_evaluations / (ok + repeated)", "of the answers, those that can be used; of what was planned it is valid_share"},
		{MetricMemoryInUse, "bytes", "weights + KV cache in use on the GPU", "what the engine needs, not what it reserves"},
		{MetricQuality, cell.Ratio, "as the report's quality section measures it", "accuracy where references are known, else a judge's preference"},
	}
}

func distribution(name, formula, doc string) []Metric {
	out := []Metric{{MeanOf(name), "s", "mean of " + formula + " over ok", doc}}
	for _, p := range Percentiles {
		out = append(out, Metric{PercentileOf(name, p), "s", p.Name + " of " + formula + " over ok", tooFewDoc(p)})
	}
	return out
}

// tooFewDoc says when a percentile is null.
func tooFewDoc(p Percentile) string {
	if p.Min <= 1 {
		return ""
	}
	return fmt.Sprintf("takes %d requests", p.Min)
}

// MeanOf is the metric that holds the mean of a distribution, in seconds.
func MeanOf(distribution string) string { return distribution + "_mean_s" }

// PercentileOf is the metric that holds a percentile of a distribution over the ok requests, in seconds.
func PercentileOf(distribution string, p Percentile) string {
	return distribution + "_" + p.Name + "_s"
}

// AdjustedOf is PercentileOf with each failure counted as +∞.
func AdjustedOf(distribution string, p Percentile) string {
	return distribution + "_" + p.Name + "_adjusted_s"
}
