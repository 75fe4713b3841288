package vllm

import (
	"path/filepath"

	"matrix/experiments"
)

// reserves is gpu_memory_utilization of the GPU: vLLM compares it with what is free and refuses to start, but only after
// it has been imported (23 s).
func reserves(c *experiments.Cell, totalBytes int64) int64 {
	s := fitSettingsOf(c)
	if s.cpu || c.Platform.Attach {
		return 0
	}
	return int64(s.utilization * float64(totalBytes))
}

// modelFiles are the weights in the model's folder.
func modelFiles(c *experiments.Cell) []string {
	dir, _, err := modelDir(c)
	if err != nil {
		return nil
	}
	var files []string
	for _, pattern := range []string{"*.safetensors", "*.bin", "*.pt"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are well formed
		files = append(files, found...)
	}
	return files
}
