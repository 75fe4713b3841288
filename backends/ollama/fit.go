package ollama

import (
	"fmt"
	"strconv"

	"matrix/backends/ggml"
	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

const (
	bytesPerMiB = float64(1 << 20)
	bytesPerGiB = float64(1 << 30)
	// perGPUReserve is what Ollama leaves free on each GPU.
	perGPUReserve = 457 * bytesPerMiB
)

// Fit predicts the memory of a cell by Ollama's own sums. It reads a GGUF header (a file, or Ollama's store), else
// the model's architecture block; what neither tells is nil.
//
// Ollama takes the caches of all slots at the load, each of num_ctx tokens whatever the prompts are, so the prompt tokens
// (p95) play no part. A model that does not fit would spill to the CPU: need above budget. Where options.num_gpu is
// declared, that is what was asked for, and there is no budget.
func Fit(c *cell.Cell, _ int) cell.Fit {
	m := describe(c)
	f := cell.Fit{Source: m.Source}
	if m.Source == "" {
		f.Lines = []string{"unknown: neither a GGUF header nor an architecture block"}
		return f
	}
	s := fitSettingsOf(c)
	budget(&f, c, s.LayersGPU)
	ggml.Predict(&f, m, s)
	return f
}

// fitSettingsOf has Ollama's defaults. Sliding layers keep the slots' windows and one batch.
func fitSettingsOf(c *cell.Cell) ggml.Settings {
	getenv := process.Getenv(c.Platform.Env)
	s := ggml.Settings{Context: contextOf(c.Platform), Slots: 1, Batch: 512}
	if n, err := strconv.Atoi(c.Platform.Env["OLLAMA_NUM_PARALLEL"]); err == nil && n > 0 {
		s.Slots = n
	}
	if n, ok := whole(c.Platform.Options["num_batch"]); ok && n > 0 {
		s.Batch = n
	}
	if n, ok := whole(c.Platform.Options["num_gpu"]); ok && n >= 0 {
		s.LayersGPU = &n
	}
	s.Element, s.ElementName = ggml.Element(getenv("OLLAMA_KV_CACHE_TYPE"))
	s.Flash, _ = strconv.ParseBool(getenv("OLLAMA_FLASH_ATTENTION"))
	s.Sliding = func(window int) float64 { return float64(s.Slots*window + s.Batch) }
	return s
}

// describe has the model's name for its precision, which names say (…-q4_K_M) where no header does.
func describe(c *cell.Cell) ggml.Model {
	if modelOf(c.Model) == nil {
		return ggml.Model{}
	}
	g, _ := header(c) // nil: the architecture block then
	return ggml.Describe(g, c.Model.Architecture, modelOf(c.Model).Model+modelOf(c.Model).GGUF)
}

// header is that of the file, or of the weights in the store that a launch would take.
func header(c *cell.Cell) (*modelfile.GGUF, error) {
	m := modelOf(c.Model)
	if m.GGUF != "" {
		return modelfile.ReadGGUF(m.GGUF)
	}
	return ggufOf(userStore(c.Platform, m.Model), m.Model)
}

// budget is the memory that Ollama may take of all GPUs together: it spreads layers over them. With num_gpu there is none,
// since layers beyond it go to the CPU.
func budget(f *cell.Fit, c *cell.Cell, layersGPU *int) {
	h := c.Hardware
	if h == nil || h.VRAMGiB == 0 {
		return
	}
	gpus := float64(max(1, h.GPUs))
	overhead, _ := strconv.ParseFloat(process.Getenv(c.Platform.Env)("OLLAMA_GPU_OVERHEAD"), 64)
	// Of each GPU (llm/memory.go of 0.11), and of one with less than both are nothing is left. 0.33 leaves the placing to
	// llama-server, and only logs the overhead: it is predicted as asked for all the same.
	usable := gpus * max(0, h.VRAMGiB-(perGPUReserve+overhead)/bytesPerGiB)
	if layersGPU != nil {
		f.Lines = append(f.Lines, fmt.Sprintf("num_gpu = %d is declared: layers on the CPU are asked for, so %.2f GiB of usable VRAM are no limit", *layersGPU, usable))
		return
	}
	f.BudgetGiB = &usable
	f.Lines = append(f.Lines, fmt.Sprintf("budget %.2f GiB: %g × (%g GiB − 457 MiB − OLLAMA_GPU_OVERHEAD %.0f MiB)", usable, gpus, h.VRAMGiB, overhead/bytesPerMiB))
}
