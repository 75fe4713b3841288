package vllm

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
)

var update = flag.Bool("update", false, "write the goldens anew")

// golden compares a text with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v\ngot:\n%s", path, err, got)
	}
}

func commandText(c backends.Command) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		fmt.Fprintf(&b, "%s=%s\n", name, c.Env[name])
	}
	fmt.Fprintln(&b, strings.Join(c.Argv, "\n  "))
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		if name != driverFile {
			fmt.Fprintf(&b, "--- %s\n%s", name, c.Files[name])
		}
	}
	return b.String()
}

func TestCommand(t *testing.T) {
	for _, backend := range []string{OfflineName, ServeName} {
		cell := &cell.Cell{
			Platform: &cell.Platform{
				ID: "p", Backend: backend,
				Args: cell.Values{
					"max_model_len": int64(4096), "gpu_memory_utilization": 0.92, "max_num_seqs": int64(256), "enforce_eager": true,
					"async_scheduling": false, "hf_overrides": cell.Values{"a": int64(1)}, "cudagraph_capture_sizes": []any{int64(1), int64(8)},
					"max_logprobs": int64(-1), "seed": nil,
				},
				Env: map[string]string{"VLLM_USE_FLASHINFER_SAMPLER": "0"},
			},
			Model: &cell.Model{ID: "m", Parts: Model{
				Model: "google/gemma-3-4b-it", Revision: "main", DType: "bfloat16",
			}.Parts()},
			Isolation: &cell.Isolation{Caches: "cold", PrefixCache: "off"},
		}
		spec := backends.Spec{Cell: cell, Attempt: "01ABC", Dir: "/work/dir", GPUs: []string{"GPU-1", "GPU-2"}}
		c, err := Command(spec, "/venv/bin/python", 8123, "matrix-01abc")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, backend+".command", commandText(c))
		if backend == OfflineName && c.Files[driverFile] != driver {
			t.Error("the driver is not among the files")
		}
	}
}

func TestFlags(t *testing.T) {
	got := flags(cell.Values{
		"a_b": true, "c_d": false, "disable_log_stats": false, "f": 0.5, "i": int64(3), "n": nil, "s": "x", "neg": int64(-1),
		"list": []any{"x", int64(2)}, "allowed_origins": []any{"*"}, "object": cell.Values{"k": true},
	})
	want := []string{
		"--a-b", "--allowed-origins", `["*"]`, "--no-c-d", "--f", "0.5", "--i", "3", "--list", "x", "2", "--neg=-1", "--object", `{"k":true}`, "--s", "x",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestNaturalPrefixCacheKeepsTheDefault(t *testing.T) {
	cell := &cell.Cell{
		Platform: &cell.Platform{Args: cell.Values{"disable_log_stats": true}},
		Model:    &cell.Model{Parts: Model{Model: "x/y"}.Parts()}, Isolation: &cell.Isolation{PrefixCache: "natural"},
	}
	if _, ok := arguments(cell)["enable_prefix_caching"]; ok {
		t.Error("enable_prefix_caching is set")
	}
	c, err := Command(backends.Spec{Cell: cell, Dir: "/d"}, "python3", 0, "")
	if err != nil || !strings.Contains(c.Files[configFile], `"disable_log_stats": true`) {
		t.Errorf("a declared argument does not win: %s, %v", c.Files[configFile], err)
	}
}
