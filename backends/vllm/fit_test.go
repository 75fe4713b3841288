package vllm

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

const testModels = "../modelfile/testdata"

// fitCell is a cell for a local model on one 16 GB card.
func fitCell(model string, args cell.Values) *cell.Cell {
	dir, err := filepath.Abs(filepath.Join(testModels, model))
	if err != nil {
		panic(err)
	}
	return &cell.Cell{
		Platform: &cell.Platform{Backend: OfflineName, Args: args},
		Model:    &cell.Model{Parts: Model{Model: dir}.Parts()},
		Hardware: &cell.Hardware{GPU: "NVIDIA GeForce RTX 4080", GPUs: 1, VRAMGiB: 15.57},
		Generate: &cell.Generate{MaxTokens: 256},
	}
}

func near(t *testing.T, what string, got *float64, want, tolerance float64) {
	t.Helper()
	if got == nil {
		t.Errorf("%s is unknown, want %g", what, want)
		return
	}
	if math.Abs(*got-want) > tolerance {
		t.Errorf("%s = %g, want %g ± %g", what, *got, want, tolerance)
	}
}

func TestFitLlamaBytesPerToken(t *testing.T) {
	f := Fit(fitCell("llama-3.1-8b", cell.Values{"max_model_len": int64(4096)}), 0)
	near(t, "KV of 4,096 tokens in bytes a token", new(*f.KVGiBPerSequence*gib/4096), 131072, 0)
	near(t, "weights", f.WeightsGiB, (8030261248.0*2+131072*128*2)/gib, 0.01) // the model's published parameter count, and its table of positions
	if f.Source != "config.json" || !strings.Contains(strings.Join(f.Lines, "\n"), "131072 bytes a token") {
		t.Errorf("source %q, lines %q", f.Source, f.Lines)
	}
}

// The worked figures of vLLM's hybrid cache: one 8,192-token request of Gemma 3 4B, and how many fit into 10 GiB.
func TestFitGemma4BHybrid(t *testing.T) {
	for _, model := range []string{"gemma-3-4b-it", "gemma-3-4b-text"} {
		c := fitCell(model, cell.Values{"max_model_len": int64(8192), "max_num_batched_tokens": int64(8192), "kv_cache_memory_bytes": int64(10 * gib)})
		f := Fit(c, 0)
		near(t, model+": KV of one request", f.KVGiBPerSequence, 1.10, 0.005)
		near(t, model+": requests in 10 GiB", new(*f.KVTokens/8192), 9.1, 0.05)
		near(t, model+": sequences", f.MaxSequences, 9, 0)
	}
}

// What vLLM itself logged: Gemma 3 270M on a CPU with VLLM_CPU_KVCACHE_SPACE=2, "CPU KV cache size: 110,733 tokens".
func TestFitMatchesCPULog(t *testing.T) {
	c := fitCell("gemma-3-270m", cell.Values{"max_model_len": int64(2048), "enforce_eager": true})
	c.Platform.Env = map[string]string{"VLLM_CPU_KVCACHE_SPACE": "2"}
	c.Hardware = nil
	f := Fit(c, 100)
	near(t, "KV tokens", f.KVTokens, 110733, 0)
	near(t, "sequences of 356 tokens", f.MaxSequences, 237, 0) // 5,461 blocks, 3 + 5 × (3 + 1) each
	if f.BudgetGiB != nil {
		t.Errorf("a budget of %g GiB without hardware", *f.BudgetGiB)
	}
	// The same, as vLLM 0.32.0 logged it at other settings.
	for _, x := range []struct {
		args cell.Values
		want float64
	}{
		{cell.Values{"max_model_len": int64(16384), "max_num_seqs": int64(64)}, 285856},
		{cell.Values{"max_model_len": int64(512), "max_num_batched_tokens": int64(512), "max_num_seqs": int64(64)}, 96414},
		{cell.Values{"max_model_len": int64(4096), "kv_cache_memory_bytes": int64(gib), "max_num_seqs": int64(64)}, 113544},
	} {
		c.Platform.Args = x.args
		near(t, "KV tokens", Fit(c, 100).KVTokens, x.want, 0)
	}
}

