package vllm

import (
	"fmt"
	"math"

	"matrix/backends/modelfile"
	"matrix/experiments/cell"
)

// gib is the bytes of a GiB, in which vLLM's log and the hardware blocks count.
const gib = 1 << 30

// Fit predicts the memory of a cell by vLLM's own sums, per GPU. promptTokensP95 is the 95th percentile of prompt
// lengths in tokens, 0 = unknown. It reads config.json and safetensors headers where they are, else the model's
// architecture block; what neither tells is nil.
//
// A sequence for kv_gib_per_sequence has p95 + max_tokens; need holds one of max_model_len where that is known,
// because vLLM refuses to start when such a one does not fit.
func Fit(c *cell.Cell, promptTokensP95 int) cell.Fit {
	s := fitSettingsOf(c)
	m := describe(c, s)
	f := cell.Fit{Source: m.source}
	if m.source == "" {
		f.Lines = []string{"unknown: neither config.json nor an architecture block"}
		return f
	}
	sum := &fitSum{fit: &f, settings: s, model: m}
	sum.budget(c)
	sum.weights()
	sum.overhead()
	sum.cache(c, promptTokensP95)
	sum.need()
	sum.room()
	return f
}

// fitSum adds up a prediction, number by number and line by line.
type fitSum struct {
	fit      *cell.Fit
	settings fitSettings
	model    fitModel
	kv       kvLayout // set by cache
	longest  int      // tokens of max_model_len, 0 = unknown
	usual    int      // tokens of p95 + max_tokens, 0 = unknown
}

// line is one line of what the plan shows beside the figures.
func (s *fitSum) line(format string, args ...any) {
	s.fit.Lines = append(s.fit.Lines, fmt.Sprintf(format, args...))
}

// budget is what vLLM may take of a GPU, or of the machine's memory where it runs on the CPU. Unknown hardware leaves it
// out, and then nothing can be refused.
func (s *fitSum) budget(c *cell.Cell) {
	switch h := c.Hardware; {
	case s.settings.cpu:
		if h != nil && h.RAMGiB > 0 {
			s.fit.BudgetGiB = new(h.RAMGiB)
		}
	case h != nil && h.VRAMGiB > 0:
		s.fit.BudgetGiB = new(h.VRAMGiB * s.settings.utilization)
		s.line("budget %.2f GiB: gpu_memory_utilization %g × %g GiB", *s.fit.BudgetGiB, s.settings.utilization, h.VRAMGiB)
	}
}

// weights are what each GPU holds of the model: pipeline and tensor parallelism both divide them.
func (s *fitSum) weights() {
	if s.model.weightBytes == 0 {
		s.line("weights unknown")
		return
	}
	perGPU := s.model.weightBytes / float64(s.settings.tp*s.settings.pp)
	// The tables of rotary positions are no weights of the file but stand with them, whole on each GPU ("Model loading took").
	tables := s.model.shape.PositionElements * s.settings.bytesPerElement
	s.fit.WeightsGiB = new((perGPU + tables) / gib)
	positions := ""
	if tables > 0 {
		positions = fmt.Sprintf(", and %.2f GiB of position tables", tables/gib)
	}
	s.line("weights %.2f GiB%s: %s%s", *s.fit.WeightsGiB, s.settings.perGPU(), s.model.weightsFrom, positions)
}

// logitBytes is what one logit takes at the peak of vLLM's profile run, in which max_num_seqs requests are sampled with
// top_k and top_p (_dummy_sampler_run, forward_native): the model's own 16-bit logits, their 32-bit copy, the
// probabilities and the noise that they are divided by.
const logitBytes = 2 + 4 + 4 + 4

