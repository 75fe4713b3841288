package record

import "strings"

// Names of the metrics that are no distribution.
const (
	MetricDuration, MetricLoad, MetricBatch = "duration_s", "load_s", "batch_s"

	MetricRequestThroughput    = "request_throughput"
	MetricOutputThroughput     = "output_throughput"
	MetricTotalTokenThroughput = "total_token_throughput"
	MetricSteadyRequests       = "steady_request_throughput"
	MetricSteadyOutput         = "steady_output_throughput"
	MetricSteadySpan           = "steady_span_s"
	MetricGoodput              = "goodput"
	MetricSuccessRate          = "success_rate"
	MetricSuccessLow           = "success_rate_low95"
	MetricRequestsPlanned      = "requests_planned"
	MetricWithoutText          = "ok_without_text"
	MetricCutShort             = "ok_cut_short"
	MetricValid                = "valid_evaluations"
	MetricValidShare           = "valid_share"
	MetricValidPerHour         = "valid_evaluations_per_hour"
	MetricInputTokens          = "input_tokens"
	MetricOutputTokens         = "output_tokens"
	MetricCachedTokens         = "cached_tokens"
	MetricReasoningTokens      = "reasoning_tokens"
	MetricEnergy               = "energy_j"
	MetricLoadEnergy           = "load_energy_j"
	MetricEnergyPerToken       = "j_per_output_token"
	MetricVRAMPeak             = "vram_peak_bytes"
	MetricVRAMWeights          = "vram_weights_bytes"
	MetricKVPeak               = "kv_usage_peak_ratio"
	MetricPreemptions          = "preemptions"
	MetricGPUUtil              = "gpu_util_ratio"
	MetricSMClock              = "sm_clock_hz"
	MetricThrottled            = "throttled_ratio"
	MetricCPU                  = "cpu_s"
	MetricCPUCores             = "cpu_cores_mean"
	MetricRSSPeak              = "rss_peak_bytes"
	MetricRSSSlope             = "rss_slope_bytes_per_s"
	MetricRSSSlopeLow          = "rss_slope_low95_bytes_per_s"
	MetricForeignCPU           = "foreign_cpu_ratio"
)

// Names of the distributions: of each there is a mean and Percentiles (MeanOf, PercentileOf).
const (
	DistTTFT, DistTTFTFirstChunk, DistTPOT = "ttft", "ttft_first_chunk", "tpot"
	DistTTFO                               = "ttfo"
	DistE2E, DistE2EClosed                 = "e2e", "e2e_closed"
	DistClientQueue                        = "client_queue"
	DistITL, DistGap                       = "itl_weighted", "chunk_gap"
)

// Names of the derived figures.
const (
	MetricJPerEvaluation      = "j_per_evaluation"
	MetricUsableShare         = "usable_share"
	MetricCPUPerEvaluation    = "cpu_s_per_evaluation"
	MetricGPUPerEvaluation    = "gpu_busy_s_per_evaluation"
	MetricTokensPerEvaluation = "output_tokens_per_evaluation"
	MetricMemoryInUse         = "memory_in_use_bytes"
	MetricQuality             = "quality"
)

// MoreIsBetter reports a metric of which more is better; of the others, times, shares of failures and what is used up, less is.
func MoreIsBetter(metric string) bool {
	for _, end := range []string{"_throughput", "_per_hour", "goodput", "success_rate", "success_rate_low95", "valid_share", "usable_share", "valid_evaluations"} {
		if strings.HasSuffix(metric, end) {
			return true
		}
	}
	return false
}
