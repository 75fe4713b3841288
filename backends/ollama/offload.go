package ollama

import "fmt"

// partial says how a model came to lie beside the GPU in part, "" when it does not. Ollama answers a load that does
// not fit by running some layers on the CPU, several times slower and without a word; a figure from that is the
// classic wrong number. Where there is no GPU, the CPU is what was asked for.
func partial(f facts, m running) string {
	switch {
	case !f.gpu:
		return ""
	case f.layersGPU != nil && f.layers != nil && *f.layersGPU < *f.layers:
		return fmt.Sprintf("only %d of %d layers are on the GPU", *f.layersGPU, *f.layers)
	case m.Size > 0 && float64(m.SizeVRAM) < 0.99*float64(m.Size): // sizes are read off a log in newer versions
		return fmt.Sprintf("only %.1f of %.1f GiB are on the GPU", gib(m.SizeVRAM), gib(m.Size))
	}
	return ""
}

// gib is for messages, in the unit that nvidia-smi and Ollama's log show.
func gib(bytes int64) float64 { return float64(bytes) / (1 << 30) }
