package experiments_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

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
`, "a.hclvars": "n = 3\nstrange = 1\n", "b.json": `{"n": 4}`,
		"bom.hclvars": "\xef\xbb\xbfn = 7\r\n", "wide.hclvars": "\xff\xfen\x00=\x008\x00\n\x00", "latin.hclvars": "n = 1 # gr\xf6\xdfer\n"})
	file := func(name string) string { return filepath.Join(dir, name) }
	environ := []string{"MATRIX_VAR_n=2", "MATRIX_VAR_nobody=1", "PATH=/bin"}
	for _, test := range []struct {
		name string
		opts lang.Options
		want string
		said []string
	}{
		{"defaults", lang.Options{}, "1 [1] off x", nil},
		{"environment", lang.Options{Environ: environ}, "2 [1] off x", nil},
		{"file over environment", lang.Options{Environ: environ, VarFiles: []string{file("a.hclvars")}}, "3 [1] off x", []string{"Undeclared variable strange"}},
		{"later file", lang.Options{VarFiles: []string{file("a.hclvars"), file("b.json")}}, "4 [1] off x", []string{"Undeclared variable strange"}},
		{"flag over all", lang.Options{Environ: environ, VarFiles: []string{file("b.json")}, Vars: []string{"n=5", "n=6", "list=[1, 2]", "flag=true", "o={a=2,b=\"y\"}"}}, "6 [1,2] on y", nil},
		{"saved plan", lang.Options{Vars: []string{"n=5"}, Values: cell.Values{"n": int64(9), "list": []any{"a"}}}, `9 ["a"] off x`, nil},
		{"undeclared flag", lang.Options{Vars: []string{"flga=true"}}, "", []string{"Undeclared variable flga"}},
		{"no value", lang.Options{Vars: []string{"flag"}}, "", []string{"Bad --var"}},
		{"wrong type", lang.Options{Vars: []string{"n=many"}}, "", []string{"Value does not fit variable n"}},
		{"a byte order mark", lang.Options{VarFiles: []string{file("bom.hclvars")}}, "7 [1] off x", nil},
		{"PowerShell's >", lang.Options{VarFiles: []string{file("wide.hclvars")}}, "8 [1] off x", nil},
		{"Latin-1", lang.Options{VarFiles: []string{file("latin.hclvars")}}, "", []string{"Cannot read --var-file"}},
		{"missing file", lang.Options{VarFiles: []string{file("none")}}, "", []string{"Cannot read --var-file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, diags := grid.Load([]string{file("e.hcl")}, test.opts)
			if diff := cmp.Diff(test.said, summaries(diags)); diff != "" {
				t.Fatal(diff)
			}
			if diags.HasErrors() {
				return
			}
			e := config.Experiments[0]
			for name, c := range mustCells(t, e) {
				if got := fmt.Sprint(strings.TrimPrefix(name, "p/m/"), " ", c.Description); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			}
		})
	}
}

func mustCells(t *testing.T, e *grid.Experiment) map[string]*cell.Cell {
	t.Helper()
	all, diags := expand(e, grid.Hooks{})
	if diags.HasErrors() || len(all) == 0 {
		t.Fatal(diags)
	}
	return all
}
