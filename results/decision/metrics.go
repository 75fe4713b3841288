package decision

import (
	"fmt"
	"math"
	"slices"
	"strings"
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

var defaultWeights = map[string]float64{Performance: 40, Reliability: 30, Efficiency: 20, Simplicity: 10}

// Figures of a launch that are no column of run.parquet.
const (
	mRate      = "evaluations_per_hour"
	mRateBare  = "evaluations_per_hour_without_load"
	mScale     = "scalability"
	mBound     = "success_rate_low95"
	mLaunches  = "launches_complete"
	mSurvived  = "largest_batch_survived"
	mMemory    = "memory_in_use_bytes"
	mEnergy    = "j_per_output_token"
	mBusy      = "output_tokens_per_gpu_busy_s"
	mCPU       = "cpu_s_per_1000_output_tokens"
	mFootprint = "footprint_bytes"
	mPackages  = "footprint_packages"
	mSettings  = "settings_count"
	mQuality   = "quality"
	mSuccess   = "success_rate"
)

// plain are the columns taken as they are.
var plain = []string{mEnergy, mFootprint, mPackages, mSettings, "load_s", "request_throughput", "batch_s", "weight_bytes", "rss_slope_bytes_per_s"}

type number = func(column string) *float64

// derived are the figures computed of a launch's columns.
var derived = map[string]func(number) *float64{
	mRate:     func(get number) *float64 { return over(3600, get("requests_ok"), get("batch_s")) },
	mRateBare: func(get number) *float64 { return over(3600, get("requests_ok"), get("duration_s")) },
	mCPU:      func(get number) *float64 { return over(1000, get("cpu_s"), get("output_tokens")) },
	mBusy: func(get number) *float64 {
		return over(1, get("output_tokens"), times(get("gpu_util_ratio"), get("duration_s")))
	},
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
	sum := *weights + *usage**held*perToken
	return &sum
}

func times(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	x := *a * *b
	return &x
}

// over is factor × a / b, nil where either is unknown or b is nothing.
func over(factor float64, a, b *float64) *float64 {
	if a == nil || b == nil || *b <= 0 {
		return nil
	}
	x := factor * *a / *b
	return &x
}

// metric is one row of the table of criteria.
type metric struct {
	criterion string
	name      string
	sub       float64 // weight within the criterion
	unit      string
	formula   string
	less      bool // less is better
	scale     scale
	value     func(*contender, scope) *float64 // nil: not to be had
	perSize   bool                             // measured at each size: overall it is the mean of the sizes' scores
	instead   string                           // stands in for this metric where somebody lacks that one
	latency   bool                             // comparable only under the same load
}

// scale makes a score in 0–1 of a value and the best one.
type scale struct {
	words string
	score func(value, best float64) float64
}

var (
	highest = scale{"measured / best", func(v, best float64) float64 { return ratio(v, best) }}
	lowest  = scale{"best / measured", func(v, best float64) float64 { return ratio(best, v) }}
	logs    = scale{"log(1 + best) / log(1 + measured)", func(v, best float64) float64 { return ratio(math.Log1p(best), math.Log1p(v)) }}
	counted = scale{"(1 + best) / (1 + measured)", func(v, best float64) float64 { return ratio(1+best, 1+v) }}
	share   = scale{"as it is", func(v, _ float64) float64 { return clip(v) }}
	nines   = scale{"−log10(1 − bound) / 4, at most 1", func(v, _ float64) float64 { return clip(-math.Log10(1-v) / 4) }}
)

// ratio of a part to a whole that is at least as large; nothing of nothing is all of it.
func ratio(part, whole float64) float64 {
	if whole <= 0 {
		if part <= 0 {
			return 1
		}
		return 0
	}
	return clip(part / whole)
}

func clip(x float64) float64 { return min(1, max(0, x)) }

// table is the table of criteria, in its order.
func table() []metric {
	atSize := func(name string) func(*contender, scope) *float64 {
		return func(c *contender, s scope) *float64 { return c.at[s.size].median(name) }
	}
	whole := func(name string) func(*contender, scope) *float64 {
		return func(c *contender, _ scope) *float64 { return c.constant(name) }
	}
	return []metric{
		{criterion: Performance, name: mRate, sub: 0.7, unit: "1/h", formula: "3600 × ok / (load_s + D)", scale: rated, value: rateAt(mRate), perSize: true},
		{criterion: Performance, name: mRateBare, sub: 0.7, unit: "1/h", formula: "3600 × ok / D", scale: rated, value: rateAt(mRateBare), perSize: true, instead: mRate},
		{criterion: Performance, name: mScale, sub: 0.3, formula: "that rate at the largest batch / at the smallest of at least 100", scale: rated, value: (*contender).scalability},
		{criterion: Reliability, name: mBound, sub: 0.5, formula: "95% lower bound of ok / planned over all attempts", scale: nines, value: (*contender).bound},
		{criterion: Reliability, name: mLaunches, sub: 0.3, formula: "complete / (complete + failed + censored) attempts", scale: share, value: (*contender).ended},
		{criterion: Reliability, name: mSurvived, sub: 0.2, formula: "largest batch completed / largest tried", scale: share, value: (*contender).survived},
		{criterion: Efficiency, name: mMemory, sub: 0.3, unit: "bytes", formula: "weights + KV cache in use on the GPU", less: true, scale: lowest, value: atSize(mMemory), perSize: true},
		{criterion: Efficiency, name: mEnergy, sub: 0.4, unit: "J/token", formula: "GPU energy / output tokens", less: true, scale: lowest, value: atSize(mEnergy), perSize: true},
		{criterion: Efficiency, name: mBusy, sub: 0.4, unit: "tokens/s", formula: "output tokens / (GPU utilisation × D)", scale: highest, value: atSize(mBusy), perSize: true, instead: mEnergy},
		{criterion: Efficiency, name: mCPU, sub: 0.3, unit: "s", formula: "1000 × engine CPU seconds / output tokens", less: true, scale: lowest, value: atSize(mCPU), perSize: true},
		{criterion: Simplicity, name: mFootprint, sub: 0.4, unit: "bytes", formula: "installed size of the engine", less: true, scale: logs, value: whole(mFootprint)},
		{criterion: Simplicity, name: mPackages, sub: 0.3, unit: "packages", formula: "packages of its installation", less: true, scale: logs, value: whole(mPackages)},
		{criterion: Simplicity, name: mSettings, sub: 0.3, unit: "settings", formula: "settings that differ from the engine's defaults", less: true, scale: counted, value: whole(mSettings)},
		{criterion: QualityName, name: mQuality, sub: 1, formula: "as given by the quality section", scale: highest, value: atSize(mQuality), perSize: true},
	}
}

// rated is highest, but where nobody got anything done nobody scores.
var rated = scale{highest.words, func(v, best float64) float64 {
	if best <= 0 {
		return 0
	}
	return ratio(v, best)
}}

// latencies are the columns whose goal makes them part of the performance score.
var latencies = []string{"ttft", "tpot", "e2e", "itl_weighted", "chunk_gap"}

// latencySub is the weight of a latency that a goal names, beside 0.7 and 0.3.
const latencySub = 0.3

// withGoals adds the latencies that the decision block has goals for: batch users rarely care, so none is scored unasked.
func withGoals(all []metric, goals map[string]string) []metric {
	for _, name := range sortedKeys(goals) {
		if !slices.ContainsFunc(latencies, func(l string) bool { return strings.HasPrefix(name, l+"_") }) {
			continue
		}
		m := metric{criterion: Performance, name: name, sub: latencySub, unit: "s", formula: fmt.Sprintf("column %s, a goal of the decision", name),
			less: goals[name] == "min", scale: highest, perSize: true, latency: true,
			value: func(c *contender, s scope) *float64 { return c.at[s.size].median(name) }}
		if m.less {
			m.scale = lowest
		}
		all = append(all, m)
	}
	return all
}
