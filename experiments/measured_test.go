package experiments_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// What a stored identity tells is what a cell is made of again, whatever is declared today, and numbers stay whole.
func TestAsMeasured(t *testing.T) {
	source := func(python, extra string) string {
		return `
variable "engines" {
  default = "` + python + `"
}
dataset "d" {
  synthetic = { count = 20, input_tokens = 8, output_tokens = 8 }
}
model "m" {
  vllm = { model = "google/gemma-3-4b-it", dtype = "bfloat16" }
}
platform "serve" {
  backend = "vllm_serve"
  python  = "${var.engines}/bin/python"
  args    = { max_model_len = 4096, gpu_memory_utilization = 0.5` + extra + ` }
  env     = { VLLM_CPU_KVCACHE_SPACE = 4 }
}
experiment "e" {
  dataset    = dataset.d
  platform   = platform.serve
  model      = model.m
  batch_size = 10
  generate {
    max_tokens  = 7
    temperature = 0.5
    stop        = ["` + python + `"]
    top_p       = 0.9
  }
}
`
	}
	one := func(text string) *cell.Cell { return cells(t, text, grid.Hooks{})["serve/m/10"] }
	then, now := one(source("/then", "")), one(source("/now", ", max_num_seqs = 8"))
	id := cell.NewIdentifier().Identify(then, cell.Facts{Backend: cell.Values{"name": "vllm_serve", "version": "0.32.0"}})
	bare, err := cell.NewCell("e", &cell.Platform{ID: "serve"}, &cell.Model{ID: "m"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	for name, base := range map[string]*cell.Cell{"of what is declared now": now, "of nothing": bare} {
		got, err := base.AsMeasured(id)
		if err != nil {
			t.Fatal(err)
		}
		for what, pair := range map[string][2]any{
			"args":      {got.Platform.Args, then.Platform.Args},
			"env":       {got.Platform.Env, then.Platform.Env},
			"python":    {got.Platform.Python, "/then/bin/python"},
			"backend":   {got.Platform.Backend, then.Platform.Backend},
			"model":     {got.Model.Parts["vllm"], then.Model.Parts["vllm"]},
			"generate":  {got.Generate.TopP, then.Generate.TopP},
			"stop":      {got.Generate.Stop, then.Generate.Stop},
			"tokens":    {got.Generate.MaxTokens, 7},
			"isolation": {got.Isolation.PrefixCache, then.Isolation.PrefixCache},
		} {
			if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, what, diff)
			}
		}
	}
	if now.Platform.Args["max_num_seqs"] == nil || now.Platform.Python != "/now/bin/python" || now.Generate.Stop[0] != "/now" {
		t.Error("the declared cell was written to")
	}
}

// A path in a message is traced to the variable that it comes from, through a local too.
func TestBehind(t *testing.T) {
	config, diags := load(t, `
variable "engines" {
  default = "/opt/engines"
}
variable "short" {
  default = "/"
}
locals {
  vllm = "${var.engines}/vllm"
}
platform "serve" {
  backend = "vllm_serve"
  python  = "${local.vllm}/bin/python"
}
`, lang.Options{Environ: []string{"MATRIX_VAR_engines=/srv/engines"}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	v, ok := config.Behind("interpreter /srv/engines/vllm/bin/python is not there")
	if !ok || v.Name != "engines" || v.From != "MATRIX_VAR_engines" {
		t.Errorf("got %+v %v", v, ok)
	}
	if v, ok := config.Behind("interpreter /usr/bin/python3 is not there"); ok {
		t.Errorf("a path that no variable has comes from %+v", v)
	}
}