// overhead is what vLLM keeps out of the cache beside the weights, by its own profile run: the larger of two peaks, a
// full step's activations or the sampling of all sequences with the step's hidden states still there; CUDA graphs as it
// estimates them before it captures; and what libraries take outside of PyTorch. The last two are planning constants:
// logs of 0.22.1 on an H100 have 0.37 and 0.41 GiB, and 0.25 more where torch.compile just compiled.
func (s *fitSum) overhead() {
	shape, set := s.model.shape, s.settings
	if shape.HiddenSize == 0 || shape.VocabSize == 0 {
		s.line("overhead unknown: hidden size and vocabulary are not told")
		return
	}
	libraries, graphs := 0.4, 0.4
	if set.cpu {
		libraries = 0
	}
	if set.cpu || set.eager {
		graphs = 0
	}
	width := float64(4*shape.HiddenSize) + float64(2*shape.IntermediateSize)/float64(set.tp)
	activations := float64(set.batchedTokens) * width * 2 / gib
	hidden := float64(set.batchedTokens) * float64(shape.HiddenSize) * set.bytesPerElement / gib
	sampled := min(set.sequences, set.batchedTokens)
	sampling := hidden + float64(sampled)*float64(shape.VocabSize)*logitBytes/gib
	total := libraries + graphs + max(activations, sampling)
	s.fit.OverheadGiB = &total
	s.line("overhead %.2f GiB: libraries %.1f, graphs %.1f, and the larger of activations %.2f (%d batched tokens) and sampling %.2f (%d sequences); estimated",
		total, libraries, graphs, activations, set.batchedTokens, sampling, sampled)
}

// cache is the KV room of one sequence as long as the prompts' 95th percentile plus what is generated, and at most the
// context. The longest sequence matters apart from it: vLLM does not start where the cache has no room for one of
// max_model_len.
func (s *fitSum) cache(c *cell.Cell, p95 int) {
	s.longest = s.settings.maxLen
	if s.longest == 0 {
		s.longest = s.model.shape.ContextLength
	}
	s.usual = s.longest
	if p95 > 0 {
		s.usual = p95
		if c.Generate != nil {
			s.usual += c.Generate.MaxTokens
		}
		if s.longest > 0 {
			s.usual = min(s.usual, s.longest)
		}
	}
	if !s.model.shape.KnowsKV() || s.usual == 0 {
		s.line("KV cache unknown")
		return
	}
	s.kv = layout(s.model.shape, s.settings)
	bytes := s.kv.bytes(s.usual)
	s.fit.KVGiBPerSequence = new(bytes / gib)
	s.line("KV cache of one %d-token sequence %.3f GiB%s: %s", s.usual, bytes/gib, s.settings.perGPU(), s.kv)
}

// need adds up what must fit for vLLM to start at all. It is said where it is complete, or where the known part alone is
// too much.
func (s *fitSum) need() {
	f := s.fit
	if f.WeightsGiB == nil {
		return
	}
	// Weights alone above the budget are reason enough, whatever the unknown rest is.
	need, parts := *f.WeightsGiB, "weights"
	if f.OverheadGiB != nil {
		need += *f.OverheadGiB
		parts += " + overhead"
	}
	if f.KVGiBPerSequence != nil {
		tokens := max(s.longest, s.usual)
		need += s.kv.bytes(tokens) / gib
		parts += fmt.Sprintf(" + one sequence of %d tokens", tokens)
	}
	complete := f.OverheadGiB != nil && f.KVGiBPerSequence != nil
	if !complete && (f.BudgetGiB == nil || need <= *f.BudgetGiB) {
		return
	}
	f.NeedGiB = &need
	s.line("need %.2f GiB: %s", need, parts)
}

// room is what is left for the KV cache, in vLLM's own blocks.
func (s *fitSum) room() {
	f := s.fit
	bytes := s.settings.kvBytes
	if bytes == 0 && !s.settings.cpu && f.BudgetGiB != nil && f.WeightsGiB != nil && f.OverheadGiB != nil {
		bytes = (*f.BudgetGiB - *f.WeightsGiB - *f.OverheadGiB) * gib
	}
	if bytes == 0 || f.KVGiBPerSequence == nil {
		return
	}
	blocks := math.Floor(math.Max(0, bytes) / s.kv.blockBytes())
	sequences := math.Floor(blocks / float64(s.kv.blocks(s.usual)))
	f.MaxSequences = new(math.Min(sequences, float64(s.settings.sequences)))
	s.line("room for the cache %.2f GiB: %.0f sequences of %d tokens, max_num_seqs %d", math.Max(0, bytes)/gib, sequences, s.usual, s.settings.sequences)
	if s.longest > 0 {
		f.KVTokens = new(math.Floor(blocks / float64(s.kv.blocks(s.longest)) * float64(s.longest)))
		s.line("KV capacity %.0f tokens (vLLM's \"KV cache size\", for %d-token requests)", *f.KVTokens, s.longest)
	}
}

