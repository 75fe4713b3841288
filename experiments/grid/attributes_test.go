package grid_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// partsOf are the parts of a cell whose attributes are said by tags alone, by the block that a user writes.
func partsOf(c *cell.Cell) map[string]any {
	return map[string]any{"load": c.Load, "generate": c.Generate, "warmup": c.Warmup, "isolation": c.Isolation,
		"limits": c.Limits, "capture": c.Capture, "telemetry": c.Telemetry, "slo": c.SLO}
}

// beside is what must be written for an attribute to mean something.
var beside = map[string]string{
	"load.rate": `mode = "open"`, "load.trace": `mode = "open"`, "load.arrival": "mode = \"open\"\nrate = 1", "load.duration": "mode = \"open\"\nrate = 1",
	"load.burstiness": "mode = \"open\"\nrate = 1\narrival = \"gamma\"", "load.mode": "rate = 1", "generate.seed": "temperature = 1",
}

// TestAttributeIsSaidOnce: an attribute of a cell that stands in its struct, with its tags, is thereby in the language, in
// the cell, in the identity, and in what is read back from a stored identity. What an engine does with it is the other place.
func TestAttributeIsSaidOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "trace.txt"), []byte("0\n1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for block, part := range partsOf(&cell.Cell{Load: &cell.Load{}, Generate: &cell.Generate{}, Warmup: &cell.Warmup{}, Isolation: &cell.Isolation{},
		Limits: &cell.Limits{}, Capture: &cell.Capture{}, Telemetry: &cell.Telemetry{}, SLO: &cell.SLO{}}) {
		for _, a := range cell.Settings(part) {
			if a.Name == "" {
				continue // it follows from another
			}
			t.Run(block+"."+a.Name, func(t *testing.T) {
				with := beside[block+"."+a.Name]
				usual := oneCell(t, dir, block, with)
				usualField := reflect.Value{}
				if p := reflect.ValueOf(partsOf(usual)[block]); !p.IsNil() {
					usualField = a.Field(p.Interface())
				}
				set := oneCell(t, dir, block, with+"\n"+a.Name+" = "+unusual(a, usualField))
				field := a.Field(partsOf(set)[block])
				if usualField.IsValid() && reflect.DeepEqual(field.Interface(), usualField.Interface()) || field.IsZero() && a.Type.Kind() != reflect.Bool {
					t.Fatalf("the cell has %v whatever is written", field)
				}
				if a.Identity == "" && a.Kind != "path" {
					return // it changes nothing that is measured
				}
				before, after := cell.Identify(usual, cell.Facts{}), cell.Identify(set, cell.Facts{})
				component := "spec"
				if block == "limits" || block == "capture" || block == "telemetry" || block == "slo" {
					component = "policy"
				}
				if before.Components.Get(component).Hash == after.Components.Get(component).Hash {
					t.Errorf("the %s of the identity is the same", component)
				}
				name := a.Identity
				if a.Kind == "path" {
					name = a.Name + "_sha256"
				}
				if text := string(after.Components.Get(component).Value); !strings.Contains(text, fmt.Sprintf("%q:", name)) && a.Type.Kind() != reflect.Bool {
					t.Errorf("no %q in %s", name, text)
				}
				if block != "generate" && block != "isolation" {
					return
				}
				measured, err := usual.AsMeasured(after)
				if err != nil {
					t.Fatal(err)
				}
				if got := a.Field(partsOf(measured)[block]); !reflect.DeepEqual(got.Interface(), field.Interface()) {
					t.Errorf("read back: %v, want %v", got, field)
				}
			})
		}
	}
}

// unusual is a value that differs from what the cell has otherwise, as a user writes it.
func unusual(a cell.Setting, usual reflect.Value) string {
	switch {
	case a.Kind == "path":
		return `"trace.txt"`
	case a.Kind == "memory":
		return `"128MiB"`
	case a.Kind == "capture":
		return `"none"`
	case a.Kind == "thinking":
		return `"low"`
	case a.Name == "tool_choice":
		return "\"none\"\ntools = [{}]"
	case a.Name == "tools":
		return `[{}]`
	case a.Kind == "document":
		return `{ type = "object" }`
	case len(a.OneOf) > 0 && usual.IsValid() && usual.String() == a.OneOf[len(a.OneOf)-1]:
		return fmt.Sprintf("%q", a.OneOf[0])
	case len(a.OneOf) > 0:
		return fmt.Sprintf("%q", a.OneOf[len(a.OneOf)-1])
	case a.Type == reflect.TypeFor[time.Duration]():
		return `"7s"`
	case a.Type.Kind() == reflect.Slice:
		return `["x"]`
	case a.Type.Kind() == reflect.Bool:
		return fmt.Sprint(usual.IsValid() && !usual.Bool())
	case a.Type.Kind() == reflect.Float64:
		return "0.25"
	case a.Type.Kind() == reflect.String:
		return `"{{.Prompt}}"`
	}
	return "7"
}

func oneCell(t *testing.T, dir, block, attributes string) *cell.Cell {
	t.Helper()
	path := filepath.Join(dir, "e.hcl")
	src := fmt.Sprintf(`
dataset "d" {
  synthetic = { input_tokens = 10 }
}
model "m" {
  vllm = { model = "a/b" }
}
platform "p" {
  backend = "vllm_serve"
}
experiment "e" {
  dataset    = dataset.d
  platform   = platform.p
  model      = model.m
  batch_size = 4
  %s {
    %s
  }
}
`, block, attributes)
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	config, diags := grid.Load([]string{path}, lang.Options{})
	if diags.HasErrors() {
		t.Fatalf("%s\n%v", src, diags)
	}
	var c *cell.Cell
	for c = range config.Experiments[0].Expand(grid.Hooks{}).Cells() {
	}
	return c
}
