package engines

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// newEngine is what docs/architecture.md says of a new engine: one value, whose kind the language is told.
func newEngine() backends.Backend {
	return backends.Backend{
		Kind: &cell.EngineKind{
			Name: "wheel", Server: "wheel", Batch: func(p *cell.Platform) bool { return p.Args.Int("batch") > 0 },
			GPUs: func(p *cell.Platform) int { return p.Args.Int("gpus") },
			Loads: &cell.Part{Name: "wheel", Attributes: []cell.PartAttribute{
				{Name: "weights", Folder: true, Required: true}, {Name: "rim", Default: "round"}, {Name: "branch", Movable: true}},
				Check: func(v cell.Values) (summary, detail string) {
					if v.Text("rim") == "square" {
						return "A square wheel", "Take a round one."
					}
					return "", ""
				}},
		},
		Check: func(c *cell.Cell) []cell.Problem {
			if c.Generate.IgnoreEOS {
				return []cell.Problem{{Summary: "A wheel stops by itself", Path: "generate.ignore_eos"}}
			}
			return nil
		},
	}
}

const wheels = `
platform "w" {
  backend = "wheel"
  args    = { batch = 1, gpus = 2 }
}
model "m" {
  wheel = { weights = "lab/m", rim = "round", branch = "b" }
}
model "square" {
  wheel = { weights = "lab/s", rim = "RIM" }
}
model "none" {
  openai = { model = "x" }
}
dataset "d" { synthetic = { input_tokens = 5, output_tokens = 5 } }
experiment "e" {
  matrix {
    platform   = [platform.w]
    model      = [model.m, model.none]
    batch_size = [3]
  }
  dataset = dataset.d
  generate { max_tokens = 5 }
}
`

// TestNewEngine walks a new engine through the language: one value and its registration are all that it takes.
func TestNewEngine(t *testing.T) {
	b := newEngine()
	cell.Register(b.Kind)
	cells := map[string]*cell.Cell{}
	x := load(t, strings.Replace(wheels, "RIM", "oval", 1)).Experiments[0].Expand(grid.Hooks{Check: b.Check})
	for c := range x.Cells() {
		cells[c.Model.ID] = c
	}
	c, none := cells["m"], cells["none"]
	if c == nil || c.Skip != nil || !c.Platform.Batch() || c.GPUs() != 2 || !c.Platform.Local() || c.Platform.Server() != "wheel" {
		t.Fatalf("the cell is %+v", c)
	}
	if got := c.Model.Parts["wheel"].Text("weights"); got != "lab/m" {
		t.Errorf("it loads %q", got)
	}
	if none == nil || none.Skip == nil || !strings.Contains(none.Skip.Reason, "has no wheel = { … }") {
		t.Errorf("a model without a wheel is %+v", none)
	}
	for _, resolved := range []bool{false, true} {
		facts := cell.Facts{}
		if resolved {
			facts.Model = cell.Values{"commit": "0123"}
		}
		id := cell.Identify(c, facts)
		model := string(id.Components.Model.Value)
		if strings.Contains(model, `"branch":"b"`) == resolved || strings.Contains(model, "round") || !strings.Contains(model, "lab/m") {
			t.Errorf("resolved: %v, the identity's model is %s", resolved, model)
		}
		if then, err := none.AsMeasured(id); err != nil || then.Model.Parts["wheel"].Text("weights") != "lab/m" {
			t.Errorf("as measured: %+v, %v", then, err)
		}
	}
	if _, diags := grid.Load([]string{write(t, strings.Replace(wheels, "RIM", "square", 1))}, lang.Options{}); !strings.Contains(diags.Error(), "A square wheel") {
		t.Errorf("a square wheel: %v", diags)
	}
}

// TestTable: what every engine of the table must have, so that a launch of it can be told from others and made.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range cell.Kinds() {
		if seen[k.Name] {
			t.Errorf("%s is known twice", k.Name)
		}
		seen[k.Name] = true
	}
	for name, b := range Table() {
		if !seen[name] || b.Launch == nil || b.Resolve == nil || b.Check == nil {
			t.Errorf("%s: known %v, and lacks what a launch needs: %+v", name, seen[name], b)
		}
	}
}

func load(t *testing.T, text string) *grid.Config {
	t.Helper()
	config, diags := grid.Load([]string{write(t, text)}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return config
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "e.hcl")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
