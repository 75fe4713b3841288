// Package ggml predicts the memory of a GGUF model under an engine that ggml computes for: Ollama and llama.cpp lay out
// weights, caches and scratch memory alike. What they leave free and how they are told it, their own packages know.
package ggml

import (
	"fmt"
	"math"
	"strings"

	"matrix/backends/modelfile"
	"matrix/experiments/cell"
)

const bytesPerGiB = float64(1 << 30)

// Settings are what decides about memory.
type Settings struct {
	Context, Slots, Batch int     // tokens of one slot, slots, tokens of one step
	Element               float64 // bytes of a cached number
	ElementName           string  // "f16", "q8_0"
	Flash                 bool    // flash attention: no matrix of scores
	LayersGPU             *int    // that are asked for, the output layer counted; nil = as many as fit
	// Sliding is how many tokens a layer with a sliding window keeps, all slots together.
	Sliding func(window int) float64
}

// Element is the size of a cached number by the name of its type, with the scale of its block; f16's where it has none.
func Element(kind string) (bytes float64, name string) {
	switch kind {
	case "f32":
		return 4, kind
	case "q8_0":
		return 1.0625, kind
	case "q5_1":
		return 0.75, kind
	case "q5_0":
		return 0.6875, kind
	case "q4_1":
		return 0.625, kind
	case "q4_0", "iq4_nl":
		return 0.5625, kind
	case "bf16":
		return 2, kind
	}
	return 2, "f16"
}

// Model is what is known of a model's size.
type Model struct {
	shape       modelfile.Shape
	family      string  // GGUF's architecture, "gemma3"
	weightBytes float64 // on the GPU when every layer is; 0 = unknown
	weightsFrom string  // how the number came about
	Source      string  // "gguf", "architecture", "" = nothing known
}

// Describe takes a header, or with none the model's architecture block; name is the model's or its file's, which tells the
// quantisation as tags say it.
func Describe(g *modelfile.GGUF, a *cell.Architecture, name string) Model {
	if g != nil {
		bytes := g.OutputBytes + g.OtherBytes
		for _, n := range g.LayerBytes {
			bytes += n
		}
		return Model{
			shape: g.Shape, family: g.Architecture, weightBytes: float64(bytes), Source: "gguf",
			weightsFrom: fmt.Sprintf("%d layers and the output layer, %s", len(g.LayerBytes), g.FileType),
		}
	}
	if a == nil {
		return Model{}
	}
	m := Model{shape: modelfile.FromArchitecture(a), Source: "architecture"}
	parameters := a.Parameters
	if parameters == 0 {
		parameters = m.shape.EstimateParameters()
	}
	bytes, quantisation := bytesPerWeight(name)
	switch {
	case a.WeightsGiB > 0:
		m.weightBytes, m.weightsFrom = a.WeightsGiB*bytesPerGiB, "as the architecture says"
	case parameters > 0:
		m.weightBytes, m.weightsFrom = parameters*bytes, fmt.Sprintf("%.2f billion parameters at %g bytes (%s)", parameters/1e9, bytes, quantisation)
	}
	return m
}

// bytesPerWeight: a model without a tag is Q4_K_M, as in Ollama's library. K-quants mix block types: the figures are those
// of whole models.
func bytesPerWeight(name string) (bytes float64, quantisation string) {
	text := strings.ToLower(name)
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

// Predict adds up a prediction, number by number and line by line, to one that may have a budget.
//
// The caches of all slots are taken at the load, each of a whole context whatever the prompts are, so need holds them all.
func Predict(f *cell.Fit, m Model, s Settings) {
	sum := &fitSum{fit: f, settings: s, model: m}
	sum.weights()
	sum.cache()
	sum.graph()
	sum.need()
	sum.room()
}

// fitSum is a prediction while it is added up.
type fitSum struct {
	fit      *cell.Fit
	settings Settings
	model    Model
	cacheGiB float64 // of all slots
}

// line is one line of what the plan shows beside the figures.
func (s *fitSum) line(format string, args ...any) {
	s.fit.Lines = append(s.fit.Lines, fmt.Sprintf(format, args...))
}

// share is the part of the model that lies on the GPU.
func (s *fitSum) share() float64 {
	layers := s.model.shape.Layers + 1 // the output counts as one
	if s.settings.LayersGPU == nil || *s.settings.LayersGPU >= layers {
		return 1
	}
	return float64(*s.settings.LayersGPU) / float64(layers)
}

// weights are those of the layers that go to the GPU, by their share of all layers.
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
	whole := float64(set.Context * set.Slots)
	window := math.Min(whole, set.Sliding(shape.SlidingWindow))
	numbers := float64(shape.FullLayers()*full)*whole + float64(shape.SlidingLayers*sliding)*window
	bytes := (numbers*set.Element + float64(shape.OtherLayers*set.Slots)*shape.StateBytes) * s.share()
	s.cacheGiB = bytes / bytesPerGiB
	s.fit.KVGiBPerSequence = new(s.cacheGiB / float64(set.Slots))
	s.line("KV cache %.3f GiB: %d slots × %d tokens, %d full and %d sliding layers, %s", s.cacheGiB, set.Slots, set.Context,
		shape.FullLayers(), shape.SlidingLayers, set.ElementName)
}

// graph is the scratch memory of one batch, by the formulas of Ollama's planner up to 0.24. With flash attention no matrix
// of scores is kept, and the logits are the largest part.
func (s *fitSum) graph() {
	shape, set := s.model.shape, s.settings
	if shape.HiddenSize == 0 || shape.VocabSize == 0 || shape.Heads == 0 {
		s.line("graph unknown: heads, hidden size and vocabulary are not told")
		return
	}
	batch, context, hidden := float64(4*set.Batch), float64(set.Context*set.Slots), float64(shape.HiddenSize)
	scores := batch * (1 + 4*hidden + context*float64(1+shape.Heads))
	if s.model.family == "gemma3" {
		scores = batch * (2 + context*float64(1+shape.Heads) + 2*hidden + float64(2*shape.KeyDim*shape.Heads))
	}
	bytes := batch * (hidden + float64(shape.VocabSize))
	if !set.Flash {
		bytes = math.Max(bytes, scores)
	}
	if s.share() == 0 {
		bytes = 0
	}
	s.fit.OverheadGiB = new(bytes / bytesPerGiB)
	s.line("graph %.2f GiB: a batch of %d tokens (flash attention %t)", bytes/bytesPerGiB, set.Batch, set.Flash)
}

// need is what would have to fit for every layer to be on the GPU. More than that is no reason not to run: layers go to the
// CPU, and the launch says how many.
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
	f.KVTokens = new(float64(s.settings.Slots * s.settings.Context))
	if f.BudgetGiB == nil || f.NeedGiB == nil || f.OverheadGiB == nil {
		return
	}
	slots := float64(s.settings.Slots)
	if left := *f.BudgetGiB - *f.WeightsGiB - *f.OverheadGiB; left < s.cacheGiB {
		slots = math.Max(0, math.Floor(left / *f.KVGiBPerSequence))
	}
	f.MaxSequences = &slots
	*f.KVTokens = slots * float64(s.settings.Context)
	s.line("room for %.0f of %d slots", slots, s.settings.Slots)
}
