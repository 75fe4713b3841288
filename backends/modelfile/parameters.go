package modelfile

// family is how the decoder layers of a model type differ from Llama's, as transformers' own classes build them:
// testdata/shapes holds what those count for each entry, and a test compares. A type that is not here is counted as a
// plain transformer where it has nothing that one lacks, else its weights are unknown: a guess by the wrong formula once
// was 42% too low, which no reader could tell from a right one.
type family struct {
	norms   int                           // vectors of the hidden size in a layer; 0 = the two of Llama
	qkvBias bool                          // whatever attention_bias says
	outBias bool                          // attention_bias holds for the output projection too
	qkNorm  int                           // normHead, normWidth or none
	gated   bool                          // the query projection carries a gate of its own size
	special func(fields, *Config) float64 // what no other type has
}

const (
	normHead  = 1 // a vector of the head's size for queries, another for keys
	normWidth = 2 // vectors of all heads together
)

// families are the model types that testdata/shapes has counts for.
var families = map[string]family{
	"llama": {outBias: true}, "mistral": {}, "ministral": {}, "mixtral": {}, "phi3": {}, "granite": {outBias: true}, "smollm3": {outBias: true},
	"qwen2": {qkvBias: true}, "qwen3": {qkNorm: normHead, outBias: true}, "qwen3_moe": {qkNorm: normHead, outBias: true},
	"qwen3_next":       {qkNorm: normHead, gated: true, special: linearAttention},
	"qwen3_5_text":     {qkNorm: normHead, gated: true, special: linearAttention},
	"qwen3_5_moe_text": {qkNorm: normHead, gated: true, special: linearAttention},
	"gemma2":           {norms: 4, outBias: true}, "gemma3_text": {norms: 4, qkNorm: normHead, outBias: true},
	"gemma3n_text": {norms: 4, qkNorm: normHead, outBias: true, special: gemma3n},
	"gemma4_text":  {norms: 4, qkNorm: normHead, outBias: true, special: gemma4},
	"olmo2":        {qkNorm: normWidth, outBias: true}, "olmoe": {qkNorm: normWidth, outBias: true}, "cohere2": {norms: 1, outBias: true},
	"glm4": {norms: 4}, "glm4_moe": {}, "glm4_moe_lite": {}, "deepseek_v2": {}, "deepseek_v3": {}, "minicpm3": {},
	"gpt_oss": {outBias: true, special: gptOSS}, "llama4_text": {outBias: true},
}

// Parameters counts the weights by the config alone: all of the language model's tensors, the output layer once where it
// is the embedding. 0 = not known.
func (c *Config) Parameters() float64 { return c.parameters }

// count adds up the parameters of a known family, layer by layer; 0 = they cannot be told.
func (c *Config) count(f fields) float64 {
	kind, known := families[c.ModelType]
	if c.Layers == 0 || c.HiddenSize == 0 || c.Heads == 0 || c.VocabSize == 0 {
		return 0
	}
	if !known {
		if c.plain(f) {
			return c.EstimateParameters()
		}
		return 0
	}
	if kind.norms == 0 {
		kind.norms = 2
	}
	h := float64(c.HiddenSize)
	n := c.EmbeddingParameters() + h
	routed := c.routing(f)
	for i := range c.Layers {
		n += float64(kind.norms)*h + c.feedForward(f, routed(i), i)
		if c.kindOf(i) != otherLayer {
			n += c.attention(f, kind, i)
		}
	}
	if kind.special != nil {
		n += kind.special(f, c)
	}
	return n
}

// plain says that nothing in the config speaks of experts, latent or linear attention, or state spaces.
func (c *Config) plain(f fields) bool {
	return c.Experts == 0 && c.KVLoraRank == 0 && c.OtherLayers == 0 && c.SharedLayers == 0 && !f.mentions("mamba", "linear_num", "ssm", "conv_L", "layers_block_type", "per_layer")
}

// attention is the parameters of one layer's attention: projections, biases and norms. With a latent cache (MLA) the
// projections go through it; layers that share an earlier one's keys and values have none.
func (c *Config) attention(f fields, kind family, layer int) float64 {
	h, heads := float64(c.HiddenSize), float64(c.Heads)
	if c.KVLoraRank > 0 {
		rope, latent := float64(c.RopeDim), float64(c.KVLoraRank)
		nope, value := float64(f.number("qk_nope_head_dim")), float64(f.number("v_head_dim"))
		queries := h * heads * (nope + rope)
		if q := float64(f.number("q_lora_rank")); q > 0 {
			queries = h*q + q + q*heads*(nope+rope)
		}
		return queries + h*(latent+rope) + latent + latent*heads*(nope+value) + heads*value*h
	}
	kv, head := c.headsOf(layer)
	wide, narrow := heads*float64(head), float64(kv*head)
	asked := wide
	if kind.gated {
		asked *= 2
	}
	n := h*asked + wide*h
	bias := kind.qkvBias || f.flag("attention_bias", c.ModelType == "glm4" || c.ModelType == "gpt_oss")
	if bias {
		n += wide
		if kind.outBias && !kind.qkvBias {
			n += h
		}
	}
	norm := kind.qkNorm
	if f.flag("use_qk_norm", false) && c.ModelType == "glm4_moe" {
		norm = normHead
	}
	switch norm {
	case normHead:
		n += float64(head)
	case normWidth:
		n += wide
	}
	if layer >= c.Layers-c.SharedLayers {
		return n // keys and values are an earlier layer's
	}
	projections := 2.0
	if c.sharesValues(f, layer) {
		projections = 1
	}
	n += projections * h * narrow
	if bias {
		n += projections * narrow
	}
	switch norm {
	case normHead:
		n += float64(head)
	case normWidth:
		n += narrow
	}
	return n
}

