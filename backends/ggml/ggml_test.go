package ggml

import "testing"

func TestBytesPerWeight(t *testing.T) {
	for name, want := range map[string]float64{
		"gemma3:4b-it-fp16": 2, "gemma3:4b-it-q4_K_M": 0.61, "gemma3:4b": 0.61, "llama3.1:8b-instruct-q8_0": 1.0625,
		"hf.co/unsloth/gemma-3-4b-it-GGUF:BF16": 2,
	} {
		if got, _ := bytesPerWeight(name); got != want {
			t.Errorf("%s: %g bytes a weight, want %g", name, got, want)
		}
	}
}
