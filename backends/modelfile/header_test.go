package modelfile

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ggufFile writes GGUF headers for tests.
type ggufFile struct {
	pairs, tensors bytes.Buffer
	keys, count    uint64
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		if s, ok := v.(string); ok {
			put(b, uint64(len(s)))
			b.WriteString(s)
			continue
		}
		if err := binary.Write(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
}

func (g *ggufFile) key(name string, kind uint32, value ...any) *ggufFile {
	g.keys++
	put(&g.pairs, name, kind)
	put(&g.pairs, value...)
	return g
}

func (g *ggufFile) tensor(name string, kind uint32, dims ...uint64) *ggufFile {
	g.count++
	put(&g.tensors, name, uint32(len(dims)))
	for _, d := range dims {
		put(&g.tensors, d)
	}
	put(&g.tensors, kind, uint64(0))
	return g
}

func (g *ggufFile) bytes() []byte {
	var b bytes.Buffer
	b.WriteString("GGUF")
	put(&b, uint32(3), g.count, g.keys)
	b.Write(g.pairs.Bytes())
	b.Write(g.tensors.Bytes())
	return b.Bytes()
}

func smallGGUF() []byte {
	g := &ggufFile{}
	g.key("general.architecture", 8, "gemma3").key("general.name", 8, "tiny").key("general.file_type", 4, uint32(15))
	g.key("gemma3.block_count", 4, uint32(6)).key("gemma3.embedding_length", 4, uint32(512))
	g.key("gemma3.attention.head_count", 4, uint32(4)).key("gemma3.attention.head_count_kv", 4, uint32(2))
	g.key("gemma3.attention.key_length", 4, uint32(64)).key("gemma3.attention.value_length", 4, uint32(64))
	g.key("gemma3.attention.sliding_window", 4, uint32(128)).key("gemma3.context_length", 4, uint32(4096))
	g.key("tokenizer.ggml.tokens", 9, uint32(8), uint64(3), "a", "b", "c").key("tokenizer.ggml.add_bos_token", 7, true)
	g.key("tokenizer.chat_template", 8, "{{ messages }}")
	g.tensor("token_embd.weight", 1, 512, 3).tensor("blk.0.attn_q.weight", 12, 512, 256).tensor("blk.5.attn_q.weight", 1, 512, 256)
	g.tensor("output_norm.weight", 0, 512)
	return g.bytes()
}

// parseGGUF reads the header of a whole file.
func parseGGUF(data []byte) (*GGUF, error) {
	g := &GGUF{}
	err := g.take(bytes.NewReader(data), int64(len(data)), true)
	g.tie()
	return g, err
}

func TestParseGGUF(t *testing.T) {
	data := smallGGUF()
	g, err := parseGGUF(data)
	if err != nil {
		t.Fatal(err)
	}
	if g.Architecture != "gemma3" || g.FileType != "Q4_K_M" || g.ChatTemplate != "{{ messages }}" || g.VocabSize != 3 {
		t.Errorf("%+v", g)
	}
	if full, sliding := g.KVElements(1); g.Layers != 6 || g.SlidingLayers != 5 || g.FullLayers() != 1 || full != 256 || sliding != 256 {
		t.Errorf("shape %+v", g.Shape)
	}
	if g.AddBOS == nil || !*g.AddBOS {
		t.Errorf("add_bos %v", g.AddBOS)
	}
	if g.LayerBytes[0] != 512*256/256*144 || g.LayerBytes[5] != 512*256*2 || g.InputBytes != 512*3*2 {
		t.Errorf("layers %v, input %d", g.LayerBytes, g.InputBytes)
	}
	if g.OutputBytes != 512*4 { // more than a norm for this tiny vocabulary
		t.Errorf("output %d", g.OutputBytes)
	}
}

// Each lie in a header is refused before memory is taken for it.
func TestParseGGUFHostile(t *testing.T) {
	huge := uint64(1) << 62
	head := func(tensors, keys uint64) *bytes.Buffer {
		var b bytes.Buffer
		b.WriteString("GGUF")
		put(&b, uint32(3), tensors, keys)
		return &b
	}
	longString := head(0, 1)
	put(longString, "k", uint32(8), huge)
	longArray := head(0, 1)
	put(longArray, "k", uint32(9), uint32(4), huge)
	nested := head(0, 1)
	put(nested, "k")
	for range 10 {
		put(nested, uint32(9))
		put(nested, uint32(9), uint64(1))
	}
	shape := head(1, 0)
	put(shape, "t", uint32(2), huge, huge, uint32(0), uint64(0))
	for name, b := range map[string]*bytes.Buffer{
		"keys": head(0, huge), "tensors": head(huge, 0), "string": longString, "array": longArray, "nested": nested, "shape": shape,
		"empty": {}, "magic": bytes.NewBufferString("GGML\x03\x00\x00\x00"), "version": bytes.NewBufferString("GGUF\x00\x00\x00\x03"),
		"cut": bytes.NewBuffer(smallGGUF()[:200]),
	} {
		b.Write(make([]byte, 64)) // something left, so that a count is held against it
		if name == "empty" || name == "cut" {
			b.Truncate(b.Len() - 64)
		}
		data := b.Bytes()
		if _, err := parseGGUF(data); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParseGGUF(f *testing.F) {
	f.Add(smallGGUF())
	f.Add(smallGGUF()[:100])
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := parseGGUF(data)
		if err == nil && (g.Layers < 0 || g.FullLayers() < 0 || len(g.LayerBytes) > g.Layers) {
			t.Errorf("impossible shape %+v", g.Shape)
		}
	})
}

func TestReadConfig(t *testing.T) {
	for name, want := range map[string]Shape{
		"llama-3.1-8b": {Layers: 32, HiddenSize: 4096, IntermediateSize: 14336, Heads: 32, KVHeads: 8, KeyDim: 128, ValueDim: 128,
			VocabSize: 128256, ContextLength: 131072, PositionElements: 131072 * 128},
		"gemma-3-4b-it": {Layers: 34, HiddenSize: 2560, IntermediateSize: 10240, Heads: 8, KVHeads: 4, KeyDim: 256, ValueDim: 256,
			VocabSize: 262208, ContextLength: 131072, SlidingWindow: 1024, SlidingLayers: 29, TiedEmbeddings: true, PositionElements: 131072 * (8 + 1) * 256}, // 8: linear scaling of the full layers
		"gemma-3-270m": {Layers: 18, HiddenSize: 640, IntermediateSize: 2048, Heads: 4, KVHeads: 1, KeyDim: 256, ValueDim: 256,
			VocabSize: 262144, ContextLength: 32768, SlidingWindow: 512, SlidingLayers: 15, TiedEmbeddings: true, PositionElements: 32768 * 2 * 256},
		"deepseek-v2-lite": {Layers: 27, HiddenSize: 2048, IntermediateSize: 1408, Heads: 16, KVHeads: 16, KeyDim: 128, ValueDim: 128,
			VocabSize: 102400, ContextLength: 163840, KVLoraRank: 512, RopeDim: 64, Experts: 66, PositionElements: 163840 * 64},
		"qwen2.5-7b-awq": {Layers: 28, HiddenSize: 3584, IntermediateSize: 18944, Heads: 28, KVHeads: 4, KeyDim: 128, ValueDim: 128,
			VocabSize: 152064, ContextLength: 32768, PositionElements: 32768 * 128},
	} {
		c, err := ReadConfig(filepath.Join("testdata", name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want.FullKVHeads, want.FullKeyDim = want.KVHeads, want.KeyDim // the same in each of these
		if c.Shape != want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, c.Shape, want)
		}
	}
}

func TestConfigQuantization(t *testing.T) {
	c, err := ReadConfig("testdata/qwen2.5-7b-awq")
	if err != nil {
		t.Fatal(err)
	}
	if c.Quantization != "awq" || c.QuantBits != 4 || c.DType != "float16" {
		t.Errorf("%+v", c)
	}
	c, err = ParseConfig([]byte(`{"num_hidden_layers": 2, "quantization_config": {"quant_method": "compressed-tensors",
		"config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 128}}}}}`))
	if err != nil || c.QuantBits != 4 {
		t.Errorf("%+v, %v", c, err)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{`{}`, `{"num_hidden_layers": 1e99}`, `{"text_config": [], "layer_types": [1]}`, `[]`,
		`{"num_hidden_layers": 6, "sliding_window": 4, "model_type": "gemma2", "num_attention_heads": -1}`,
		`{"model_type": "qwen2", "sliding_window": 9, "max_window_layers": 99, "num_hidden_layers": 3}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			return
		}
		full, sliding := c.KVElements(1)
		if c.FullLayers() < 0 || c.SlidingLayers < 0 || full < 0 || sliding < 0 || c.EstimateParameters() < 0 || c.Parameters() < 0 || c.StateBytes < 0 {
			t.Errorf("impossible shape %+v", c.Shape)
		}
	})
}

func writeFile(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func safetensors(header string, data int) string {
	var b bytes.Buffer
	put(&b, uint64(len(header)))
	b.WriteString(header)
	b.Write(make([]byte, data))
	return b.String()
}

func TestReadSafetensors(t *testing.T) {
	dir := t.TempDir() + "/[v1]" // no pattern
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	one := `{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`
	writeFile(t, dir+"/model-1.safetensors", safetensors(one, 16))
	writeFile(t, dir+"/model-2.safetensors", safetensors(`{"c":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}`, 2))
	w, err := ReadSafetensors(dir)
	if err != nil {
		t.Fatal(err)
	}
	if w.Bytes != 18 || w.DType() != "BF16" {
		t.Errorf("%+v", w)
	}
	indexed := t.TempDir()
	writeFile(t, indexed+"/model.safetensors.index.json", `{"metadata":{"total_size":1},"weight_map":{"a":"gone.safetensors"}}`)
	if _, err := ReadSafetensors(indexed); err == nil || !os.IsNotExist(err) && !strings.Contains(err.Error(), "gone.safetensors") {
		t.Errorf("a missing part: %v", err)
	}
	writeFile(t, indexed+"/model.safetensors.index.json", `{"weight_map":{"a":"../../etc/passwd"}}`)
	if _, err := ReadSafetensors(indexed); err == nil || !strings.Contains(err.Error(), "no file name") {
		t.Errorf("an index that leaves the folder: %v", err)
	}
}

func FuzzSafetensorsHeader(f *testing.F) {
	f.Add([]byte(safetensors(`{"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}`, 12)))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f{}"))
	f.Add([]byte(safetensors(`{"a":{"dtype":"x","shape":[9223372036854775807,9],"data_offsets":[0,1]}}`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := &Weights{ByDType: map[string]int64{}}
		if err := w.addHeader(bytes.NewReader(data), int64(len(data))); err == nil && w.Bytes < 0 {
			t.Errorf("negative sums %+v", w)
		}
	})
}
