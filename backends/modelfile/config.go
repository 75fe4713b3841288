package modelfile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"matrix/experiments/textfile"
)

// Config is a Hugging Face config.json as far as memory and identity go.
type Config struct {
	Shape
	ModelType    string // of the language model, "gemma3_text"
	DType        string // "bfloat16"; "" = not said
	Quantization string // quant_method, "compressed-tensors"; "" = none
	QuantBits    int    // of the weights of linear layers; 0 = not said or not quantised

	kinds      []layerKind // of each layer; nil = all full
	parameters float64     // 0 = not known
}

// layerKind is what a layer keeps of the tokens before: all of them, those of a window, or a state of fixed size.
type layerKind byte

const (
	fullLayer    layerKind = iota
	slidingLayer           // keeps the last tokens of a window
	otherLayer             // recurrent or linear attention
)

// kindOf is full for a layer beyond the list: what is not told takes most memory.
func (c *Config) kindOf(layer int) layerKind {
	if layer < len(c.kinds) {
		return c.kinds[layer]
	}
	return fullLayer
}

// headsOf is the number of key-value heads of a layer and their size.
func (c *Config) headsOf(layer int) (heads, size int) {
	if c.kindOf(layer) == fullLayer {
		return c.FullKVHeads, c.FullKeyDim
	}
	return c.KVHeads, c.KeyDim
}

// ReadConfig reads the config.json of a model folder, once while it stays the same. The result is shared and must
// not be written to.
func ReadConfig(dir string) (*Config, error) {
	return headers.config.read(dir, readConfig, filepath.Join(dir, "config.json"))
}

// readConfig reads config.json of a model's folder. A file that is not there is a NotFoundError: the model may be fetched
// yet.
func readConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, "config.json")
	data, err := ReadSmall(path, 16<<20)
	if os.IsNotExist(err) {
		return nil, &NotFoundError{Name: "config.json", Looked: path}
	}
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

// ParseConfig reads a config.json. Figures of the wrong type or out of any sane range count as not said.
func ParseConfig(data []byte) (*Config, error) {
	var top fields
	if err := json.Unmarshal(data, &top); err != nil {
		return nil, textfile.PlainJSON(err)
	}
	text := top
	for _, key := range []string{"text_config", "llm_config", "language_config"} {
		if nested := top.object(key); nested != nil {
			text = nested
			break
		}
	}
	c := &Config{ModelType: text.text("model_type")}
	c.DType = firstText(text.text("dtype"), text.text("torch_dtype"), top.text("dtype"), top.text("torch_dtype"))
	text = text.withDefaults(c.ModelType)
	c.Shape = shapeOf(text)
	c.TiedEmbeddings = tied(top, text)
	c.arrange(text)
	c.fillDerived()
	c.widen(text)
	c.StateBytes = c.deltaNetState(text)
	c.parameters = c.count(text)
	c.PositionElements = c.positionElements(text)
	c.readQuantization(top, text)
	return c, nil
}

// shapeOf takes the measures of a model under each of the names that families give them. What is not told is 0. Layers are
// bounded: the lists made from them must not be as long as a broken file says.
func shapeOf(f fields) Shape {
	s := Shape{
		Layers:           f.number("num_hidden_layers", "n_layer", "num_layers"),
		HiddenSize:       f.number("hidden_size", "n_embd", "d_model"),
		IntermediateSize: f.number("moe_intermediate_size", "intermediate_size", "n_inner", "ffn_dim"),
		Heads:            f.number("num_attention_heads", "n_head"),
		KVHeads:          f.number("num_key_value_heads", "num_kv_heads"),
		KeyDim:           f.number("head_dim"),
		VocabSize:        f.number("vocab_size"),
		ContextLength:    f.number("max_position_embeddings", "n_positions", "seq_length"),
		SlidingWindow:    f.number("sliding_window", "attention_chunk_size"),
		KVLoraRank:       f.number("kv_lora_rank"),
		RopeDim:          f.number("qk_rope_head_dim"),
		Experts:          f.number("num_local_experts", "num_experts", "n_routed_experts") + f.number("n_shared_experts"),
	}
	s.Layers = min(s.Layers, 100_000)
	if !f.flag("use_sliding_window", true) {
		s.SlidingWindow = 0
	}
	return s
}

