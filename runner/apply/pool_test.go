package apply

import (
	"slices"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/runner/telemetry"
)

// fourGPUs are what a fake NVML shows.
func fourGPUs() []telemetry.GPU {
	var gpus []telemetry.GPU
	for i, name := range []string{"a", "b", "c", "d"} {
		gpus = append(gpus, telemetry.GPU{Index: i, UUID: "GPU-" + name, Name: "H100", MemoryTotal: 80 << 30})
	}
	return gpus
}

func TestPool(t *testing.T) {
	all := []string{"GPU-a", "GPU-b", "GPU-c", "GPU-d"}
	one, two := demand{gpus: 1, of: all}, demand{gpus: 2, of: all}
	p := newPool(all, 3)
	take := func(d demand, want string) []string {
		t.Helper()
		set, ok := p.take(d)
		if got := strings.Join(set, " "); got != want || ok != (want != "") {
			t.Fatalf("took %q, want %q", got, want)
		}
		return set
	}
	first := take(one, "GPU-a")
	pair := take(two, "GPU-b GPU-c")
	take(two, "") // one is left
	take(demand{these: []string{"GPU-b"}}, "")
	take(demand{gpus: 1, of: all, alone: true}, "")
	p.give(one, first)
	take(two, "GPU-a GPU-d")
	p.give(two, pair)
	last := take(demand{these: []string{"GPU-c"}}, "GPU-c")
	third := take(one, "GPU-b")
	take(demand{}, "") // three run
	p.give(one, third)
	p.give(demand{these: last}, last)
	p.give(two, []string{"GPU-a", "GPU-d"})
	alone := demand{gpus: 1, of: all, alone: true}
	set := take(alone, "GPU-a")
	take(one, "") // nothing beside it
	p.give(alone, set)
	port := demand{resource: "port 8000"}
	if _, ok := p.take(port); !ok {
		t.Error("the port is free")
	}
	if _, ok := p.take(port); ok {
		t.Error("one port was handed out twice")
	}
}

func TestDemand(t *testing.T) {
	gpus := fourGPUs()
	gpus[3].Name = "L4"
	tests := map[string]struct {
		platform cell.Platform
		hardware *cell.Hardware
		gpus     int
		of       string
		these    string
		resource string
	}{
		"vllm":          {platform: cell.Platform{Backend: "vllm_serve"}, gpus: 1, of: "abcd"},
		"sharded":       {platform: cell.Platform{Backend: "vllm_offline", Args: cell.Values{"tensor_parallel_size": int64(2), "pipeline_parallel_size": 2.0}}, gpus: 4, of: "abcd"},
		"too wide":      {platform: cell.Platform{Backend: "vllm_offline", Args: cell.Values{"tensor_parallel_size": int64(8)}}, gpus: 4, of: "abcd"},
		"ollama":        {platform: cell.Platform{Backend: "ollama"}, gpus: 1, of: "abcd"},
		"ollama on two": {platform: cell.Platform{Backend: "ollama"}, hardware: &cell.Hardware{GPUs: 2, GPU: "NVIDIA H100"}, gpus: 2, of: "abc"},
		"declared":      {platform: cell.Platform{Backend: "ollama", Env: map[string]string{"CUDA_VISIBLE_DEVICES": "2, GPU-a"}}, these: "ca"},
		"declared none": {platform: cell.Platform{Backend: "ollama", Env: map[string]string{"CUDA_VISIBLE_DEVICES": "-1"}}},
		"a port":        {platform: cell.Platform{Backend: "vllm_serve", Args: cell.Values{"port": int64(8000)}}, gpus: 1, of: "abcd", resource: "port 8000"},
		"attached":      {platform: cell.Platform{Backend: "openai", URL: "http://x"}, resource: "server http://x"},
		"simulated":     {platform: cell.Platform{Backend: "simulator"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := demandOf(&cell.Cell{Platform: &tt.platform, Hardware: tt.hardware}, gpus)
			letters := func(uuids []string) string { return strings.ReplaceAll(strings.Join(uuids, ""), "GPU-", "") }
			if d.gpus != tt.gpus || letters(d.of) != tt.of || letters(d.these) != tt.these || d.resource != tt.resource {
				t.Errorf("got %+v", d)
			}
		})
	}
	if d := demandOf(&cell.Cell{Platform: &cell.Platform{Backend: "ollama"}}, nil); d.gpus != 0 || slices.Contains(d.of, "") {
		t.Errorf("without GPUs: %+v", d)
	}
}
