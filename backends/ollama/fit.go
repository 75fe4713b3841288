package ollama

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/experiments"
)

const (
	bytesPerMiB = float64(1 << 20)
	bytesPerGiB = float64(1 << 30)
	// perGPUReserve is what Ollama leaves free on each GPU.
	perGPUReserve = 457 * bytesPerMiB
)

// Fit predicts the memory of a cell by Ollama's own sums. It reads a GGUF header (a file, or Ollama's store), else
// the model's architecture block; what neither tells is nil.
//
// Ollama takes the caches of all slots at the load, each of num_ctx tokens whatever the prompts are, so need holds
// them all and the prompt tokens (p95) play no part. A model that does not fit would spill to the CPU: need above budget.
// Where options.num_gpu is declared, that is what was asked for, and there is no budget.
func Fit(c *experiments.Cell, _ int) experiments.Fit {
	s := fitSettingsOf(c)
	m := describe(c)
	f := experiments.Fit{Source: m.source}
	if m.source == "" {
		f.Lines = []string{"unknown: neither a GGUF header nor an architecture block"}
		return f
	}
	sum := &fitSum{fit: &f, settings: s, model: m}
	sum.budget(c)
	sum.weights()
	sum.cache()
	sum.graph()
	sum.need()
	sum.room()
	return f
}

// fitSettings are what decides about memory, with Ollama's defaults.
type fitSettings struct {
	context, slots, batch int
	element               float64 // bytes of a cached number
	elementName           string
	flash                 bool
	gpuOverhead           float64 // bytes
	layersGPU             *int    // options.num_gpu, nil = automatic
}

func fitSettingsOf(c *experiments.Cell) fitSettings {
	getenv := process.Getenv(c.Platform.Env)
	s := fitSettings{context: contextOf(c.Platform), slots: 1, batch: 512, element: 2, elementName: "f16"}
	if n, err := strconv.Atoi(c.Platform.Env["OLLAMA_NUM_PARALLEL"]); err == nil && n > 0 {
		s.slots = n
	}
	if n, ok := whole(c.Platform.Options["num_batch"]); ok && n > 0 {
		s.batch = n
	}
	if n, ok := whole(c.Platform.Options["num_gpu"]); ok && n >= 0 {
		s.layersGPU = &n
	}
	switch kind := getenv("OLLAMA_KV_CACHE_TYPE"); kind {
	case "q8_0":
		s.element, s.elementName = 1.0625, kind
	case "q4_0":
		s.element, s.elementName = 0.5625, kind
	}
	s.flash, _ = strconv.ParseBool(getenv("OLLAMA_FLASH_ATTENTION"))
	s.gpuOverhead, _ = strconv.ParseFloat(getenv("OLLAMA_GPU_OVERHEAD"), 64)
	return s
}

// fitModel is what is known of a model's size.
type fitModel struct {
	shape       modelfile.Shape
	family      string  // GGUF's architecture, "gemma3"
	weightBytes float64 // on the GPU when every layer is; 0 = unknown
	weightsFrom string
	source      string // "gguf", "architecture", "" = nothing known
}

func describe(c *experiments.Cell) fitModel {
	if c.Model == nil || c.Model.Ollama == nil {
		return fitModel{}
	}
	if g, err := header(c); err == nil {
		bytes := g.OutputBytes + g.OtherBytes
		for _, n := range g.LayerBytes {
			bytes += n
		}
		return fitModel{
			shape: g.Shape, family: g.Architecture, weightBytes: float64(bytes), source: "gguf",
			weightsFrom: fmt.Sprintf("%d layers and the output layer, %s", len(g.LayerBytes), g.FileType),
		}
	}
	a := c.Model.Architecture
	if a == nil {
		return fitModel{}
	}
	m := fitModel{shape: modelfile.FromArchitecture(a), source: "architecture"}
	parameters := a.Parameters
	if parameters == 0 {
		parameters = m.shape.EstimateParameters()
	}
	bytes, name := bytesPerWeight(c.Model.Ollama)
	switch {
	case a.WeightsGiB > 0:
		m.weightBytes, m.weightsFrom = a.WeightsGiB*bytesPerGiB, "as the architecture says"
	case parameters > 0:
		m.weightBytes, m.weightsFrom = parameters*bytes, fmt.Sprintf("%.2f billion parameters at %g bytes (%s)", parameters/1e9, bytes, name)
	}
	return m
}

func header(c *experiments.Cell) (*modelfile.GGUF, error) {
	m := c.Model.Ollama
	if m.GGUF != "" {
		return modelfile.ReadGGUF(m.GGUF)
	}
	return modelfile.OllamaGGUF(userStore(c.Platform, m.Model), m.Model)
}

// bytesPerWeight tells the quantisation by a model's name or file name, as tags say it; a library model without
// one is Q4_K_M. K-quants mix block types: the figures are those of whole models.
func bytesPerWeight(m *experiments.OllamaModel) (bytes float64, name string) {
	text := strings.ToLower(m.Model + m.GGUF)
	for _, q := range []struct {
		tag   string
		bytes float64
	}{
		{"fp16", 2}, {"bf16", 2}, {"-f16", 2}, {"_f16", 2}, {"f32", 4}, {"q8_0", 1.0625}, {"q6_k", 0.82}, {"q5_k", 0.71}, {"q5_", 0.72},
		{"q4_k_s", 0.58}, {"q4_k", 0.61}, {"q4_", 0.5625}, {"qat", 0.61}, {"q3_k", 0.49}, {"q2_k", 0.42}, {"mxfp4", 0.54},
	} {
		if strings.Contains(text, q.tag) {
			return q.bytes, strings.Trim(q.tag, "-_")
		}
	}
	return 0.61, "q4_K_M, the library's default"
}

