package modelfile

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// modelShape is a line of testdata/shapes/shapes.jsonl: a config, and what transformers' own classes make of it.
type modelShape struct {
	ModelType  string `json:"model_type"`
	Known      bool
	Parameters float64
	Layers     int
	Cached     struct{ Full, Sliding int } // numbers of one token, in all full and in all sliding layers
	Config     json.RawMessage
}

func modelShapes(t *testing.T, data []byte) []modelShape {
	t.Helper()
	var shapes []modelShape
	for line := range bytes.Lines(data) {
		var s modelShape
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		shapes = append(shapes, s)
	}
	return shapes
}

// TestShapes holds parameters and cache of each family against transformers' classes, both exact; what is not counted is
// unknown, never a guess.
func TestShapes(t *testing.T) {
	data, err := os.ReadFile("testdata/shapes/shapes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for i, s := range modelShapes(t, data) {
		c, err := ParseConfig(s.Config)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Known {
			if c.Parameters() != 0 {
				t.Errorf("line %d, %s: %.0f parameters, want unknown", i+1, s.ModelType, c.Parameters())
			}
			continue
		}
		types[s.ModelType] = true
		full, sliding := c.KVElements(1)
		if got, want := c.FullLayers()*full, s.Cached.Full; got != want {
			t.Errorf("line %d, %s: %d numbers a token in full layers, want %d", i+1, s.ModelType, got, want)
		}
		if got, want := c.SlidingLayers*sliding, s.Cached.Sliding; got != want {
			t.Errorf("line %d, %s: %d numbers a token in sliding layers, want %d", i+1, s.ModelType, got, want)
		}
		if c.Parameters() != s.Parameters {
			t.Errorf("line %d, %s: %.0f parameters, want %.0f (%+.0f)", i+1, s.ModelType, c.Parameters(), s.Parameters, c.Parameters()-s.Parameters)
		}
		if !c.KnowsKV() {
			t.Errorf("line %d, %s: the cache is unknown", i+1, s.ModelType)
		}
	}
	for name := range families {
		if !types[name] {
			t.Errorf("%s is counted, and no shape holds it to transformers", name)
		}
	}
}

// TestReadersShapes makes the shapes anew with the installed vLLM's transformers: an update that changes a class shows here.
func TestReadersShapes(t *testing.T) {
	engines := os.Getenv("MATRIX_ENGINES")
	if os.Getenv("MATRIX_REAL") == "" || engines == "" {
		t.Skip("needs MATRIX_REAL=1 and `just engines`")
	}
	want, err := os.ReadFile("testdata/shapes/shapes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(engines, "vllm", "bin", "python"), "testdata/shapes/shapes.py")
	cmd.Stderr = t.Output()
	made, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	old, anew := modelShapes(t, want), modelShapes(t, made)
	if len(anew) != len(old) {
		t.Errorf("%d shapes, and shapes.jsonl has %d", len(anew), len(old))
	}
	for i, s := range anew {
		if i >= len(old) || s.ModelType != old[i].ModelType || s.Parameters != old[i].Parameters || s.Cached != old[i].Cached {
			t.Errorf("line %d: %s has %.0f parameters, %+v cached; shapes.jsonl differs", i+1, s.ModelType, s.Parameters, s.Cached)
		}
	}
}

// TestGGUFShared: of Gemma 4's 6 layers here the last 3 read an earlier layer's cache, and full ones have wider heads.
func TestGGUFShared(t *testing.T) {
	g := &ggufFile{}
	g.key("general.architecture", 8, "gemma4").key("gemma4.block_count", 4, uint32(6)).key("gemma4.embedding_length", 4, uint32(512))
	g.key("gemma4.attention.head_count", 4, uint32(8)).key("gemma4.attention.head_count_kv", 4, uint32(2))
	g.key("gemma4.attention.key_length", 4, uint32(512)).key("gemma4.attention.value_length", 4, uint32(512))
	g.key("gemma4.attention.key_length_swa", 4, uint32(256)).key("gemma4.attention.value_length_swa", 4, uint32(256))
	g.key("gemma4.attention.sliding_window", 4, uint32(128)).key("gemma4.attention.shared_kv_layers", 4, uint32(3))
	g.key("gemma4.attention.sliding_window_pattern", 9, uint32(7), uint64(6), true, true, false, true, true, false)
	data := g.bytes()
	read, err := parseGGUF(data)
	if err != nil {
		t.Fatal(err)
	}
	full, sliding := read.KVElements(1)
	if read.FullLayers() != 1 || read.SlidingLayers != 2 || full != 2*2*512 || sliding != 2*2*256 {
		t.Errorf("%d full layers of %d numbers, %d sliding of %d, want 1 of 2048, 2 of 1024", read.FullLayers(), full, read.SlidingLayers, sliding)
	}
}
