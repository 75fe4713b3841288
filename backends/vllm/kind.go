// Package vllm owns vLLM: offline (the LLM class, driven by an embedded Python
// file) and served (its OpenAI server), both started from the same interpreter.
// It knows flags, log lines and failures of vLLM; processes are started by
// backends/process, streams are read by backends/wire.
package vllm

import (
	"path/filepath"

	"matrix/experiments/cell"
)

// Tested names the versions that the tests have run against; those between are expected to work.
const Tested = "0.22.1, 0.32.0"

// Names of the backends.
const (
	OfflineName = "vllm_offline"
	ServeName   = "vllm_serve"
)

// Part is the attribute of a model block.
const Part = "vllm"

var (
	offlineKind = &cell.EngineKind{Name: OfflineName, Server: "vllm", Installs: cell.InstallsPackage, GPUs: spans, Sequences: sequences, Loads: loads,
		Batch: func(*cell.Platform) bool { return true }}
	serveKind = &cell.EngineKind{Name: ServeName, Server: "vllm", Installs: cell.InstallsPackage, GPUs: spans, Sequences: sequences, Loads: loads}

	loads = &cell.Part{Name: Part, Attributes: []cell.PartAttribute{
		{Name: "model", Folder: true, Required: true, Local: "vllm_model", Facts: []string{"repository"}},
		{Name: "revision", Default: "main", Movable: true, Facts: []string{"commit"}},
		{Name: "tokenizer", Folder: true},
		{Name: "dtype", Default: "auto"},
		{Name: "quantization"},
	}, Label: func(v cell.Values) string {
		if v.Text("model") == "" {
			return ""
		}
		return filepath.Base(v.Text("model"))
	}}
)

// spans is how many GPUs a platform's arguments take.
func spans(p *cell.Platform) int {
	n := 1
	for _, name := range []string{"tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"} {
		n *= max(1, p.Args.Int(name))
	}
	return n
}

// sequences is one figure for all devices and entry points, which differ; Fit has each one's own.
func sequences(*cell.Platform) float64 { return 256 } // its usual max_num_seqs

// Model is what a model block names for vLLM.
type Model struct {
	Model        string // Hugging Face repository or a local folder (absolute after loading)
	Revision     string // branch, tag or commit; "" = main
	Tokenizer    string // another repository or folder; "" = the model's own
	DType        string // "" = auto
	Quantization string // "" = what config.json says
}

// modelOf is nil where the block names nothing.
func modelOf(m *cell.Model) *Model {
	if m == nil || m.Parts[Part] == nil {
		return nil
	}
	v := m.Parts[Part]
	return &Model{v.Text("model"), v.Text("revision"), v.Text("tokenizer"), v.Text("dtype"), v.Text("quantization")}
}

// Parts are the block's, for whoever makes a cell without a file.
func (m Model) Parts() map[string]cell.Values {
	return map[string]cell.Values{Part: {
		"model": m.Model, "revision": m.Revision, "tokenizer": m.Tokenizer, "dtype": m.DType, "quantization": m.Quantization,
	}}
}
