package ollama

import (
	"math"
	"testing"

	"matrix/experiments/cell"
)

// gemma4B is Gemma 3 4B as a text model, which Ollama loaded on an H100 and logged its sums of.
func gemma4B() *cell.Cell {
	return &cell.Cell{
		Platform: &cell.Platform{
			Backend: Name,
			Env:     map[string]string{"OLLAMA_NUM_PARALLEL": "16", "OLLAMA_FLASH_ATTENTION": "0", "OLLAMA_MODELS": "/nonexistent"},
			Options: cell.Values{"num_ctx": int64(2048)},
		},
		Model: &cell.Model{
			Parts: Model{Model: "gemma3:4b-it-fp16"}.Parts(),
			Architecture: &cell.Architecture{
				Parameters: 3.88e9, Layers: 34, HiddenSize: 2560, IntermediateSize: 10240, Heads: 8, KVHeads: 4, HeadDim: 256,
				VocabSize: 262144, SlidingWindow: 1024, FullLayers: 5,
			},
		},
		Hardware: &cell.Hardware{GPU: "NVIDIA GeForce RTX 4080", GPUs: 1, VRAMGiB: 15.57},
	}
}

func near(t *testing.T, what string, got *float64, want, tolerance float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > tolerance {
		t.Errorf("%s = %v, want %g ± %g", what, got, want, tolerance)
	}
}

// Ollama 0.11.4 logged for 16 slots of 2,048: weights 7.2 GiB, kv 2.5 GiB, graph 594 MiB; of 4,096: kv 3.1 GiB.
func TestFitMatchesLog(t *testing.T) {
	c := gemma4B()
	f := Fit(c, 100)
	near(t, "weights", f.WeightsGiB, 7.2, 0.1)
	near(t, "KV of all slots", new(*f.KVGiBPerSequence*16), 2.5, 0.05)
	near(t, "graph in MiB", new(*f.OverheadGiB*1024), 594, 6)
	near(t, "budget", f.BudgetGiB, 15.57-457.0/1024, 1e-9)
	near(t, "slots", f.MaxSequences, 16, 0)
	c.Platform.Options["num_ctx"] = int64(4096)
	near(t, "KV of all slots", new(*Fit(c, 100).KVGiBPerSequence*16), 3.1, 0.05)
}

func TestFitCacheType(t *testing.T) {
	c := gemma4B()
	whole := *Fit(c, 0).KVGiBPerSequence
	c.Platform.Env["OLLAMA_KV_CACHE_TYPE"] = "q8_0"
	near(t, "q8_0", Fit(c, 0).KVGiBPerSequence, whole*1.0625/2, 1e-9)
}

// Ollama keeps OLLAMA_GPU_OVERHEAD free on each GPU, not once.
func TestFitOverheadPerGPU(t *testing.T) {
	c := gemma4B()
	c.Hardware.GPUs = 4
	c.Platform.Env["OLLAMA_GPU_OVERHEAD"] = "1073741824"
	near(t, "budget of 4 GPUs", Fit(c, 0).BudgetGiB, 4*(15.57-457.0/1024-1), 1e-9)
	c.Platform.Env["OLLAMA_GPU_OVERHEAD"] = "107374182400"
	near(t, "budget of GPUs that are all reserved", Fit(c, 0).BudgetGiB, 0, 0)
}

// What would spill to the CPU is infeasible, unless spilling is what was asked for.
func TestFitSpill(t *testing.T) {
	c := gemma4B()
	c.Model.Parts[Name]["model"] = "gemma3:12b-it-fp16"
	c.Model.Architecture.Parameters = 12.19e9
	if f := Fit(c, 0); !f.Infeasible() {
		t.Errorf("12B in 16 bits fits: %q", f.Lines)
	}
	c.Platform.Options["num_gpu"] = int64(10)
	f := Fit(c, 0)
	if f.Infeasible() || f.BudgetGiB != nil {
		t.Errorf("num_gpu is declared, yet there is a limit: %q", f.Lines)
	}
	near(t, "weights of 10 of 35 layers", f.WeightsGiB, 12.19e9*2/bytesPerGiB*10/35, 1e-9)
	c.Platform.Options["num_gpu"] = int64(0)
	near(t, "need of none", Fit(c, 0).NeedGiB, 0, 0)
}

func TestFitUnknown(t *testing.T) {
	c := gemma4B()
	c.Model.Architecture = nil
	if f := Fit(c, 0); f.Source != "" || f.WeightsGiB != nil || f.NeedGiB != nil || len(f.Lines) != 1 {
		t.Errorf("nothing is known: %+v", f)
	}
	c = gemma4B()
	c.Hardware = nil
	if f := Fit(c, 0); f.BudgetGiB != nil || f.NeedGiB == nil || f.Infeasible() {
		t.Errorf("no hardware, no budget: %+v", f)
	}
	near(t, "KV tokens of 16 slots", Fit(c, 0).KVTokens, 16*2048, 0)
	c.Model.Architecture = &cell.Architecture{WeightsGiB: 5}
	if f := Fit(c, 0); f.NeedGiB != nil || f.KVGiBPerSequence != nil || *f.WeightsGiB != 5 {
		t.Errorf("only weights are known: %+v", f)
	}
}
