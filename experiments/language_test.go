package experiments_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// write puts files into a folder and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// base declares what the small experiments of the tests refer to.
const base = `
hardware "box" {
  gpu      = "NVIDIA GeForce RTX 4080"
  vram_gib = 15.57
}
model "small" {
  vllm   = { model = "google/gemma-3-4b-it", dtype = "bfloat16" }
  ollama = { model = "gemma3:4b" }
}
model "big" {
  vllm = { model = "google/gemma-3-12b-it" }
}
dataset "prompts" {
  path = "prompts/candidates.jsonl"
}
platform "offline" {
  backend = "vllm_offline"
  python  = "../engines/vllm/bin/python"
  args    = { max_num_seqs = 256, gpu_memory_utilization = 0.92, load_format = "auto" }
}
platform "serve" {
  backend = "vllm_serve"
  args    = platform.offline.args
}
platform "ollama" {
  backend = "ollama"
  binary  = "ollama"
  env     = { OLLAMA_NUM_PARALLEL = 8, OLLAMA_FLASH_ATTENTION = true }
  options = { num_ctx = 4096 }
}
`

// experiment wraps the body of one over the base.
func experiment(body string) string {
	return base + "experiment \"e\" {\n  dataset = dataset.prompts\n" + body + "\n}\n"
}

const threeAxes = `
  matrix {
    platform   = [platform.offline, platform.serve, platform.ollama]
    model      = [model.small]
    batch_size = [10, 2000]
  }
`

func load(t *testing.T, text string, opts lang.Options) (*grid.Config, hcl.Diagnostics) {
	t.Helper()
	return grid.Load([]string{filepath.Join(write(t, map[string]string{"e.hcl": text}), "e.hcl")}, opts)
}

