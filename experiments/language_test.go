package experiments_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"matrix/experiments"
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

func load(t *testing.T, text string, opts experiments.LoadOptions) (*experiments.Config, hcl.Diagnostics) {
	t.Helper()
	return experiments.Load([]string{filepath.Join(write(t, map[string]string{"e.hcl": text}), "e.hcl")}, opts)
}

// cells expands the first experiment of a text that has no mistakes; by name.
func cells(t *testing.T, text string, h experiments.Hooks) map[string]*experiments.Cell {
	t.Helper()
	config, diags := load(t, text, experiments.LoadOptions{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	all, diags := expand(config.Experiments[0], h)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return all
}

func expand(e *experiments.Experiment, h experiments.Hooks) (map[string]*experiments.Cell, hcl.Diagnostics) {
	x := e.Expand(h)
	all := map[string]*experiments.Cell{}
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
		config, diags := experiments.Load([]string{"testdata/gemma3.hcl"}, experiments.LoadOptions{Vars: test.vars})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		all, _ := expand(config.Experiments[0], experiments.Hooks{})
		excluded := 0
		for _, c := range all {
			if c.Skip != nil && c.Skip.Kind == experiments.SkipExcluded {
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
	all := cells(t, experiment(threeAxes), experiments.Hooks{})
	offline, ollama := all["offline/small/10"], all["ollama/small/2000"]
	if got, want := *offline.Load, (experiments.LoadShape{Mode: "batch"}); got != want {
		t.Errorf("load of a batch platform = %+v", got)
	}
	if got, want := *ollama.Load, (experiments.LoadShape{Mode: "closed", Concurrency: 32}); got != want {
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
	if ollama.Launches != 1 || !ollama.Resume || ollama.Order != "blocks" || ollama.SLO != nil || ollama.Limits.MaxErrorRate != 1 || ollama.Limits.MaxCells != 10000 {
		t.Errorf("cell = %+v", ollama)
	}
	if want := map[string]string{"OLLAMA_NUM_PARALLEL": "8", "OLLAMA_FLASH_ATTENTION": "true"}; !maps.Equal(ollama.Platform.Env, want) {
		t.Errorf("env = %v", ollama.Platform.Env)
	}
	want := experiments.Values{"max_num_seqs": int64(256), "gpu_memory_utilization": 0.92, "load_format": "auto"}
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
`), experiments.Hooks{})
	c := all["serve/small/10"]
	if c.Launches != 3 || all["serve/small/2000"].Launches != 1 || c.Order != "random" || c.Seed != 7 || c.Resume || !slices.Equal(c.Tags, []string{"nightly"}) {
		t.Errorf("cell = %+v", c)
	}
	if *c.Load != (experiments.LoadShape{Mode: "closed", Concurrency: 4, Timeout: 90 * time.Minute, Retries: 2}) {
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

func TestOverridesMerge(t *testing.T) {
	text := experiment(strings.Replace(threeAxes, "batch_size = [10, 2000]", "batch_size = [10]\n    seqs = [64, 128]", 1) + `
  override {
    when = cell.platform.backend != "ollama"
    args = { max_num_seqs = cell.seqs, load_format = null }
  }
  override {
    when = cell.platform.backend == "ollama"
    env  = { OLLAMA_NUM_PARALLEL = cell.seqs }
  }
  load {
    concurrency = try(cell.platform.args.max_num_seqs, 1) * 2
  }
`)
	all := cells(t, text, experiments.Hooks{})
	p := all["serve/small/10/128"].Platform
	if diff := cmp.Diff(experiments.Values{"max_num_seqs": int64(128), "gpu_memory_utilization": 0.92}, p.Args); diff != "" {
		t.Error(diff)
	}
	if got := all["ollama/small/10/64"].Platform.Env["OLLAMA_NUM_PARALLEL"]; got != "64" {
		t.Errorf("OLLAMA_NUM_PARALLEL = %q", got)
	}
	if got := all["serve/small/10/128"].Load.Concurrency; got != 256 {
		t.Errorf("concurrency = %d: cell.platform must show the overrides", got)
	}
	want := strings.Count(text[:strings.Index(text, "max_num_seqs = cell.seqs")], "\n") + 1
	if got := p.Places["args.max_num_seqs"].Line; got != want {
		t.Errorf("place of the override = line %d, want %d", got, want)
	}
	if all["offline/small/10/64"].Platform == all["offline/small/10/128"].Platform {
		t.Error("two settings share one platform")
	}
}

func TestIncludeAndExclude(t *testing.T) {
	all := cells(t, experiment(threeAxes+`
  include {
    platform   = platform.serve
    model      = model.big
    batch_size = 77
  }
  include {
    platform   = platform.ollama
    model      = model.small
    batch_size = 78
  }
  exclude {
    when   = cell.batch_size == 78
    reason = "because of ${cell.batch_size}"
  }
`), experiments.Hooks{})
	if len(all) != 8 || all["serve/big/77"] == nil || all["serve/big/77"].Skip != nil {
		t.Fatalf("%d cells, %v", len(all), slices.Sorted(maps.Keys(all)))
	}
	if s := all["ollama/small/78"].Skip; s == nil || s.Kind != "excluded" || s.Reason != "because of 78" {
		t.Errorf("an exclude wins over an include: %+v", s)
	}
}

func number(f float64) *float64 { return &f }

func TestFitAndConstraints(t *testing.T) {
	calls := 0
	h := experiments.Hooks{Fit: func(c *experiments.Cell) experiments.Fit {
		calls++
		if c.Load == nil || c.Warmup == nil || c.Limits == nil {
			t.Error("the prediction sees an incomplete cell")
		}
		if c.Platform.Backend != experiments.VLLMServe {
			return experiments.Fit{}
		}
		return experiments.Fit{WeightsGiB: number(22.7), KVGiBPerSequence: number(0.9), OverheadGiB: number(0.8), NeedGiB: number(24.4), BudgetGiB: number(15.57), MaxSequences: number(3)}
	}}
	all := cells(t, experiment(threeAxes+`
  hardware = hardware.box
  load {
    concurrency = coalesce(cell.fit.max_sequences, 5)
  }
  constraint "room" {
    condition = coalesce(cell.fit.max_sequences, 8) >= 8
    message   = "room for only ${cell.fit.max_sequences} sequences at once"
  }
  constraint "small" {
    condition = cell.batch_size < 1000
  }
`), h)
	s := all["serve/small/2000"].Skip
	if s == nil || s.Kind != "infeasible" || s.Reason != "needs 24.4 GiB (weights 22.7, KV ≥ 0.9, overhead 0.8) > 15.57 GiB" || s.Place.Line != 2 {
		t.Fatalf("skip = %+v", s)
	}
	if len(s.More) != 2 || s.More[0].Reason != "room for only 3 sequences at once (cell.fit.max_sequences = 3)" ||
		s.More[1].Reason != `constraint "small" is false (cell.batch_size = 2000)` {
		t.Errorf("more = %+v", s.More)
	}
	if all["ollama/small/10"].Skip != nil || all["ollama/small/10"].Load.Concurrency != 5 || all["serve/small/10"].Load.Concurrency != 3 {
		t.Errorf("ollama = %+v", all["ollama/small/10"])
	}
	if calls != 6 {
		t.Errorf("Fit was asked %d times for 6 combinations", calls)
	}
}

func TestChecks(t *testing.T) {
	h := experiments.Hooks{Check: func(c *experiments.Cell) []experiments.Problem {
		return []experiments.Problem{{Summary: "not here"}, {Summary: "set it", Path: "platform.args.max_num_batched_tokens", Warning: true}}
	}}
	config, diags := load(t, experiment(threeAxes), experiments.LoadOptions{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	all, diags := expand(config.Experiments[0], h)
	if s := all["serve/small/10"].Skip; s == nil || s.Reason != "not here" || s.Kind != "infeasible" {
		t.Errorf("skip = %+v", s)
	}
	if diags.HasErrors() || len(diags) != 3 { // one warning per platform block
		t.Errorf("diagnostics = %v", diags)
	}
	if a, ok := diags[0].Extra.(experiments.Affected); !ok || a.More != 1 {
		t.Errorf("affected = %+v", diags[0].Extra)
	}
}

func TestModelWithoutForm(t *testing.T) {
	all := cells(t, experiment(strings.Replace(threeAxes, "[model.small]", "[model.small, model.big]", 1)), experiments.Hooks{})
	s := all["ollama/big/10"].Skip
	if s == nil || s.Kind != "infeasible" || s.Reason != "model big has no ollama = { … }" || all["serve/big/10"].Skip != nil {
		t.Errorf("skip = %+v", s)
	}
}

func TestFixedCoordinatesAndPaths(t *testing.T) {
	dir := write(t, map[string]string{"sub/base.hcl": base, "main.hcl": `
imports = ["sub/base.hcl"]
model "local" {
  vllm   = { model = "./weights" }
  ollama = { gguf = "m.gguf" }
}
experiment "e" {
  dataset    = dataset.prompts
  platform   = platform.offline
  model      = model.local
  batch_size = 3
}
`})
	config, diags := experiments.Load([]string{dir}, experiments.LoadOptions{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	all, _ := expand(config.Experiments[0], experiments.Hooks{})
	c := all["offline/local/3"]
	if c == nil {
		t.Fatal(all)
	}
	for got, want := range map[string]string{
		c.Platform.Python:   filepath.Join(dir, "engines/vllm/bin/python"),
		c.Dataset.Path:      filepath.Join(dir, "sub/prompts/candidates.jsonl"),
		c.Model.VLLM.Model:  filepath.Join(dir, "weights"),
		c.Model.Ollama.GGUF: filepath.Join(dir, "m.gguf"),
	} {
		if got != want {
			t.Errorf("path %s, want %s", got, want)
		}
	}
}

func TestAxesOfAnyKind(t *testing.T) {
	all := cells(t, base+`
dataset "other" {
  synthetic = { input_tokens = { min = 10, max = 20 }, output_tokens = 5, seed = 4 }
}
experiment "e" {
  platform = platform.serve
  model    = model.small
  matrix {
    batch_size = [1]
    hardware   = [hardware.box, null]
    dataset    = [dataset.prompts, dataset.other]
    quant      = [null, "fp8"]
    mix        = [[1, 2], { a = true }]
  }
  override {
    args = { quantization = cell.quant, mix = cell.mix }
  }
}
`, experiments.Hooks{})
	if len(all) != 16 {
		t.Fatalf("%d cells: %v", len(all), slices.Sorted(maps.Keys(all)))
	}
	c := all["serve/small/1/null/other/fp8/a:true"]
	if c == nil || c.Hardware != nil || c.Dataset.Synthetic.InputTokens != (experiments.Length{Distribution: "uniform", Mean: 15, Min: 10, Max: 20}) || c.Dataset.Seed != 4 {
		t.Fatalf("cell = %+v of %v", c, slices.Sorted(maps.Keys(all)))
	}
	if diff := cmp.Diff(experiments.Values{"a": true}, c.Platform.Args["mix"]); diff != "" {
		t.Error(diff)
	}
	slugs := map[string]bool{}
	for _, c := range all {
		slugs[c.Slug] = true
		if strings.ContainsAny(c.Slug, "/: ") || len(c.Slug) > 140 || !strings.HasSuffix(c.Slug, "-"+c.Address[:16]) {
			t.Errorf("slug %q", c.Slug)
		}
	}
	if len(slugs) != 16 {
		t.Errorf("%d slugs for 16 cells", len(slugs))
	}
}

func TestVariables(t *testing.T) {
	dir := write(t, map[string]string{"e.hcl": `
variable "n" {
  type    = number
  default = 1
}
variable "list" {
  default = [1]
}
variable "flag" {
  default = false
}
variable "o" {
  type = object({ a = number, b = optional(string, "x") })
  default = { a = 1 }
}
experiment "e" {
  dataset    = dataset.d
  platform   = platform.p
  model      = model.m
  batch_size = var.n
  description = "${jsonencode(var.list)} ${var.flag ? "on" : "off"} ${var.o.b}"
}
dataset "d" {
  synthetic = { input_tokens = 5 }
}
model "m" {
}
platform "p" {
  backend = "simulator"
}
`, "a.hclvars": "n = 3\nstrange = 1\n", "b.json": `{"n": 4}`})
	file := func(name string) string { return filepath.Join(dir, name) }
	environ := []string{"MATRIX_VAR_n=2", "MATRIX_VAR_nobody=1", "PATH=/bin"}
	for _, test := range []struct {
		name string
		opts experiments.LoadOptions
		want string
		said []string
	}{
		{"defaults", experiments.LoadOptions{}, "1 [1] off x", nil},
		{"environment", experiments.LoadOptions{Environ: environ}, "2 [1] off x", nil},
		{"file over environment", experiments.LoadOptions{Environ: environ, VarFiles: []string{file("a.hclvars")}}, "3 [1] off x", []string{"Undeclared variable strange"}},
		{"later file", experiments.LoadOptions{VarFiles: []string{file("a.hclvars"), file("b.json")}}, "4 [1] off x", []string{"Undeclared variable strange"}},
		{"flag over all", experiments.LoadOptions{Environ: environ, VarFiles: []string{file("b.json")}, Vars: []string{"n=5", "n=6", "list=[1, 2]", "flag=true", "o={a=2,b=\"y\"}"}}, "6 [1,2] on y", nil},
		{"saved plan", experiments.LoadOptions{Vars: []string{"n=5"}, Values: experiments.Values{"n": int64(9), "list": []any{"a"}}}, `9 ["a"] off x`, nil},
		{"undeclared flag", experiments.LoadOptions{Vars: []string{"flga=true"}}, "", []string{"Undeclared variable flga"}},
		{"no value", experiments.LoadOptions{Vars: []string{"flag"}}, "", []string{"Bad --var"}},
		{"wrong type", experiments.LoadOptions{Vars: []string{"n=many"}}, "", []string{"Value does not fit variable n"}},
		{"missing file", experiments.LoadOptions{VarFiles: []string{file("none")}}, "", []string{"Cannot read --var-file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, diags := experiments.Load([]string{file("e.hcl")}, test.opts)
			if diff := cmp.Diff(test.said, summaries(diags)); diff != "" {
				t.Fatal(diff)
			}
			if diags.HasErrors() {
				return
			}
			e := config.Experiments[0]
			for name := range mustCells(t, e) {
				if got := fmt.Sprint(strings.TrimPrefix(name, "p/m/"), " ", e.Description); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			}
		})
	}
}

func mustCells(t *testing.T, e *experiments.Experiment) map[string]*experiments.Cell {
	t.Helper()
	all, diags := expand(e, experiments.Hooks{})
	if diags.HasErrors() || len(all) == 0 {
		t.Fatal(diags)
	}
	return all
}
