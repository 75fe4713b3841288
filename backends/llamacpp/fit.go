package llamacpp

import (
	"fmt"

	"matrix/backends/ggml"
	"matrix/backends/modelfile"
	"matrix/experiments/cell"
)

// fitMarginGiB is what llama.cpp's own --fit leaves free on each GPU.
const fitMarginGiB = 1.0

// fit predicts the memory of a cell from the file's header, else from the model's architecture block. What does not fit
// goes to the CPU unless n_gpu_layers is declared, which a launch refuses to measure: need above budget.
// The prompts play no part: the caches of all slots are taken at the load.
func fit(c *cell.Cell, _ int) cell.Fit {
	g, _ := modelfile.ReadGGUF(sourceOf(c).gguf) // nil: the architecture block then
	m := ggml.Describe(g, c.Model.Architecture, sourceOf(c).gguf)
	f := cell.Fit{Source: m.Source}
	if m.Source == "" {
		f.Lines = []string{"unknown: neither a GGUF header nor an architecture block"}
		return f
	}
	s := settingsOf(c, g)
	if h := c.Hardware; h != nil && h.VRAMGiB > 0 {
		margin := fitMarginGiB
		if s.LayersGPU != nil {
			margin = 0 // --fit does nothing then
		}
		budget := float64(max(1, h.GPUs)) * (h.VRAMGiB - margin)
		f.BudgetGiB = &budget
		f.Lines = append(f.Lines, fmt.Sprintf("budget %.2f GiB: %d × (%g GiB − %g GiB)", budget, max(1, h.GPUs), h.VRAMGiB, margin))
	}
	ggml.Predict(&f, m, s)
	return f
}

// settingsOf has llama-server's defaults. A sliding layer keeps its window and one step in each slot, as its cache is laid
// out: 15 such layers of Gemma 3 270M have 1,024 tokens a slot for a window of 512 and steps of 512.
func settingsOf(c *cell.Cell, g *modelfile.GGUF) ggml.Settings {
	args := c.Platform.Args
	s := ggml.Settings{Slots: slotsOf(c.Platform), Batch: 512, Flash: args["flash_attn"] != "off"}
	s.Context = args.Int("ctx_size") / s.Slots
	if s.Context == 0 && g != nil {
		s.Context = g.ContextLength / s.Slots // one pool of the model's whole context
	}
	if n := args.Int("ubatch_size"); n > 0 {
		s.Batch = n
	}
	if n, declared := layersDeclared(c.Platform); declared {
		s.LayersGPU = &n
	}
	kind, _ := args["cache_type_k"].(string)
	other, _ := args["cache_type_v"].(string)
	keys, name := ggml.Element(kind)
	values, _ := ggml.Element(other)
	s.Element, s.ElementName = (keys+values)/2, name // a token has as many keys as values
	s.Sliding = func(window int) float64 { return float64(s.Slots * min(s.Context, window+s.Batch)) }
	return s
}
