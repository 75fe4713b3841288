package modelfile

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// GGUF is what a GGUF header says.
type GGUF struct {
	Shape
	Architecture string  // general.architecture, "gemma3"
	FileType     string  // "Q4_K_M", "F16"; "" = not said
	Parameters   int64   // elements of all tensors
	TensorBytes  int64   // of all tensors
	LayerBytes   []int64 // by layer, shorter than Layers where the last have no tensors
	OutputBytes  int64   // output layer with its norm: "output.weight", else the token embedding that it shares
	InputBytes   int64   // token embedding: stays in main memory
	OtherBytes   int64   // outside layers, input and output
	Tensors      int     // 0 = a file of keys alone: a vocabulary
	AddBOS       *bool   // nil: not said
	ChatTemplate string  // Jinja; "" = none
}

// ReadGGUF reads the header of a GGUF file and of the parts that follow it, once while they stay the same: the first may
// hold megabytes of vocabulary, and a plan asks for each cell. The result is shared and must not be written to.
func ReadGGUF(path string) (*GGUF, error) {
	return headers.gguf.read(path, readGGUF, Parts(path)...)
}

// readGGUF reads the heads of a model's parts: keys of the first, which tells of the model, tensors of all, none of the
// weights.
func readGGUF(path string) (*GGUF, error) {
	g := &GGUF{}
	for _, part := range Parts(path) {
		f, size, err := openRegular(part)
		if err != nil {
			return nil, err
		}
		err = g.take(f, size, part == path)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", part, err)
		}
	}
	g.tie()
	return g, nil
}

// take reads one part's header from the start of a file of size bytes; only the first describes the model. Counts and lengths
// in it are held against the size before anything is kept, so a hostile header costs a bounded amount of memory.
func (g *GGUF) take(r io.Reader, size int64, first bool) error {
	d := &ggufReader{r: bufio.NewReaderSize(r, 1<<16), left: size}
	tensors, keys, err := d.prefix()
	if err != nil {
		return err
	}
	kv := fields{}
	for range keys {
		if err := d.pair(kv); err != nil {
			return err
		}
	}
	if first {
		g.Architecture = kv.text("general.architecture")
		g.describe(kv)
	}
	for range tensors {
		t, err := d.tensor()
		if err != nil {
			return err
		}
		g.add(t)
	}
	return nil
}

// describe takes the measures from the keys, which carry the architecture's name. Where a measure is a list by layer the
// largest value counts: a prediction that is too low starts what cannot run.
func (g *GGUF) describe(kv fields) {
	get := func(key string) int { return kv.number(g.Architecture + "." + key) }
	g.Shape = Shape{
		Layers: min(get("block_count"), 100_000), HiddenSize: get("embedding_length"), IntermediateSize: get("feed_forward_length"),
		Heads: get("attention.head_count"), KVHeads: get("attention.head_count_kv"),
		KeyDim: get("attention.key_length"), ValueDim: get("attention.value_length"),
		ContextLength: get("context_length"), SlidingWindow: get("attention.sliding_window"),
		Experts: get("expert_count"), VocabSize: get("vocab_size"),
		KVLoraRank: get("attention.kv_lora_rank"), RopeDim: get("rope.dimension_count"),
	}
	if g.KVLoraRank == 0 {
		g.RopeDim = 0
	}
	if n := arrayLength(kv["tokenizer.ggml.tokens"]); g.VocabSize == 0 {
		g.VocabSize = n
	}
	if by := integers(kv[g.Architecture+".attention.head_count_kv"]); len(by) == g.Layers && g.Layers > 0 {
		g.KVHeads = slices.Max(by) // the largest: rather too much than too little
		for _, heads := range by {
			if heads == 0 {
				g.OtherLayers++
			}
		}
	}
	if by := integers(kv[g.Architecture+".attention.head_count"]); len(by) > 0 {
		g.Heads = slices.Max(by)
	}
	g.slide(kv)
	g.widen(kv)
	g.fillDerived()
	g.FileType = fileTypes[kv.whole("general.file_type")]
	g.AddBOS = kv.maybe("tokenizer.ggml.add_bos_token")
	g.ChatTemplate = kv.text("tokenizer.chat_template")
}

// slide counts the layers that see a window only: told layer by layer, by a period, or known by architecture.
func (g *GGUF) slide(kv fields) {
	if g.SlidingWindow == 0 {
		return
	}
	attending := g.Layers - g.OtherLayers
	pattern := kv[g.Architecture+".attention.sliding_window_pattern"]
	if a, ok := pattern.(ggufArray); ok && len(a.flags) == g.Layers {
		for _, sliding := range a.flags {
			if sliding {
				g.SlidingLayers++
			}
		}
		return
	}
	period := kv.number(g.Architecture + ".attention.sliding_window_pattern")
	if period == 0 {
		period = slidingPeriod(strings.ReplaceAll(g.Architecture, "-", "_"))
	}
	g.SlidingLayers = attending
	if period > 1 {
		g.SlidingLayers = attending - attending/period
	}
}

// widen reads where full layers have other heads than sliding ones (key_length_swa), and which of the last layers keep no
// cache of their own (shared_kv_layers): Gemma 3n and 4.
func (g *GGUF) widen(kv fields) {
	get := func(key string) int { return kv.number(g.Architecture + ".attention." + key) }
	if swa := get("key_length_swa"); swa > 0 {
		g.FullKVHeads, g.FullKeyDim = g.KVHeads, g.KeyDim
		g.KeyDim, g.ValueDim = swa, get("value_length_swa")
	}
	sliding, _ := kv[g.Architecture+".attention.sliding_window_pattern"].(ggufArray)
	slides := func(layer int) bool { return layer < len(sliding.flags) && sliding.flags[layer] }
	if by := integers(kv[g.Architecture+".attention.head_count_kv"]); g.FullKeyDim > 0 && len(by) == len(sliding.flags) {
		g.KVHeads, g.FullKVHeads = 0, 0
		for i, heads := range by {
			if slides(i) {
				g.KVHeads = max(g.KVHeads, heads)
			} else {
				g.FullKVHeads = max(g.FullKVHeads, heads)
			}
		}
	}
	g.SharedLayers = min(get("shared_kv_layers"), g.Layers)
	for i := g.Layers - g.SharedLayers; i < len(sliding.flags) && i < g.Layers; i++ {
		if slides(i) {
			g.SlidingLayers--
		}
	}
}

// add books a tensor where it will lie: in a layer, in the output, the input, or elsewhere.
func (g *GGUF) add(t ggufTensor) {
	g.Tensors++
	g.Parameters += t.elements
	g.TensorBytes += t.bytes
	var layer int
	if n, _ := fmt.Sscanf(t.name, "blk.%d.", &layer); n == 1 && layer >= 0 && layer < g.Layers {
		for len(g.LayerBytes) <= layer {
			g.LayerBytes = append(g.LayerBytes, 0)
		}
		g.LayerBytes[layer] += t.bytes
		return
	}
	switch {
	case strings.HasPrefix(t.name, "output"):
		g.OutputBytes += t.bytes
	case t.name == "token_embd.weight":
		g.InputBytes += t.bytes
	default:
		g.OtherBytes += t.bytes
	}
	if t.name == "output.weight" {
		g.TiedEmbeddings = false
	}
}

// tie copies the embedding to the output where the model has no output matrix of its own.
func (g *GGUF) tie() {
	if g.OutputBytes < g.InputBytes/4 { // a norm at most
		g.TiedEmbeddings = true
		g.OutputBytes += g.InputBytes
	}
}
