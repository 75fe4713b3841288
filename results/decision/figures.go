package decision

import (
	"fmt"
	"strings"

	"matrix/results/format"
)

// Criteria in the order of the default weights; quality has none by default.
const (
	Performance = "performance"
	Reliability = "reliability"
	Efficiency  = "efficiency"
	Simplicity  = "simplicity"
	QualityName = "quality"
)

var criteria = []string{Performance, Reliability, Efficiency, Simplicity, QualityName}

// Metrics of the score, and figures of a launch that are no column of run.parquet.
const (
	mTime      = "finish_s"
	mFailures  = "failures_per_10000"
	mLaunches  = "launches_complete"
	mMemory    = "memory_in_use_bytes"
	mEnergy    = "j_per_evaluation"
	mBusy      = "gpu_busy_s_per_evaluation"
	mCPU       = "cpu_s_per_evaluation"
	mFootprint = "footprint_bytes"
	mPackages  = "footprint_packages"
	mSettings  = "settings_count"
	mQuality   = "quality"
	mSuccess   = "success_rate"
	mTokens    = "output_tokens_per_evaluation"
	mWeights   = "weight_bytes"
	mLoadJ     = "load_energy_j"
	mUsable    = "usable_share" // valid evaluations / ok

	mGoodput, mThroughput = "goodput", "request_throughput"
)

// plain are the columns taken as they are.
var plain = []string{mFootprint, mPackages, mSettings, mWeights, mLoadJ, mGoodput, mThroughput}

type number = func(column string) *float64

// derived are the figures computed of a launch's columns.
var derived = map[string]func(number) *float64{
	mCPU:    func(get number) *float64 { return over(get("cpu_s"), get("requests_ok")) },
	mEnergy: func(get number) *float64 { return over(get("energy_j"), get("requests_ok")) },
	mUsable: func(get number) *float64 { return over(get("valid_evaluations"), get("requests_ok")) },
	mTokens: func(get number) *float64 { return over(get("output_tokens"), get("requests_ok")) },
	mBusy:   func(get number) *float64 { return over(busyS(get), get("requests_ok")) },
	mMemory: memoryInUse,
}

const gib = 1 << 30

// memoryInUse is weights + KV cache in use on the GPU. An engine that reserves its cache beforehand (vLLM) tells how
// much of it is in use at most; the bytes of one token are those of the memory prediction. For one that does not
// reserve, the peak of what it held is the figure.
func memoryInUse(get number) *float64 {
	weights := get("vram_weights_bytes")
	usage, held := get("kv_usage_peak_ratio"), get("kv_capacity_tokens")
	if usage == nil {
		if get("size_vram_bytes") == nil {
			return nil // the peak may be a reservation
		}
		return get("vram_peak_bytes")
	}
	budget, w, overhead, tokens := get("predicted_budget_gib"), get("predicted_weights_gib"), get("predicted_overhead_gib"), get("predicted_kv_tokens")
	if weights == nil || held == nil || budget == nil || w == nil || overhead == nil || tokens == nil || *tokens <= 0 {
		return nil
	}
	perToken := (*budget - *w - *overhead) * gib / *tokens
	return new(*weights + *usage**held*perToken)
}

// over is a / b, nil where either is unknown or b is nothing.
func over(a, b *float64) *float64 {
	if a == nil || b == nil || *b <= 0 {
		return nil
	}
	return new(*a / *b)
}

// busyS is how long the GPU computed in the measured phase, in seconds.
func busyS(get number) *float64 {
	share, d := get("gpu_util_ratio"), get("duration_s")
	if share == nil || d == nil {
		return nil
	}
	return new(*share * *d)
}

// What n is a number of.
const (
	countsRequests = "requests"
	countsValid    = "valid evaluations" // a form was asked for: n are answers that have it
)

// counts names what n is a number of.
func (g *contest) counts() string {
	for _, at := range g.cells() {
		if at.formed {
			return countsValid
		}
	}
	return countsRequests
}

// usable is the share of a contender's ok answers that can be used; 1 where nobody knows.
func (c *contender) usable() float64 {
	if share := c.constant(mUsable); share != nil && *share > 0 {
		return *share
	}
	return 1
}

// useless reports that answers came and none of them can be used.
func (c *contender) useless() bool {
	usable := c.constant(mUsable)
	return usable != nil && *usable == 0
}

// usables says whose answers cannot all be used, of those that lead: the times count those that can.
func (a *inquiry) usables() string {
	var parts []string
	all := true
	for _, c := range a.leading() {
		share := c.constant(mUsable)
		if share == nil {
			continue
		}
		all = all && *share > 0.9995
		parts = append(parts, fmt.Sprintf("%s of %s's", format.Percent(*share), c.name))
	}
	if all {
		return ""
	}
	return fmt.Sprintf("Of the answers %s can be used, and the times are for %s that can.", strings.Join(parts, " and "), format.Whole(a.n))
}
