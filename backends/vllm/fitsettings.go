package vllm

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"matrix/backends/modelfile"
	"matrix/experiments/cell"
)

// fitSettings are the engine arguments that decide about memory, with vLLM's defaults.
type fitSettings struct {
	cpu             bool    // told by VLLM_CPU_KVCACHE_SPACE, without which nobody runs it there
	eager           bool    // no CUDA graphs are captured
	hybrid          bool    // full and sliding layers are cached apart
	tp, pp          int     // GPUs that share a layer, and stages of layers; 1 at least
	utilization     float64 // of the device's whole memory, 0 to 1
	maxLen          int     // 0 = the model's
	batchedTokens   int     // of one step, at most
	sequences       int     // in one step, at most
	block           int     // tokens
	bytesPerElement float64 // of weights and activations
	kvElement       float64 // bytes
	kvBytes         float64 // room for the cache where it is declared, else 0
}

// fitSettingsOf takes the arguments that decide about memory, with vLLM's defaults for the others: 0.92 of a GPU, blocks of
// 16 tokens (128 on a CPU), two bytes an element.
func fitSettingsOf(c *cell.Cell) fitSettings {
	args := c.Platform.Args
	s := fitSettings{
		eager: args["enforce_eager"] == true, hybrid: args["disable_hybrid_kv_cache_manager"] != true,
		tp: max(1, args.Int("tensor_parallel_size")), pp: max(1, args.Int("pipeline_parallel_size")),
		utilization: 0.92, maxLen: max(0, args.Int("max_model_len")), bytesPerElement: 2,
	}
	s.kvBytes, _ = cell.Number(args["kv_cache_memory_bytes"])
	if u, _ := cell.Number(args["gpu_memory_utilization"]); u > 0 {
		s.utilization = u
	}
	// The caller's own VLLM_* variables do not reach the engine: only what is declared counts.
	if space := c.Platform.Env["VLLM_CPU_KVCACHE_SPACE"]; space != "" {
		s.cpu = true
		// On a processor vLLM takes the variable and passes over kv_cache_memory_bytes.
		if n, err := strconv.ParseFloat(space, 64); err == nil && n > 0 {
			s.kvBytes = n * gib
		}
	}
	s.precise(c)
	s.steps(c)
	s.block = 16
	if s.cpu {
		s.block = 128
	}
	if n := args.Int("block_size"); n > 0 {
		s.block = n
	}
	return s
}

// precise takes the widths of weights and of the KV cache. The arguments win over what the model declares, as they do on
// vLLM's command line.
func (s *fitSettings) precise(c *cell.Cell) {
	dtype := ""
	if modelOf(c.Model) != nil {
		dtype = modelOf(c.Model).DType
	}
	if d, ok := c.Platform.Args["dtype"].(string); ok {
		dtype = d
	}
	if dtype == "float32" || dtype == "float" {
		s.bytesPerElement = 4
	}
	s.kvElement = s.bytesPerElement
	if kv, ok := c.Platform.Args["kv_cache_dtype"].(string); ok && (strings.HasPrefix(kv, "fp8") || kv == "int8") {
		s.kvElement = 1
	}
}

// steps fills what differs by entry point and device where it is not set. A large GPU is one of 70 GiB and no A100.
func (s *fitSettings) steps(c *cell.Cell) {
	offline := c.Platform.Backend == OfflineName
	large := c.Hardware != nil && c.Hardware.VRAMGiB >= 70 && !strings.Contains(c.Hardware.GPU, "A100")
	pick := func(cond bool, yes, no int) int {
		if cond {
			return yes
		}
		return no
	}
	switch {
	case s.cpu:
		s.batchedTokens, s.sequences = pick(offline, 4096, 2048), pick(offline, 256, 128)
	case large:
		s.batchedTokens, s.sequences = pick(offline, 16384, 8192), 1024
	default:
		s.batchedTokens, s.sequences = pick(offline, 8192, 2048), 256
	}
	if s.cpu {
		s.batchedTokens, s.sequences = s.batchedTokens*s.tp*s.pp, s.sequences*s.tp*s.pp
	}
	if n := c.Platform.Args.Int("max_num_batched_tokens"); n > 0 {
		s.batchedTokens = n
	}
	if n := c.Platform.Args.Int("max_num_seqs"); n > 0 {
		s.sequences = n
	}
}

// perGPU is for the lines of the plan: a number of one GPU of several reads as that of all otherwise.
func (s fitSettings) perGPU() string {
	if s.tp*s.pp == 1 {
		return ""
	}
	return fmt.Sprintf(" on each of %d GPUs", s.tp*s.pp)
}

// kvLayout is how vLLM lays layers out in cache blocks. Where layers are of several kinds they are cut into groups of
// equal size; a block has one page of every layer of one group, and all pages are as large as the largest: a kind whose
// tokens take less has more of them in a block (unify_kv_cache_spec_page_size).
type kvLayout struct {
	block, slidingBlock int     // tokens
	page                float64 // bytes of a block in one layer
	layers              int     // in a group
	full, sliding       int     // groups
	states              int     // groups of linear attention, each with one block a sequence
	window              int     // tokens that a sliding group keeps at most, while a step is computed
}