// sharesValues: the keys of Gemma 4's full layers may be the values too; both are cached.
func (c *Config) sharesValues(f fields, layer int) bool {
	return f.flag("attention_k_eq_v", false) && c.kindOf(layer) == fullLayer
}

// feedForward counts a layer's dense or routed network.
func (c *Config) feedForward(f fields, routed bool, layer int) float64 {
	h := float64(c.HiddenSize)
	dense := float64(f.number("intermediate_size", "n_inner", "ffn_dim"))
	if sizes, ok := f["intermediate_size"].([]any); ok && layer < len(sizes) { // Gemma 3n
		dense, _ = sizes[layer].(float64)
	}
	if n := float64(f.number("intermediate_size_mlp")); n > 0 { // Llama 4
		dense = n
	}
	if f.flag("use_double_wide_mlp", false) && layer >= c.Layers-c.SharedLayers {
		dense *= 2
	}
	experts := float64(f.number("num_local_experts", "num_experts", "n_routed_experts"))
	if experts == 0 || c.ModelType == "gemma4_text" || !routed {
		n := 3 * h * dense
		if f.flag("mlp_bias", false) {
			n += 2*dense + h
		}
		return n
	}
	width := float64(f.number("moe_intermediate_size", "intermediate_size"))
	n := experts*3*h*width + experts*h
	shared := float64(f.number("n_shared_experts")) * width
	if c.ModelType == "llama4_text" {
		shared = width
	}
	if w := float64(f.number("shared_expert_intermediate_size")); w > 0 { // Qwen: with a gate of its own
		n += h
		shared = w
	}
	return n + 3*h*shared
}

// routing tells by the layer's number whether its feed-forward network has experts.
func (c *Config) routing(f fields) func(layer int) bool {
	if kinds := f.texts("mlp_layer_types"); len(kinds) == c.Layers {
		return func(layer int) bool { return kinds[layer] == "sparse" }
	}
	if with, listed := f.layers("moe_layers"); listed {
		return func(layer int) bool { return with[layer] }
	}
	without, _ := f.layers("mlp_only_layers")
	first, step := f.number("first_k_dense_replace"), max(1, f.number("decoder_sparse_step", "interleave_moe_layer_step"))
	if c.ModelType == "glm4_moe_lite" {
		first = 1
	}
	return func(layer int) bool { return layer >= first && (layer+1)%step == 0 && !without[layer] }
}

// linearAttention counts the gated delta nets of Qwen's hybrids.
func linearAttention(f fields, c *Config) float64 {
	h, kernel := float64(c.HiddenSize), float64(f.number("linear_conv_kernel_dim"))
	heads, value := float64(f.number("linear_num_value_heads")), float64(f.number("linear_value_head_dim"))
	keys := float64(f.number("linear_num_key_heads") * f.number("linear_key_head_dim"))
	values := heads * value
	one := 2*heads + (2*keys+values)*kernel + h*(2*keys+2*values) + h*2*heads + value + values*h
	return float64(c.OtherLayers) * one
}

// deltaNetState is what one sequence keeps in one gated delta net: the convolution's last inputs, in the model's type, and
// the recurrent matrix, in mamba_ssm_dtype where the config says one (vLLM's gated_delta_net_state_shape and _dtype).
func (c *Config) deltaNetState(f fields) float64 {
	element, recurrent := 2.0, 2.0
	if c.DType == "float32" {
		element, recurrent = 4, 4
	}
	if f.text("mamba_ssm_dtype") == "float32" {
		recurrent = 4
	}
	keys := f.number("linear_num_key_heads") * f.number("linear_key_head_dim")
	values := f.number("linear_num_value_heads") * f.number("linear_value_head_dim")
	return float64((2*keys+values)*max(0, f.number("linear_conv_kernel_dim")-1))*element + float64(values*f.number("linear_key_head_dim"))*recurrent
}

// perLayerInputs counts what Gemma 3n and 4 keep of each token for each layer, and how it enters the layer.
func perLayerInputs(f fields, c *Config) float64 {
	width := float64(f.number("hidden_size_per_layer_input"))
	if width == 0 {
		return 0
	}
	h, layers := float64(c.HiddenSize), float64(c.Layers)
	return float64(f.number("vocab_size_per_layer_input"))*layers*width + h*layers*width + width + layers*(2*h*width+h)
}

// gemma4 counts the experts that stand beside each layer's dense network, with the router's and their own norms.
func gemma4(f fields, c *Config) float64 {
	n := perLayerInputs(f, c)
	if experts := float64(f.number("num_experts")); f.flag("enable_moe_block", false) && experts > 0 {
		h := float64(c.HiddenSize)
		n += float64(c.Layers) * (h + experts + experts*h + experts*3*h*float64(f.number("moe_intermediate_size")) + 3*h)
	}
	return n
}

// gemma3n counts AltUp (predictions from several copies of the stream) and LAuReL (a low-rank path beside each layer).
func gemma3n(f fields, c *Config) float64 {
	h, layers, inputs, rank := float64(c.HiddenSize), float64(c.Layers), float64(f.number("altup_num_inputs")), float64(f.number("laurel_rank"))
	altup := h + inputs*inputs + inputs*inputs*inputs + inputs*h + h
	laurel := 2*h*rank + h
	return perLayerInputs(f, c) + layers*(altup+laurel) + 2*(inputs-1)*h*h
}

// gptOSS counts the attention sinks and the biases of router and experts.
func gptOSS(f fields, c *Config) float64 {
	experts, width := float64(f.number("num_local_experts")), float64(f.number("intermediate_size"))
	return float64(c.Layers) * (float64(c.Heads) + experts + experts*(2*width+float64(c.HiddenSize)))
}
