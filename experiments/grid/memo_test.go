package grid

import (
	"matrix/experiments/lang"
	"os"
	"path/filepath"
	"testing"
)

// TestExpressionsAreEvaluatedOncePerCombination counts evaluations: an expression costs one for each distinct
// combination of the axes that it refers to, however many cells there are.
func TestExpressionsAreEvaluatedOncePerCombination(t *testing.T) {
	const head = `
dataset "d" {
  synthetic = { input_tokens = 10 }
}
model "m" {
  vllm = { model = "a/b" }
}
platform "p" {
  backend = "vllm_serve"
}
platform "q" {
  backend = "vllm_serve"
}
experiment "e" {
  dataset = dataset.d
  model   = model.m
  matrix {
    platform   = [platform.p, platform.q]
    batch_size = range(1, 11)
    x          = range(5)
  }
`
	// dataset is 1, and the warning for an unused x costs nothing.
	for _, test := range []struct {
		name, body string
		want       int
	}{
		{"constant", "load {\n concurrency = 2 * 4\n}", 1 + 1},
		{"one axis", "load {\n concurrency = cell.batch_size * 2\n}", 1 + 10},
		{"two axes", "load {\n concurrency = cell.batch_size * 2 + cell.x\n}", 1 + 50},
		{"all axes but the fixed one", "load {\n concurrency = cell.platform.id == \"p\" ? cell.batch_size : cell.x + 1\n}", 1 + 100},
		{"every axis", "load {\n concurrency = length([for k, v in cell : k])\n}", 1 + 100},
		{"two rules", "exclude {\n when = cell.x == 4\n}\nconstraint \"c\" {\n condition = cell.batch_size < 100\n}", 1 + 5 + 10},
		{"a message when it applies", "constraint \"c\" {\n condition = cell.batch_size < 10\n message = \"at ${cell.batch_size}\"\n}", 1 + 10 + 1},
		{"an override", "override {\n args = { a = cell.x }\n}\nload {\n concurrency = cell.platform.args.a + 1\n}", 1 + 5 + 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "e.hcl")
			if err := os.WriteFile(path, []byte(head+test.body+"\n}\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			config, diags := Load([]string{path}, lang.Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			x := config.Experiments[0].Expand(Hooks{})
			n := 0
			for range x.Cells() {
				n++
			}
			if x.Diagnostics().HasErrors() || n != 100 {
				t.Fatalf("%d cells, %v", n, x.Diagnostics())
			}
			if x.evaluations != test.want {
				t.Errorf("%d evaluations for %d cells, want %d", x.evaluations, n, test.want)
			}
		})
	}
}

// TestLargeStaysSmall expands 100,000 cells and holds the number of evaluations, which is what makes it fast.
func TestLargeStaysSmall(t *testing.T) {
	x := loadLarge(t, 10).Experiments[0].Expand(Hooks{})
	n, skipped := 0, 0
	for c := range x.Cells() {
		n++
		if c.Skip != nil {
			skipped++
		}
	}
	if n != 100_000 || skipped != 2500 || x.evaluations > 25_000 {
		t.Errorf("%d cells, %d skipped, %d evaluations", n, skipped, x.evaluations)
	}
}