// arrange tells the layers' kinds: layer by layer, by a period, or by what is known of the model type.
func (c *Config) arrange(f fields) {
	c.SharedLayers = min(f.number("num_kv_shared_layers"), c.Layers)
	c.kinds = make([]layerKind, c.Layers)
	types := f.texts("layer_types")
	for i := range c.kinds {
		switch {
		case len(types) != c.Layers:
			c.kinds[i] = c.periodic(f, i)
		case types[i] == "sliding_attention" || types[i] == "chunked_attention":
			c.kinds[i] = slidingLayer
		case types[i] != "full_attention":
			c.kinds[i] = otherLayer
		}
		switch owner := i < c.Layers-c.SharedLayers; {
		case c.kinds[i] == otherLayer:
			c.OtherLayers++
		case c.kinds[i] == slidingLayer && owner:
			c.SlidingLayers++
		}
	}
}

// periodic is the kind of a layer in a config that does not list them.
func (c *Config) periodic(f fields, layer int) layerKind {
	if n := f.number("full_attention_interval"); n > 0 && f.number("linear_num_value_heads") > 0 && (layer+1)%n != 0 {
		return otherLayer
	}
	if c.SlidingWindow == 0 {
		return fullLayer
	}
	period := f.number("sliding_window_pattern", "_sliding_window_pattern")
	if period == 0 {
		period = slidingPeriod(c.ModelType)
	}
	if first := f.number("max_window_layers"); first > 0 && strings.HasPrefix(c.ModelType, "qwen") {
		if layer < first {
			return fullLayer
		}
		return slidingLayer
	}
	if period > 1 && (layer+1)%period == 0 {
		return fullLayer
	}
	return slidingLayer
}

// widen reads where full layers have other heads than sliding ones: Gemma 4, whose hub files say global_head_dim (512
// unless said) and whose files by transformers 5 list the layers that differ.
func (c *Config) widen(f fields) {
	if c.ModelType != "gemma4_text" {
		return
	}
	c.FullKeyDim = 512
	if n := f.number("global_head_dim"); n > 0 {
		c.FullKeyDim = n
	}
	if n := f.number("num_global_key_value_heads"); n > 0 && f.flag("attention_k_eq_v", true) {
		c.FullKVHeads = n
	}
	for _, one := range f.object("per_layer_config") {
		if layer, ok := one.(map[string]any); ok {
			if n := fields(layer).number("head_dim"); n > 0 {
				c.FullKeyDim = n
			}
			if n := fields(layer).number("num_key_value_heads"); n > 0 {
				c.FullKVHeads = n
			}
		}
	}
}

// slidingPeriod is the distance between full-attention layers; 1 = none is full (Mistral 7B).
func slidingPeriod(modelType string) int {
	switch modelType {
	case "gemma3_text", "gemma3":
		return 6
	case "gemma2", "gpt_oss", "gptoss":
		return 2
	case "cohere2", "llama4_text", "llama4":
		return 4
	}
	return 1
}

// readQuantization takes the method and the bits of a weight. Methods that do not say their bits are known by name;
// compressed-tensors has them in groups.
func (c *Config) readQuantization(top, text fields) {
	q := top.object("quantization_config")
	if q == nil {
		q = text.object("quantization_config")
	}
	if q == nil {
		return
	}
	c.Quantization = q.text("quant_method")
	c.QuantBits = q.number("bits", "w_bit")
	switch {
	case c.QuantBits > 0:
	case c.Quantization == "fp8" || c.Quantization == "fbgemm_fp8":
		c.QuantBits = 8
	case c.Quantization == "mxfp4":
		c.QuantBits = 4
	default:
		for _, g := range q.object("config_groups") { // compressed-tensors
			if group, ok := g.(map[string]any); ok {
				c.QuantBits = fields(group).object("weights").number("num_bits")
			}
		}
	}
}

// tied is transformers' default where nothing is said: false, but true for every Gemma.
func tied(top, text fields) bool {
	byType := strings.HasPrefix(text.text("model_type"), "gemma")
	return text.flag("tie_word_embeddings", top.flag("tie_word_embeddings", byType))
}

// firstText is "" where none says anything; cmp.Or with a name.
func firstText(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
