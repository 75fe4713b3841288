package vllm

import (
	"testing"

	"matrix/experiments/cell"
)

func TestCompiles(t *testing.T) {
	limits := cell.Values{"max_num_batched_tokens": 8192, "max_num_seqs": 256}
	with := func(more cell.Values) cell.Values {
		all := cell.Values{}
		for _, v := range []cell.Values{limits, more} {
			for name, x := range v {
				all[name] = x
			}
		}
		return all
	}
	base := compiles("vllm_serve", limits, nil)
	for _, test := range []struct {
		name     string
		platform string
		args     cell.Values
		env      map[string]string
		same     bool
	}{
		{"offline with the same limits", "vllm_offline", limits, nil, true},
		{"read back from a result", "vllm_serve", cell.Values{"max_num_batched_tokens": 8192.0, "max_num_seqs": 256.0}, nil, true},
		{"what takes memory", "vllm_serve", with(cell.Values{"gpu_memory_utilization": 0.5, "seed": 3, "port": 8001}), nil, true},
		{"another limit", "vllm_serve", with(cell.Values{"max_num_seqs": 64}), nil, false},
		{"another context", "vllm_serve", with(cell.Values{"max_model_len": 2048}), nil, false},
		{"another cache", "vllm_serve", limits, map[string]string{"VLLM_CACHE_ROOT": "/tmp/x"}, false},
	} {
		if got := compiles(test.platform, test.args, test.env); got == "" || (got == base) != test.same {
			t.Errorf("%s: %q, and the first is %q", test.name, got, base)
		}
	}
	// Each has limits of its own where none are declared.
	if compiles("vllm_serve", nil, nil) == compiles("vllm_offline", nil, nil) {
		t.Error("offline and served share what they compile though their defaults differ")
	}
	if got := compiles("vllm_serve", cell.Values{"enforce_eager": true}, nil); got != "" {
		t.Errorf("eager mode compiles %q", got)
	}
}
