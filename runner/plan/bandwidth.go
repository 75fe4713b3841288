package plan

import (
	"math"
	"strings"

	"matrix/experiments/cell"
	"matrix/results/record"
)

// bandwidths are the makers' figures of memory bandwidth, in GB/s (1e9 bytes), by product name as NVML reports it,
// without "NVIDIA", "GeForce" and "Tesla", in lower case. Names are matched whole: a laptop's chip of the same number
// is another one.
var bandwidths = map[string]float64{
	"rtx 3060": 360, "rtx 3070": 448, "rtx 3070 ti": 608, "rtx 3080": 760, "rtx 3080 ti": 912, "rtx 3090": 936, "rtx 3090 ti": 1008,
	"rtx 4060": 272, "rtx 4060 ti": 288, "rtx 4070": 504, "rtx 4070 super": 504, "rtx 4070 ti": 504, "rtx 4070 ti super": 672,
	"rtx 4080": 717, "rtx 4080 super": 736, "rtx 4090": 1008,
	"rtx 5070": 672, "rtx 5070 ti": 896, "rtx 5080": 960, "rtx 5090": 1792,
	"rtx a4000": 448, "rtx a5000": 768, "rtx a6000": 768, "rtx 6000 ada generation": 960,
	"t4": 320, "l4": 300, "l40": 864, "l40s": 864, "a10": 600, "a10g": 600, "a30": 933, "a40": 696,
	"v100-sxm2-16gb": 900, "v100-sxm2-32gb": 900, "v100-pcie-16gb": 900, "v100-pcie-32gb": 900,
	"a100-pcie-40gb": 1555, "a100-sxm4-40gb": 1555, "a100 80gb pcie": 1935, "a100-sxm4-80gb": 2039,
	"h100 pcie": 2039, "h100 80gb hbm3": 3350, "h100 nvl": 3938, "h200": 4800, "h200 nvl": 4800, "b200": 8000,
}

// bandwidthOf is a GPU's memory bandwidth by its data sheet, found by the name that the driver gives without the maker's
// words.
func bandwidthOf(gpu string) (bytesPerSecond float64, known bool) {
	name := strings.ToLower(strings.TrimSpace(gpu))
	for _, maker := range []string{"nvidia ", "geforce ", "tesla "} {
		name = strings.TrimPrefix(name, maker)
	}
	gb, known := bandwidths[name]
	return gb * 1e9, known
}

// decodeBound is how long a cell's measured phase takes at least when all answers have max_tokens: each decode step
// reads the weights once and the cache of every sequence in flight, and memory bandwidth bounds that. It leaves out
// prefill, which is bound by arithmetic, and loading. No figure for processors: theirs depends on what sits in the
// slots.
func decodeBound(c *cell.Cell, m record.Machine) (seconds float64, ok bool) {
	gpu := m.GPUName
	if c.Hardware != nil && c.Hardware.GPU != "" {
		gpu = c.Hardware.GPU
	}
	rate, known := bandwidthOf(gpu)
	fit := c.Predicted()
	limit, told := c.Platform.Sequences()
	if !known || !told || !c.Platform.Local() || fit.WeightsGiB == nil || c.Generate == nil || c.Load.Mode == "open" {
		return 0, false
	}
	at := sequencesAtOnce(c, limit)
	step := *fit.WeightsGiB
	if kv := fit.KVGiBPerSequence; kv != nil {
		step += *kv * at
	}
	waves := math.Ceil(float64(c.BatchSize) / at)
	return waves * float64(c.Generate.MaxTokens) * step * (1 << 30) / rate, true
}

// sequencesAtOnce is how many answers grow at a time: what is offered, as far as the engine takes it.
func sequencesAtOnce(c *cell.Cell, limit float64) float64 {
	n := float64(c.BatchSize)
	if c.Load.Mode == "closed" {
		n = min(n, float64(c.Load.Concurrency))
	}
	if most := c.Predicted().MaxSequences; most != nil {
		limit = *most
	}
	return max(1, min(n, limit))
}
