package experiments_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

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
	all := cells(t, text, grid.Hooks{})
	p := all["serve/small/10/128"].Platform
	if diff := cmp.Diff(cell.Values{"max_num_seqs": int64(128), "gpu_memory_utilization": 0.92}, p.Args); diff != "" {
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
`), grid.Hooks{})
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
	h := grid.Hooks{Fit: func(c *cell.Cell) cell.Fit {
		calls++
		if c.Load == nil || c.Warmup == nil || c.Limits == nil {
			t.Error("the prediction sees an incomplete cell")
		}
		if c.Platform.Backend != "vllm_serve" {
			return cell.Fit{}
		}
		return cell.Fit{WeightsGiB: number(22.7), KVGiBPerSequence: number(0.9), OverheadGiB: number(0.8), NeedGiB: number(24.4), BudgetGiB: number(15.57), MaxSequences: number(3)}
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
	if calls != 3 {
		t.Errorf("Fit was asked %d times for 3 combinations; the batch size is none of its business", calls)
	}
}

func TestChecks(t *testing.T) {
	h := grid.Hooks{Check: func(c *cell.Cell) []cell.Problem {
		return []cell.Problem{{Summary: "not here"}, {Summary: "set it", Path: "platform.args.max_num_batched_tokens", Warning: true}}
	}}
	config, diags := load(t, experiment(threeAxes), lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	all, diags := expand(config.Experiments[0], h)
	if s := all["serve/small/10"].Skip; s == nil || s.Reason != "not here" || s.Kind != "infeasible" {
		t.Errorf("skip = %+v", s)
	}
	if diags.HasErrors() || len(diags) != 1 { // what none of the platform blocks has is said once
		t.Errorf("diagnostics = %v", diags)
	}
	if a, ok := diags[0].Extra.(diagnostic.Affected); !ok || a.More != 5 {
		t.Errorf("affected = %+v", diags[0].Extra)
	}
}

func TestModelWithoutForm(t *testing.T) {
	all := cells(t, experiment(strings.Replace(threeAxes, "[model.small]", "[model.small, model.big]", 1)), grid.Hooks{})
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
	config, diags := grid.Load([]string{dir}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	all, _ := expand(config.Experiments[0], grid.Hooks{})
	c := all["offline/local/3"]
	if c == nil {
		t.Fatal(all)
	}
	for got, want := range map[string]string{
		c.Platform.Python:                    filepath.Join(dir, "engines/vllm/bin/python"),
		c.Dataset.Path:                       filepath.Join(dir, "sub/prompts/candidates.jsonl"),
		c.Model.Parts["vllm"].Text("model"):  filepath.Join(dir, "weights"),
		c.Model.Parts["ollama"].Text("gguf"): filepath.Join(dir, "m.gguf"),
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
`, grid.Hooks{})
	if len(all) != 16 {
		t.Fatalf("%d cells: %v", len(all), slices.Sorted(maps.Keys(all)))
	}
	c := all["serve/small/1/null/other/fp8/a:true"]
	if c == nil || c.Hardware != nil || c.Dataset.Synthetic.InputTokens != (cell.Length{Distribution: "uniform", Mean: 15, Min: 10, Max: 20}) || c.Dataset.Seed != 4 {
		t.Fatalf("cell = %+v of %v", c, slices.Sorted(maps.Keys(all)))
	}
	if diff := cmp.Diff(cell.Values{"a": true}, c.Platform.Args["mix"]); diff != "" {
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