// layout is how vLLM divides the KV cache: layers of one kind form groups of equal size, and the blocks of all groups are
// pages of equal bytes. A group of few layers is filled up to the others, so the memory of a sequence is not the plain sum
// over its layers.
func layout(shape modelfile.Shape, s fitSettings) kvLayout {
	full, sliding, states := ceilDiv(shape.FullLayers(), s.pp), ceilDiv(shape.SlidingLayers, s.pp), ceilDiv(shape.OtherLayers, s.pp)
	if !s.hybrid {
		full, sliding = full+sliding, 0
	}
	fullToken, slidingToken := shape.KVElements(s.tp)
	k := kvLayout{block: s.block, slidingBlock: s.block, window: shape.SlidingWindow - 1 + s.batchedTokens}
	if states > 0 { // _align_hybrid_block_size: blocks grow until a page holds a sequence's state
		state := shape.StateBytes / float64(s.tp)
		k.block *= int(math.Ceil(state / (float64(s.block*fullToken) * s.kvElement)))
	}
	if sliding > 0 && fullToken > slidingToken {
		k.slidingBlock *= fullToken / slidingToken
	}
	k.page = float64(k.block*fullToken) * s.kvElement
	if slidingToken > fullToken && sliding > 0 {
		k.block *= slidingToken / fullToken
		k.page = float64(s.block*slidingToken) * s.kvElement
	}
	kinds := make([]int, 0, 3)
	for _, n := range []int{full, sliding, states} {
		if n > 0 {
			kinds = append(kinds, n)
		}
	}
	k.layers = 1
	if len(kinds) > 0 {
		k.layers = slices.Min(kinds)
		if most := slices.Max(kinds); float64(most) < 1.5*float64(k.layers) {
			k.layers = most
		}
	}
	k.full, k.sliding, k.states = ceilDiv(full, k.layers), ceilDiv(sliding, k.layers), ceilDiv(states, k.layers)
	return k
}

// blocks is how many one sequence of so many tokens holds.
func (k kvLayout) blocks(tokens int) int {
	return max(1, k.full*ceilDiv(tokens, k.block)+k.sliding*(ceilDiv(min(k.window, tokens), k.slidingBlock)+1)+k.states)
}

// blockBytes is a block over the layers of one group; bytes is what a sequence of so many tokens holds, in whole blocks.
func (k kvLayout) blockBytes() float64      { return k.page * float64(k.layers) }
func (k kvLayout) bytes(tokens int) float64 { return float64(k.blocks(tokens)) * k.blockBytes() }

// String is the layout for the line of `explain` that says how many bytes a sequence takes.
func (k kvLayout) String() string {
	if k.states > 0 {
		return fmt.Sprintf("%d full + %d linear groups of %d layers, blocks of %d tokens; a sequence's state takes a block in each linear group", k.full, k.states, k.layers, k.block)
	}
	if k.sliding == 0 {
		return fmt.Sprintf("%d layers, %.0f bytes a token", k.layers*k.full, k.blockBytes()*float64(k.full)/float64(k.block))
	}
	return fmt.Sprintf("%d full + %d sliding groups of %d layers, blocks of %d tokens", k.full, k.sliding, k.layers, k.block)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// precision is the bytes that a weight takes.
type precision struct {
	name   string
	linear float64 // of linear layers
	other  float64 // embeddings and output layer, which quantisers leave alone
}

// precisionOf reads the quantisation from the config, the settings, or, where the model is not here, from its name,
// which by custom says it (…-quantized.w4a16, …-AWQ).
func precisionOf(c *cell.Cell, config *modelfile.Config, s fitSettings) precision {
	full := precision{name: "16-bit", linear: s.bytesPerElement, other: s.bytesPerElement}
	asked := strings.ToLower(modelOf(c.Model).Quantization)
	bits := 0
	if config != nil {
		bits = config.QuantBits
	}
	if q, ok := c.Platform.Args["quantization"].(string); ok {
		asked = strings.ToLower(q)
	}
	if asked == "" && config == nil {
		asked = strings.ToLower(modelOf(c.Model).Model)
	}
	switch {
	case bits == 4 || bits == 0 && containsAny(asked, "w4a16", "awq", "gptq", "int4", "nf4", "bnb-4bit", "fp4", "bitsandbytes"):
		return precision{name: "4-bit", linear: 0.52, other: full.other}
	case bits == 8 || bits == 0 && containsAny(asked, "fp8", "w8a8", "w8a16", "int8"):
		return precision{name: "8-bit", linear: 1, other: full.other}
	case bits > 0:
		return precision{name: fmt.Sprintf("%d-bit", bits), linear: float64(bits)/8 + 0.02, other: full.other}
	}
	return full
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}
