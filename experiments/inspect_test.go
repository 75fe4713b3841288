package experiments_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

const inspected = `
locals {
  limit = 30
}
dataset "d" {
  path = "prompts.jsonl"
}
model "m" {
  openai = { model = "m" }
}
platform "sim" {
  backend = "simulator"
}
experiment "e" {
  dataset  = dataset.d
  platform = platform.sim
  model    = model.m
  matrix {
    batch_size = [10, 40]
    width      = [1, 2]
  }
  include {
    platform   = platform.sim
    model      = model.m
    batch_size = 77
    width      = 1
  }
  exclude {
    when   = cell.fit.need_gib > 8
    reason = "no room"
  }
  override {
    when    = cell.width == 2
    options = { slots = 2 * cell.width }
  }
  constraint "small" {
    condition = cell.batch_size <= local.limit
    message   = "at most ${local.limit}"
  }
  constraint "slots" {
    condition = cell.platform.options.slots > 1
  }
}
`

func loadText(t *testing.T, name, text string) *grid.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	config, diags := grid.Load([]string{file}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return config
}

// need predicts 1 GiB for the smallest batch, more than there is room for above.
func need(c *cell.Cell) cell.Fit {
	n := float64(c.BatchSize) / 10
	return cell.Fit{NeedGiB: &n}
}

func TestInspect(t *testing.T) {
	config := loadText(t, "e.hcl", inspected)
	hooks := grid.Hooks{Fit: need}
	outcomes := map[string][]string{}
	x := config.Experiments[0].Expand(hooks)
	for c := range x.Cells() {
		i := config.Inspect(hooks, "e", c.Address)
		if i.Cell.Name() != c.Name() || i.Cell.Slug != c.Slug || (i.Cell.Skip == nil) != (c.Skip == nil) {
			t.Errorf("%s was found as %s", c.Name(), i.Cell.Name())
		}
		for _, r := range i.Rules {
			outcomes[c.Name()] = append(outcomes[c.Name()], r.Outcome)
		}
	}
	// exclude, override, small, slots; slots is missing where the override does not apply.
	want := map[string][]string{
		"sim/m/10/1": {"false", "false", "true", "unknown"}, "sim/m/10/2": {"false", "true", "true", "true"},
		"sim/m/40/1": {"false", "false", "false", "unknown"}, "sim/m/40/2": {"false", "true", "false", "true"},
		"sim/m/77/1": {"false", "false", "false", "unknown"},
	}
	for name, list := range want {
		if !slices.Equal(outcomes[name], list) {
			t.Errorf("%s: %v, want %v", name, outcomes[name], list)
		}
	}
	if config.Inspect(hooks, "e", "00") != nil || config.Inspect(hooks, "f", "00") != nil {
		t.Error("a cell that does not exist was found")
	}
}

func TestInspectSaysValuesAndText(t *testing.T) {
	config := loadText(t, "e.hcl", inspected)
	var address string
	for c := range config.Experiments[0].Expand(grid.Hooks{}).Cells() {
		if c.Name() == "sim/m/40/2" {
			address = c.Address
		}
	}
	i := config.Inspect(grid.Hooks{Fit: need}, "e", address)
	small := i.Rules[2]
	if small.Name != "small" || small.Text != "at most 30" || small.Condition != "cell.batch_size <= local.limit" || small.Place.Line != 37 {
		t.Errorf("constraint: %+v", small)
	}
	if want := []string{"cell.batch_size = 40", "local.limit = 30"}; !slices.Equal(small.Values, want) {
		t.Errorf("values %q, want %q", small.Values, want)
	}
	if want := []string{"options.slots = 4"}; !slices.Equal(i.Rules[1].Sets, want) {
		t.Errorf("the override sets %q, want %q", i.Rules[1].Sets, want)
	}
	for src, want := range map[string]string{"cell.batch_size": "40", "cell.platform.options.slots": "4", "cell.fit.need_gib": "4", "cell.model.id": `"m"`, "local.limit": "30"} {
		if got, diags := i.Scope().Evaluate(src); diags.HasErrors() || string(got.JSON) != want {
			t.Errorf("%s = %s, want %s %v", src, got.JSON, want, diags)
		}
	}
}

func TestAttributes(t *testing.T) {
	config := loadText(t, "e.hcl", inspected)
	for c := range config.Experiments[0].Expand(grid.Hooks{}).Cells() {
		if c.Name() != "sim/m/10/2" {
			continue
		}
		got := c.Attributes(cell.Identify(c, cell.Facts{}), "spec")
		i := slices.IndexFunc(got, func(a cell.Attribute) bool { return a.Path == "options.slots" })
		if i < 0 || got[i].Value != "4" || got[i].Place.Line != 34 {
			t.Errorf("attributes %+v", got)
		}
	}
}

func TestScope(t *testing.T) {
	scope := loadText(t, "e.hcl", inspected).Scope()
	for src, want := range map[string]string{
		"local.limit * 2": "60", `platform.sim.backend`: `"simulator"`, `[for n in range(3) : n]`: "[0,1,2]", "null": "null",
		`{ a = 1 }`: `{"a":1}`, `fileexists("e.hcl")`: "true", `fileexists("e.hcl/none")`: "false",
	} {
		got, diags := scope.Evaluate(src)
		if diags.HasErrors() || string(got.JSON) != want || !json.Valid(got.JSON) {
			t.Errorf("%s = %s, want %s %v", src, got.JSON, want, diags)
		}
	}
	for src, want := range map[string]string{
		"": "Missing expression", "cell.batch_size": "No cell here", "platform.simm": "Undeclared platform", "upperr(1)": "Unknown function",
		"1 +": "", "x": "Unknown name", strings.Repeat("(", 500): "Expression too complex", `platform.sim == "sim"`: "",
		`[for n in range(40) : format("%0900000d", n)]`:    "Value too large",
		`fileexists("` + strings.Repeat("long", 99) + `")`: "Error in function call", // nobody can tell: it is not absent
	} {
		_, diags := scope.Evaluate(src)
		if !diags.HasErrors() || want != "" && diags[0].Summary != want {
			t.Errorf("%.40s: %v, want %s", src, diags, want)
		}
	}
}

// TestGraphOfJSON: both syntaxes of a file have the same graph.
func TestGraphOfJSON(t *testing.T) {
	text := `{"locals": {"n": 2}, "dataset": {"d": {"path": "p.jsonl"}}, "model": {"m": {"openai": {"model": "m"}}},
	"platform": {"sim": {"backend": "simulator", "options": {"slots": "${local.n}"}}},
	"experiment": {"e": {"dataset": "${dataset.d}", "platform": "${platform.sim}", "model": "${model.m}", "batch_size": 3,
	"exclude": {"when": "${cell.batch_size > local.n * 100}"}}}}`
	g := loadText(t, "e.hcl.json", text).Graph()
	var edges []string
	for _, e := range g.Edges {
		edges = append(edges, e.From+" "+e.To)
	}
	slices.Sort(edges)
	want := []string{"experiment.e dataset.d", "experiment.e local.n", "experiment.e model.m", "experiment.e platform.sim", "platform.sim local.n"}
	if !slices.Equal(edges, want) || len(g.Nodes) != 5 {
		t.Errorf("edges %q, want %q; %d nodes", edges, want, len(g.Nodes))
	}
}