// What vLLM 0.22.1 logged on an H100 for Gemma 3 4B text: 7.82 GiB after loading, 60.68 GiB of cache, 452,931 tokens at
// max_model_len 4096 (offline); and on a server with gpu_memory_utilization 0.11 that there is no room, by 3.42 GiB. The
// layout is exact; the room for it rests on the estimated overhead.
func TestFitMatchesH100Log(t *testing.T) {
	c := fitCell("gemma-3-4b-text", cell.Values{"max_model_len": int64(4096)})
	c.Hardware = &cell.Hardware{GPU: "NVIDIA H100 80GB HBM3", GPUs: 1, VRAMGiB: 79.18}
	f := Fit(c, 0)
	near(t, "weights", f.WeightsGiB, 7.82, 0.05)
	near(t, "cache room", new(*f.BudgetGiB-*f.WeightsGiB-*f.OverheadGiB), 60.68, 0.1)
	near(t, "KV tokens", f.KVTokens, 452931, 452931*0.003)
	c.Platform.Backend, c.Platform.Args["gpu_memory_utilization"] = ServeName, 0.11
	f = Fit(c, 0)
	near(t, "missing room", new(*f.BudgetGiB-*f.WeightsGiB-*f.OverheadGiB), -3.42, 0.1)
	c.Platform.Backend = OfflineName
	delete(c.Platform.Args, "gpu_memory_utilization")
	c.Platform.Args["kv_cache_memory_bytes"] = 60.68 * gib
	near(t, "KV tokens of that room", Fit(c, 0).KVTokens, 452931, 50) // the log rounds the room to 0.01 GiB
}

// The same model with the 14.33 GiB that a card of 16 GB lends, 256 sequences and 8,192 batched tokens: the log had 34,469
// tokens where torch.compile had just compiled and 36,346 with a warm cache. Within 5% of both.
func TestFitMatchesSmallBudget(t *testing.T) {
	c := fitCell("gemma-3-4b-text", cell.Values{"max_model_len": int64(4096), "max_num_seqs": int64(256), "max_num_batched_tokens": int64(8192)})
	c.Hardware.VRAMGiB = 14.33 / 0.92
	f := Fit(c, 0)
	near(t, "KV tokens, cold", f.KVTokens, 34469, 34469*0.05)
	near(t, "KV tokens, warm", f.KVTokens, 36346, 36346*0.05)
}

func TestFitGemma12B(t *testing.T) {
	args := cell.Values{"max_model_len": int64(4096), "max_num_seqs": int64(256), "max_num_batched_tokens": int64(8192)}
	f := Fit(fitCell("gemma-3-12b-it", args), 300)
	if !f.Infeasible() {
		t.Errorf("need %v, budget %v: 12B in 16 bits does not fit in 15.57 GiB", f.NeedGiB, f.BudgetGiB)
	}
	near(t, "budget", f.BudgetGiB, 0.92*15.57, 1e-9)
	c := fitCell("gemma-3-12b-it", args)
	c.Model.Parts[Part]["quantization"] = "awq"
	if f := Fit(c, 300); f.Infeasible() {
		t.Errorf("4-bit 12B should fit: %q", f.Lines)
	}
}

func TestFitLatentAttention(t *testing.T) {
	f := Fit(fitCell("deepseek-v2-lite", cell.Values{"max_model_len": int64(4096)}), 0)
	near(t, "bytes a token", new(*f.KVGiBPerSequence*gib/4096), 27*(512+64)*2, 0)
	near(t, "weights", f.WeightsGiB, (15706484224.0*2+163840*64*2)/gib, 1e-9) // the published parameter count, and the table of positions
}

func TestFitTensorParallel(t *testing.T) {
	args := cell.Values{"max_model_len": int64(4096)}
	one := Fit(fitCell("llama-3.1-8b", args), 0)
	two := Fit(fitCell("llama-3.1-8b", cell.Values{"max_model_len": int64(4096), "tensor_parallel_size": int64(2)}), 0)
	table := 131072 * 128 * 2 / float64(gib) // of positions: whole on each
	near(t, "weights on each of two", two.WeightsGiB, (*one.WeightsGiB-table)/2+table, 1e-9)
	near(t, "KV on each of two", two.KVGiBPerSequence, *one.KVGiBPerSequence/2, 1e-9)
}

func TestFitKVCacheDType(t *testing.T) {
	args := cell.Values{"max_model_len": int64(4096), "kv_cache_dtype": "fp8"}
	f := Fit(fitCell("llama-3.1-8b", args), 0)
	near(t, "bytes a token", new(*f.KVGiBPerSequence*gib/4096), 65536, 0)
}

func TestFitQuantisation(t *testing.T) {
	f := Fit(fitCell("qwen2.5-7b-awq", nil), 200)
	near(t, "AWQ weights", f.WeightsGiB, 5.2, 0.2) // 5.57e9 bytes on disk
	c := fitCell("llama-3.1-8b", cell.Values{"quantization": "fp8"})
	near(t, "fp8 weights", Fit(c, 200).WeightsGiB, 8.5, 0.2)
}