// fitModel is what is known of a model's size.
type fitModel struct {
	shape       modelfile.Shape // of the text model; the zero value where nothing is known
	weightBytes float64         // as loaded, all GPUs together; 0 = unknown
	weightsFrom string          // how the number came about, for the line that shows it
	source      string          // "config.json", "architecture", "" = nothing known
}

// describe looks at the files first: an architecture block is for machines that do not have them.
func describe(c *cell.Cell, s fitSettings) fitModel {
	if modelOf(c.Model) == nil {
		return fitModel{}
	}
	if dir, _, err := modelDir(c); err == nil {
		if config, err := modelfile.ReadConfig(dir); err == nil {
			return fromConfig(c, s, dir, config)
		}
	}
	a := c.Model.Architecture
	if a == nil {
		return fitModel{}
	}
	m := fitModel{shape: modelfile.FromArchitecture(a), source: "architecture"}
	switch {
	case a.WeightsGiB > 0:
		m.weightBytes, m.weightsFrom = a.WeightsGiB*gib, "as the architecture says"
	case a.Parameters > 0:
		m.count(a.Parameters, precisionOf(c, nil, s))
	default:
		m.count(m.shape.EstimateParameters(), precisionOf(c, nil, s))
	}
	return m
}

// fromConfig reads a model's folder. The files' sizes tell the weights where they are there; before they were fetched, the
// parameters that the architecture declares or that config.json leads to.
func fromConfig(c *cell.Cell, s fitSettings, dir string, config *modelfile.Config) fitModel {
	m := fitModel{shape: config.Shape, source: "config.json"}
	w, err := modelfile.ReadSafetensors(dir)
	if err != nil {
		if a := c.Model.Architecture; a != nil && a.Parameters > 0 {
			m.count(a.Parameters, precisionOf(c, config, s))
			return m
		}
		m.count(config.Parameters(), precisionOf(c, config, s))
		return m
	}
	m.weightBytes, m.weightsFrom = float64(w.Bytes), fmt.Sprintf("%d bytes of safetensors", w.Bytes)
	wide := s.bytesPerElement
	if stored, known := storedBytes[w.DType()]; known && config.Quantization == "" && stored != wide {
		m.weightBytes *= wide / stored
		m.weightsFrom += fmt.Sprintf(", %s loaded at %g bytes a weight", w.DType(), wide)
	}
	if p := precisionOf(c, config, s); config.Quantization == "" && p.linear < wide {
		embeddings := m.shape.EmbeddingParameters() * wide
		m.weightBytes = embeddings + (m.weightBytes-embeddings)*p.linear/wide
		m.weightsFrom += ", linear layers quantised on loading (" + p.name + ")"
	}
	return m
}

// storedBytes are the bytes of a weight in the types that are widened or narrowed on loading; quantised types are left as
// they lie.
var storedBytes = map[string]float64{"BF16": 2, "F16": 2, "F32": 4}

// count leaves a model without parameters unknown. The embeddings stay in full precision, and in a small model with a
// large vocabulary they are most of it.
func (m *fitModel) count(parameters float64, p precision) {
	if parameters == 0 {
		return
	}
	embeddings := math.Min(parameters, m.shape.EmbeddingParameters())
	m.weightBytes = embeddings*p.other + (parameters-embeddings)*p.linear
	m.weightsFrom = fmt.Sprintf("%.2f billion parameters, %s", parameters/1e9, p.name)
}
