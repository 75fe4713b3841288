package decision

import (
	"fmt"
	"slices"
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
	mUsable    = "usable_share" // valid evaluations / answers

	mGoodput, mThroughput = "goodput", "request_throughput"
)

// plain are the columns taken as they are.
var plain = []string{mFootprint, mPackages, mSettings, mWeights, mLoadJ, mGoodput, mThroughput}

type number = func(column string) *float64

// derived are the figures computed of a launch's columns.
var derived = map[string]func(number) *float64{
	mCPU:    func(get number) *float64 { return over(get("cpu_s"), evaluations(get)) },
	mEnergy: func(get number) *float64 { return over(get("energy_j"), evaluations(get)) },
	mUsable: func(get number) *float64 { return over(get("valid_evaluations"), answers(get)) },
	mTokens: func(get number) *float64 { return over(get("output_tokens"), evaluations(get)) },
	mBusy:   func(get number) *float64 { return over(busyS(get), evaluations(get)) },
	mMemory: memoryInUse,
}

// evaluations are the answers that can be used; where nobody looked, the ok ones.
func evaluations(get number) *float64 {
	if valid := get("valid_evaluations"); valid != nil {
		return valid
	}
	return get("requests_ok")
}

// answers are those that came, whatever they are worth.
func answers(get number) *float64 {
	ok, repeated := get("requests_ok"), get("requests_repeated")
	if ok == nil || repeated == nil { // measured before there was such an end
		return ok
	}
	return new(*ok + *repeated)
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
	countsValid    = "valid evaluations" // a form was asked for, or answers came that are of no use: n are those that can be used
)

// counts names what n is a number of.
func (g *contest) counts() string {
	if slices.ContainsFunc(g.cells(), func(at *tally) bool { return at.formed }) ||
		slices.ContainsFunc(g.contenders, func(c *contender) bool { return !c.allUsable() }) {
		return countsValid
	}
	return countsRequests
}

// allUsable reports that as good as all answers can be used, as far as anybody looked.
func (c *contender) allUsable() bool {
	share := c.constant(mUsable)
	return share == nil || *share > 0.9995
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
		all = all && c.allUsable()
		parts = append(parts, fmt.Sprintf("%s of %s's", format.Percent(*share), c.name))
	}
	if all {
		return ""
	}
	return fmt.Sprintf("Of the answers %s can be used, and the times count those alone.", strings.Join(parts, " and "))
}