// fitSum adds up a prediction, number by number and line by line.
type fitSum struct {
	fit      *experiments.Fit
	settings fitSettings
	model    fitModel
	cacheGiB float64 // of all slots
}

func (s *fitSum) line(format string, args ...any) {
	s.fit.Lines = append(s.fit.Lines, fmt.Sprintf(format, args...))
}

func (s *fitSum) budget(c *experiments.Cell) {
	h := c.Hardware
	if h == nil || h.VRAMGiB == 0 {
		return
	}
	gpus := float64(max(1, h.GPUs))
	budget := gpus*(h.VRAMGiB-perGPUReserve/bytesPerGiB) - s.settings.gpuOverhead/bytesPerGiB
	if n := s.settings.layersGPU; n != nil {
		s.line("num_gpu = %d is declared: layers on the CPU are asked for, so %.2f GiB of usable VRAM are no limit", *n, budget)
		return
	}
	s.fit.BudgetGiB = &budget
	s.line("budget %.2f GiB: %g × (%g GiB − 457 MiB) − OLLAMA_GPU_OVERHEAD %.0f MiB", budget, gpus, h.VRAMGiB, s.settings.gpuOverhead/bytesPerMiB)
}

// share is the part of the model that lies on the GPU.
func (s *fitSum) share() float64 {
	layers := s.model.shape.Layers + 1 // the output counts as one
	if s.settings.layersGPU == nil || *s.settings.layersGPU >= layers {
		return 1
	}
	return float64(*s.settings.layersGPU) / float64(layers)
}

func (s *fitSum) weights() {
	if s.model.weightBytes == 0 {
		s.line("weights unknown")
		return
	}
	bytes := s.model.weightBytes * s.share()
	s.fit.WeightsGiB = new(bytes / bytesPerGiB)
	s.line("weights %.2f GiB: %s", bytes/bytesPerGiB, s.model.weightsFrom)
}

// cache sums the layers' caches: full layers keep every slot's context, sliding ones the slots' windows and a batch.
func (s *fitSum) cache() {
	shape, set := s.model.shape, s.settings
	if !shape.KnowsKV() {
		s.line("KV cache unknown")
		return
	}
	full, sliding := shape.KVElements(1)
	whole := float64(set.context * set.slots)
	window := math.Min(whole, float64(set.slots*shape.SlidingWindow+set.batch))
	numbers := float64(shape.FullLayers()*full)*whole + float64(shape.SlidingLayers*sliding)*window
	bytes := (numbers*set.element + float64(shape.OtherLayers*set.slots)*shape.StateBytes) * s.share()
	s.cacheGiB = bytes / bytesPerGiB
	s.fit.KVGiBPerSequence = new(s.cacheGiB / float64(set.slots))
	s.line("KV cache %.3f GiB: %d slots × %d tokens, %d full and %d sliding layers, %s", s.cacheGiB, set.slots, set.context,
		shape.FullLayers(), shape.SlidingLayers, set.elementName)
}

// graph is the scratch memory of one batch, by the formulas of Ollama's own planner. With flash attention no matrix
// of scores is kept, and the logits are the largest part.
func (s *fitSum) graph() {
	shape, set := s.model.shape, s.settings
	if shape.HiddenSize == 0 || shape.VocabSize == 0 || shape.Heads == 0 {
		s.line("graph unknown: heads, hidden size and vocabulary are not told")
		return
	}
	batch, context, hidden := float64(4*set.batch), float64(set.context*set.slots), float64(shape.HiddenSize)
	scores := batch * (1 + 4*hidden + context*float64(1+shape.Heads))
	if s.model.family == "gemma3" {
		scores = batch * (2 + context*float64(1+shape.Heads) + 2*hidden + float64(2*shape.KeyDim*shape.Heads))
	}
	bytes := batch * (hidden + float64(shape.VocabSize))
	if !set.flash {
		bytes = math.Max(bytes, scores)
	}
	if s.share() == 0 {
		bytes = 0
	}
	s.fit.OverheadGiB = new(bytes / bytesPerGiB)
	s.line("graph %.2f GiB: a batch of %d tokens (flash attention %t)", bytes/bytesPerGiB, set.batch, set.flash)
}

func (s *fitSum) need() {
	f := s.fit
	if f.WeightsGiB == nil {
		return
	}
	need := *f.WeightsGiB + s.cacheGiB
	if f.OverheadGiB != nil {
		need += *f.OverheadGiB
	}
	// An incomplete sum above the budget is reason enough; one below it shows nothing.
	complete := f.OverheadGiB != nil && f.KVGiBPerSequence != nil
	if !complete && (f.BudgetGiB == nil || need <= *f.BudgetGiB) {
		return
	}
	f.NeedGiB = &need
	s.line("need %.2f GiB: weights + graph + the caches of all slots; what does not fit goes to the CPU", need)
}

// room is how many slots there are, or fewer where not all of them fit.
func (s *fitSum) room() {
	f := s.fit
	if f.KVGiBPerSequence == nil {
		return
	}
	f.KVTokens = new(float64(s.settings.slots * s.settings.context))
	if f.BudgetGiB == nil || f.NeedGiB == nil || f.OverheadGiB == nil {
		return
	}
	slots := float64(s.settings.slots)
	if left := *f.BudgetGiB - *f.WeightsGiB - *f.OverheadGiB; left < s.cacheGiB {
		slots = math.Max(0, math.Floor(left / *f.KVGiBPerSequence))
	}
	f.MaxSequences = &slots
	*f.KVTokens = slots * float64(s.settings.context)
	s.line("room for %.0f of %d slots", slots, s.settings.slots)
}