// cells expands the first experiment of a text that has no mistakes; by name.
func cells(t *testing.T, text string, h grid.Hooks) map[string]*cell.Cell {
	t.Helper()
	config, diags := load(t, text, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	all, diags := expand(config.Experiments[0], h)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return all
}

func expand(e *grid.Experiment, h grid.Hooks) (map[string]*cell.Cell, hcl.Diagnostics) {
	x := e.Expand(h)
	all := map[string]*cell.Cell{}
	for c := range x.Cells() {
		all[c.Name()] = c
	}
	return all, x.Diagnostics()
}

func summaries(diags hcl.Diagnostics) []string {
	var list []string
	for _, d := range diags {
		list = append(list, d.Summary)
	}
	return list
}

func TestGemma3Expands(t *testing.T) {
	for _, test := range []struct {
		vars           []string
		cells, skipped int
	}{{nil, 72, 4}, {[]string{"overnight=true"}, 72, 0}, {[]string{"batch_sizes=[10, 20000]"}, 24, 4}} {
		config, diags := grid.Load([]string{"testdata/gemma3.hcl"}, lang.Options{Vars: test.vars})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		all, _ := expand(config.Experiments[0], grid.Hooks{})
		excluded := 0
		for _, c := range all {
			if c.Skip != nil && c.Skip.Kind == cell.SkipExcluded {
				excluded++
				if c.Skip.Place.String() != "testdata/gemma3.hcl:90" || c.Skip.Reason != "set overnight = true to spend the hours" {
					t.Errorf("%s: %+v", c.Name(), c.Skip)
				}
			}
		}
		if len(all) != test.cells || excluded != test.skipped {
			t.Errorf("%v: %d cells, %d excluded, want %d and %d", test.vars, len(all), excluded, test.cells, test.skipped)
		}
		if d := config.Decisions["gemma3"]; d == nil || d.Weights["performance"] != 40 || d.Require["success_rate"] != 0.999 {
			t.Errorf("decision = %+v", d)
		}
	}
}

func TestDefaults(t *testing.T) {
	all := cells(t, experiment(threeAxes), grid.Hooks{})
	offline, ollama := all["offline/small/10"], all["ollama/small/2000"]
	if got, want := *offline.Load, (cell.Load{Mode: "batch"}); got != want {
		t.Errorf("load of a batch platform = %+v", got)
	}
	if got, want := *ollama.Load, (cell.Load{Mode: "closed", Concurrency: 32}); got != want {
		t.Errorf("load of a server = %+v", got)
	}
	if offline.Warmup.Requests != 20 || all["serve/small/10"].Warmup.Requests != 20 || ollama.Warmup.Requests != 64 {
		t.Errorf("warm-ups = %d, %d, %d", offline.Warmup.Requests, all["serve/small/10"].Warmup.Requests, ollama.Warmup.Requests)
	}
	if got := *offline.Capture; got.Outputs != "all" {
		t.Errorf("capture of a small batch = %+v", got)
	}
	if got := *ollama.Capture; got.Outputs != "sample" || got.Sample != 100 {
		t.Errorf("capture of a large batch = %+v", got)
	}
	if g := *ollama.Generate; g.Temperature != 0 || g.RepeatPenalty != 1 || g.TopP != 1 || g.MaxTokens != 256 {
		t.Errorf("generate = %+v", g)
	}
	if i := *ollama.Isolation; i.Server != "cell" || i.Caches != "warm" || i.PrefixCache != "off" || !i.Exclusive {
		t.Errorf("isolation = %+v", i)
	}
	if ollama.Launches != 1 || !ollama.Resume || ollama.Order != "blocks" || ollama.SLO != nil || ollama.Limits.MaxErrorRate != 0.5 || ollama.Limits.MaxCells != 10000 {
		t.Errorf("cell = %+v", ollama)
	}
	if want := map[string]string{"OLLAMA_NUM_PARALLEL": "8", "OLLAMA_FLASH_ATTENTION": "true"}; !maps.Equal(ollama.Platform.Env, want) {
		t.Errorf("env = %v", ollama.Platform.Env)
	}
	want := cell.Values{"max_num_seqs": int64(256), "gpu_memory_utilization": 0.92, "load_format": "auto"}
	if diff := cmp.Diff(want, offline.Platform.Args); diff != "" {
		t.Error(diff)
	}
}

func TestSettings(t *testing.T) {
	all := cells(t, experiment(threeAxes+`
  hardware = hardware.box
  launches = cell.batch_size >= 1000 ? 1 : 3
  order    = "random"
  seed     = 7
  resume   = false
  tags     = ["nightly"]
  load {
    mode        = cell.platform.backend == "ollama" ? "batch" : null
    concurrency = cell.batch_size == 10 ? 4 : 8
    timeout     = "1h30m"
    retries     = 2
  }
  generate {
    temperature = 0.5
    stop        = ["\n"]
    seed        = 3
  }
  warmup {
    requests = 5
  }
  limits {
    load = "0s"
    cell = "6h"
  }
  capture {
    outputs = 50
    chunks  = true
  }
  telemetry {
    interval = "250ms"
  }
  isolation {
    vram_tolerance = "1GiB"
    cooldown       = "5s"
  }
  slo {
    ttft = "500ms"
  }
`), grid.Hooks{})
	c := all["serve/small/10"]
	if c.Launches != 3 || all["serve/small/2000"].Launches != 1 || c.Order != "random" || c.Seed != 7 || c.Resume || !slices.Equal(c.Tags, []string{"nightly"}) {
		t.Errorf("cell = %+v", c)
	}
	if *c.Load != (cell.Load{Mode: "closed", Concurrency: 4, Timeout: 90 * time.Minute, Retries: 2}) {
		t.Errorf("load = %+v", *c.Load)
	}
	if got := *all["ollama/small/10"].Load; got.Mode != "batch" || got.Concurrency != 0 {
		t.Errorf("a batch on a server = %+v", got)
	}
	if c.Limits.Load != 0 || c.Limits.Cell != 6*time.Hour || c.Capture.Sample != 50 || !c.Capture.Chunks || c.Telemetry.Interval != 250*time.Millisecond {
		t.Errorf("limits %+v, capture %+v, telemetry %+v", *c.Limits, *c.Capture, *c.Telemetry)
	}
	if c.Isolation.VRAMToleranceMiB != 1024 || c.Isolation.Cooldown != 5*time.Second || c.SLO.TTFT != 500*time.Millisecond || c.Hardware.ID != "box" {
		t.Errorf("isolation %+v, slo %+v", *c.Isolation, *c.SLO)
	}
	if c.Generate != all["ollama/small/2000"].Generate || c.Load == all["serve/small/2000"].Load {
		t.Error("equal parts must be shared, others not")
	}
	if got := c.PlaceOf("load.concurrency"); got.Line == 0 || c.PlaceOf("platform.args.max_num_seqs").Line == 0 {
		t.Errorf("place of load.concurrency = %v", got)
	}
}

// What a decision is about, and what it costs; a mistake is said with its place.
func TestDecisionQuestion(t *testing.T) {
	load := func(body string) (*cell.Decision, string) {
		path := filepath.Join(t.TempDir(), "a.hcl")
		if err := os.WriteFile(path, []byte("decision \"best\" {\n"+body+"\n}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		config, diags := grid.Load([]string{path}, lang.Options{})
		text := ""
		for _, d := range diags {
			text += d.Summary + ": " + d.Detail + "\n"
		}
		return config.Decisions["best"], text
	}
	d, wrong := load("requests = [5000, 200000]\nprice_per_hour = 2.4\nelectricity_per_kwh = 0.3\ncurrency = \"EUR\"")
	if wrong != "" || !slices.Equal(d.Requests, []int64{5000, 200000}) || *d.PricePerHour != 2.4 || *d.ElectricityPerKWh != 0.3 || d.Currency != "EUR" {
		t.Errorf("%+v %s", d, wrong)
	}
	if d, wrong := load("requests = 700"); wrong != "" || !slices.Equal(d.Requests, []int64{700}) || d.PricePerHour != nil {
		t.Errorf("%+v %s", d, wrong)
	}
	for body, want := range map[string]string{"requests = [0]": "at least 1", "requests = \"many\"": "a number", "requests = [2.5]": "whole", "price_per_hour = -1": "at least 0", "price = 3": "price_per_hour"} {
		if _, wrong := load(body); !strings.Contains(wrong, want) {
			t.Errorf("%s: %q", body, wrong)
		}
	}
}
