package modelfile

import (
	"matrix/experiments/cell"
)

// Shape is what decides how much memory a transformer's weights and KV cache take. Zero means the file does not say.
type Shape struct {
	Layers           int // transformer blocks
	HiddenSize       int
	IntermediateSize int // of the dense feed-forward; per expert where there are Experts
	Heads            int // of queries
	KVHeads          int // a latent cache has none of its own
	KeyDim           int // per head
	FullKVHeads      int // of the full layers of a model with sliding ones; KVHeads and KeyDim are then the sliding layers'
	FullKeyDim       int // per head, likewise; equal to KeyDim where all layers are alike
	ValueDim         int // per head
	VocabSize        int
	ContextLength    int     // tokens the model was made for
	SlidingWindow    int     // tokens that a sliding layer sees
	SlidingLayers    int     // of Layers, those with a cache of their own
	SharedLayers     int     // of Layers, the last ones: they read the cache of an earlier layer of their kind
	OtherLayers      int     // of Layers: recurrent or linear attention, whose state is not a KV cache
	StateBytes       float64 // that one sequence keeps in one of the OtherLayers, however long it is; 0 = not known
	KVLoraRank       int     // > 0: multi-head latent attention, one latent vector per token and layer
	RopeDim          int     // of MLA: the positional part beside the latent one
	Experts          int     // routed and shared; 0 = dense
	TiedEmbeddings   bool    // the output layer is the input embedding
	PositionElements float64 // numbers in the tables of rotary positions that are kept beside the weights; 0 = not known
}

// FullLayers is the number of layers that attend to the whole context and keep a cache of it.
func (s Shape) FullLayers() int { return s.Layers - s.SlidingLayers - s.SharedLayers - s.OtherLayers }

// KVElements is how many numbers one token leaves in the KV cache of one layer, of one of `ranks` tensor-parallel
// ranks: a full layer's, and a sliding one's. A latent cache is not split; heads are, down to one a rank.
func (s Shape) KVElements(ranks int) (full, sliding int) {
	if s.KVLoraRank > 0 {
		return s.KVLoraRank + s.RopeDim, s.KVLoraRank + s.RopeDim
	}
	sliding = max(1, s.KVHeads/max(1, ranks)) * (s.KeyDim + s.ValueDim)
	if s.FullKeyDim == s.KeyDim && s.FullKVHeads == s.KVHeads {
		return sliding, sliding
	}
	return max(1, s.FullKVHeads/max(1, ranks)) * 2 * s.FullKeyDim, sliding
}

// KnowsKV reports whether the cache's size can be told.
func (s Shape) KnowsKV() bool {
	full, sliding := s.KVElements(1)
	return s.Layers > 0 && full > 0 && sliding > 0 && (s.OtherLayers == 0 || s.StateBytes > 0)
}

// EmbeddingParameters counts the input embedding and, unless tied, the output layer: quantisers leave them alone.
func (s Shape) EmbeddingParameters() float64 {
	n := float64(s.VocabSize) * float64(s.HiddenSize)
	if s.TiedEmbeddings {
		return n
	}
	return 2 * n
}

// EstimateParameters counts the weights of a plain transformer of this shape; 0 when the shape is incomplete.
// It is for models of which only the config is known: a vision tower is not in it.
func (s Shape) EstimateParameters() float64 {
	if s.Layers == 0 || s.HiddenSize == 0 || s.IntermediateSize == 0 || s.Heads == 0 || s.VocabSize == 0 || s.KVLoraRank > 0 {
		return 0
	}
	h := float64(s.HiddenSize)
	attention := h * float64(s.Heads+s.KVHeads) * float64(s.KeyDim+s.ValueDim)
	forward := 3 * h * float64(s.IntermediateSize) * float64(max(1, s.Experts))
	return s.EmbeddingParameters() + float64(s.Layers)*(attention+forward+4*h) + h
}

// FromArchitecture is the shape that an architecture block gives.
func FromArchitecture(a *cell.Architecture) Shape {
	s := Shape{
		Layers: a.Layers, HiddenSize: a.HiddenSize, IntermediateSize: a.IntermediateSize,
		Heads: a.Heads, KVHeads: a.KVHeads, KeyDim: a.HeadDim, ValueDim: a.HeadDim,
		VocabSize: a.VocabSize, SlidingWindow: a.SlidingWindow,
		TiedEmbeddings: true, // Gemma's way; the safer guess for a prediction that must not refuse what would run
	}
	if a.SlidingWindow > 0 {
		s.SlidingLayers = max(0, a.Layers-a.FullLayers)
	}
	s.fillDerived()
	return s
}

// fillDerived adds what config files leave to be worked out: as many KV heads as heads, head size from the width.
func (s *Shape) fillDerived() {
	if s.KVHeads == 0 {
		s.KVHeads = s.Heads
	}
	if s.KeyDim == 0 && s.Heads > 0 {
		s.KeyDim = s.HiddenSize / s.Heads
	}
	if s.ValueDim == 0 {
		s.ValueDim = s.KeyDim
	}
	if s.FullKeyDim == 0 {
		s.FullKVHeads, s.FullKeyDim = s.KVHeads, s.KeyDim
	}
	if s.SlidingWindow == 0 {
		s.SlidingLayers = 0
	}
}
