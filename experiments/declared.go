package experiments

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// declared is a block as a value, as expressions see it, and as the struct that a cell carries.
type declared struct {
	*node
	platform *Platform
	model    *Model
	dataset  *Dataset
	hardware *Hardware
}

// registry finds declared blocks by namespace and label.
type registry map[string]map[string]*declared

func (l *loader) registry() registry {
	r := registry{"platform": {}, "model": {}, "dataset": {}, "hardware": {}}
	for _, n := range l.inSource {
		if r[n.kind] == nil || !n.value.IsKnown() {
			continue
		}
		d := &declared{node: n}
		switch n.kind {
		case "platform":
			d.platform = platformOf(n)
			l.checkPlatform(n, d.platform)
		case "model":
			d.model = modelOf(n)
			l.checkModel(n, d.model)
		case "dataset":
			d.dataset = l.datasetOf(n)
		case "hardware":
			d.hardware = hardwareOf(n)
		}
		r[n.kind][n.name] = d
	}
	return r
}

// find is the declared block that a value is; nil when it is something else. A conditional may have unified the
// value's type with another block's, so it is compared after conversion.
func (r registry) find(kind string, v cty.Value) *declared {
	if !present(v) || !v.Type().IsObjectType() {
		return nil
	}
	d := r[kind][stringAt(v, "id")]
	if d == nil || !v.IsWhollyKnown() {
		return d
	}
	if same, err := convert.Convert(d.value, v.Type()); err == nil && same.RawEquals(v) {
		return d
	}
	return nil
}

// findAny looks through all namespaces: an axis of any name may hold blocks.
func (r registry) findAny(v cty.Value) *declared {
	for _, kind := range []string{"platform", "model", "dataset", "hardware"} {
		if d := r.find(kind, v); d != nil {
			return d
		}
	}
	return nil
}

func placeOf(r hcl.Range) Place { return Place{File: r.Filename, Line: r.Start.Line} }

func placesOf(ranges map[string]hcl.Range) Places {
	places := Places{}
	for path, r := range ranges {
		places[path] = placeOf(r)
	}
	return places
}

func platformOf(n *node) *Platform {
	v := n.value
	return &Platform{
		ID: n.name, Backend: stringAt(v, "backend"), Args: given(attribute(v, "args")), Env: environOf(attribute(v, "env")),
		Options: given(attribute(v, "options")), Python: stringAt(v, "python"), Binary: stringAt(v, "binary"), URL: stringAt(v, "url"),
		APIKeyEnv: stringAt(v, "api_key_env"), Attach: boolAt(v, "attach"), Place: placeOf(n.at), Places: placesOf(n.ranges),
	}
}

func environOf(v cty.Value) map[string]string {
	all := map[string]string{}
	for k, e := range given(v) {
		if s, ok := e.(string); ok {
			all[k] = s
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func modelOf(n *node) *Model {
	m := &Model{ID: n.name, Place: placeOf(n.at), Places: placesOf(n.ranges)}
	if v := attribute(n.value, "vllm"); present(v) {
		m.VLLM = &VLLMModel{Model: stringAt(v, "model"), Revision: stringAt(v, "revision"), Tokenizer: stringAt(v, "tokenizer"),
			DType: stringAt(v, "dtype"), Quantization: stringAt(v, "quantization")}
	}
	if v := attribute(n.value, "ollama"); present(v) {
		m.Ollama = &OllamaModel{Model: stringAt(v, "model"), GGUF: stringAt(v, "gguf"), Template: stringAt(v, "template")}
	}
	if v := attribute(n.value, "openai"); present(v) {
		m.OpenAI = &OpenAIModel{Model: stringAt(v, "model")}
	}
	if v := attribute(n.value, "architecture"); present(v) {
		m.Architecture = &Architecture{Parameters: floatAt(v, "parameters"), WeightsGiB: floatAt(v, "weights_gib"),
			Layers: intAt(v, "layers"), HiddenSize: intAt(v, "hidden_size"), IntermediateSize: intAt(v, "intermediate_size"),
			Heads: intAt(v, "heads"), KVHeads: intAt(v, "kv_heads"), HeadDim: intAt(v, "head_dim"), VocabSize: intAt(v, "vocab_size"),
			SlidingWindow: intAt(v, "sliding_window"), FullLayers: intAt(v, "full_layers")}
	}
	return m
}

func hardwareOf(n *node) *Hardware {
	v := n.value
	h := &Hardware{ID: n.name, GPU: stringAt(v, "gpu"), GPUs: intAt(v, "gpus"), VRAMGiB: floatAt(v, "vram_gib"), RAMGiB: floatAt(v, "ram_gib"),
		MinDriver: stringAt(v, "min_driver"), Slurm: given(attribute(v, "slurm")), Place: placeOf(n.at)}
	if h.GPU != "" && h.GPUs == 0 {
		h.GPUs = 1
	}
	return h
}

// defaultPrompts is how many distinct prompts a synthetic dataset has.
const defaultPrompts = 1000

func (l *loader) datasetOf(n *node) *Dataset {
	v := n.value
	d := &Dataset{ID: n.name, Path: stringAt(v, "path"), Format: stringAt(v, "format"), Column: stringAt(v, "column"), Limit: intAt(v, "limit"),
		Shuffle: boolAt(v, "shuffle"), Repeat: boolAt(v, "repeat"), Seed: int64(intAt(v, "seed")), Place: placeOf(n.at)}
	if chat := attribute(v, "chat"); present(chat) {
		b := chat.True()
		d.Chat = &b
	}
	s := attribute(v, "synthetic")
	if present(s) {
		// The values were checked when the block was decoded, so a fault here has been said.
		input, _ := lengthOf(attribute(s, "input_tokens"))
		output, _ := lengthOf(attribute(s, "output_tokens"))
		d.Synthetic = &Synthetic{InputTokens: input, OutputTokens: output, Count: intAt(s, "count"), Prefix: intAt(s, "prefix")}
		if d.Synthetic.Count == 0 {
			d.Synthetic.Count = defaultPrompts
		}
		if d.Seed == 0 {
			d.Seed = int64(intAt(s, "seed"))
		}
	}
	l.checkDataset(n, d)
	return d
}