func TestFitFromArchitecture(t *testing.T) {
	c := fitCell("absent", nil)
	c.Model.Parts = Model{Model: "example/none-12b", DType: "bfloat16"}.Parts()
	c.Platform.Env = map[string]string{"HF_HUB_CACHE": t.TempDir()}
	c.Model.Architecture = &cell.Architecture{Parameters: 12.19e9}
	f := Fit(c, 300)
	if f.Source != "architecture" || !f.Infeasible() {
		t.Errorf("weights alone are above the budget: %+v", f)
	}
	near(t, "weights", f.WeightsGiB, 22.7, 0.05)
	c.Model.Parts[Part]["model"] = "example/none-12b-quantized.w4a16"
	if f := Fit(c, 300); f.Infeasible() || f.NeedGiB != nil || f.KVGiBPerSequence != nil {
		t.Errorf("an incomplete architecture decides nothing below the budget: %+v", f)
	}
	c.Model.Architecture = nil
	if f := Fit(c, 300); f.Source != "" || f.WeightsGiB != nil || f.Infeasible() || len(f.Lines) != 1 {
		t.Errorf("nothing is known: %+v", f)
	}
}

// A checkpoint on disk decides by its bytes: 32-bit weights are loaded in 16.
func TestFitFromSafetensors(t *testing.T) {
	dir := t.TempDir()
	config, err := os.ReadFile(filepath.Join(testModels, "llama-3.1-8b", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	header := `{"a":{"dtype":"F32","shape":[256,1024],"data_offsets":[0,1048576]}}`
	file := append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...)
	for name, data := range map[string][]byte{"config.json": config, "model.safetensors": append(file, make([]byte, 1<<20)...)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := fitCell("", nil)
	c.Model.Parts[Part]["model"] = dir
	near(t, "weights in MiB", new(*Fit(c, 100).WeightsGiB*1024), 0.5+32, 1e-9) // 32: the table of 131,072 positions
	c.Model.Parts[Part]["dtype"] = "float32"
	near(t, "weights in MiB", new(*Fit(c, 100).WeightsGiB*1024), 1+64, 1e-9)
}

// TestFitHybrids: what a plan says of Gemma 4 (30 layers of which the last 20 share a cache, per-layer embeddings) and of
// Qwen 3.5 (24 of 32 layers linear) from config.json alone. Before, Gemma 4's weights were 42% too low and its cache three
// times too large, and Qwen's cache was unknown.
func TestFitHybrids(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(testModels, "shapes", "shapes.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		line       int
		weights    float64 // parameters
		perRequest float64 // bytes of a request of 4,096 tokens
		lines      string
	}{
		// one full group and nine sliding ones of one layer; a full block of 16 tokens is 2 × 4 heads × 512 × 2 bytes × 16, and as
		// large holds 32 tokens of a sliding layer, of which 511 + 2,048 are kept, in a block more than they fill
		{11, 6237945344, (4096/16 + 9*(2559/32+1+1)) * 2 * 4 * 512 * 2 * 16, "1 full + 9 sliding"},
		// a state of (8,192 × 3 + 32 × 128 × 128) × 2 bytes needs 269 tokens of 4,096 bytes: blocks of 272. One full group of 8
		// layers, three linear ones
		{32, 8953803264, (4096/272 + 1 + 3) * 8 * 272 * 4096, "1 full + 3 linear"},
	} {
		config := struct{ Config json.RawMessage }{}
		if err := json.Unmarshal(bytes.Split(data, []byte("\n"))[x.line-1], &config); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), config.Config, 0o644); err != nil {
			t.Fatal(err)
		}
		c := fitCell("llama-3.1-8b", cell.Values{"max_model_len": int64(4096), "max_num_batched_tokens": int64(2048)})
		c.Model.Parts[Part]["model"] = dir
		f := Fit(c, 0)
		tables := 0.0
		if i := strings.Index(strings.Join(f.Lines, "\n"), "GiB of position tables"); i < 0 {
			t.Errorf("%q", f.Lines)
		} else {
			tables = *f.WeightsGiB - x.weights*2/gib
		}
		if tables <= 0 || tables > 0.2 {
			t.Errorf("weights %g GiB, want %g and the tables of positions", *f.WeightsGiB, x.weights*2/gib)
		}
		near(t, "KV of one request", f.KVGiBPerSequence, x.perRequest/gib, 1e-9)
		if text := strings.Join(f.Lines, "\n"); !strings.Contains(text, x.lines) {
			t.Errorf("%q, want %q", text, x.lines)
		}
	}
}
