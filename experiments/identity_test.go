package experiments_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
	"matrix/experiments/syntax"
)

var facts = cell.Facts{
	Backend: cell.Values{"name": "vllm", "version": "0.32.0"}, Model: cell.Values{"commit": "abc"},
	Dataset: cell.Values{"sha256": "9f2c41d0"}, Hardware: cell.Values{"gpu": "RTX 4080"},
	Environment: cell.Values{"driver": "570.1"},
}

// identified is the identity of one cell of a text.
func identified(t *testing.T, text, of string) (cell.Identity, *cell.Cell) {
	t.Helper()
	all := cells(t, text, grid.Hooks{})
	c := all[of]
	if c == nil {
		t.Fatalf("no cell %s", of)
	}
	return cell.Identify(c, facts), c
}

// edit is one change of the text, and what it may change of a cell.
type edit struct {
	name, old, new, cell string
	changed              []string // components
	address              bool     // changes too
}

var edits = []edit{
	{name: "comment", old: `model "small"`, new: "# a comment\nmodel \"small\""},
	{name: "format", old: "vllm   = {", new: "vllm={"},
	{name: "variable for literal", old: "0.92", new: "local.u"},
	{name: "number in another form", old: "max_num_seqs = 256", new: "max_num_seqs = 256.0"},
	{name: "order of axes", old: "    model      = [model.small]\n", new: "", cell: "serve/small/10"},
	{name: "renamed label", old: "small", new: "little", cell: "serve/little/10", address: true},
	{name: "renamed platform", old: "platform.serve,", new: "platform.server,", cell: "server/small/10", address: true},
	{name: "explicit default", old: "  matrix {", new: "  generate {\n    temperature = 0\n    top_p = 1\n  }\n  load {\n    retries = 0\n  }\n  matrix {"},
	{name: "seed that is not sent", old: "  matrix {", new: "  generate {\n    seed = 9\n  }\n  matrix {"},
	{name: "unused concurrency of another", old: "  matrix {", new: "  load {\n    concurrency = cell.platform.backend == \"ollama\" ? 4 : 32\n  }\n  matrix {"},
	{name: "argument", old: "max_num_seqs = 256", new: "max_num_seqs = 128", changed: []string{"spec"}},
	{name: "max_tokens", old: "  matrix {", new: "  generate {\n    max_tokens = 9\n  }\n  matrix {", changed: []string{"spec"}},
	{name: "retries", old: "  matrix {", new: "  load {\n    retries = 1\n  }\n  matrix {", changed: []string{"spec"}},
	{name: "dtype", old: `dtype = "bfloat16"`, new: `dtype = "float16"`, changed: []string{"model"}},
	{name: "launches", old: "  matrix {", new: "  launches = 5\n  tags = [\"a\"]\n  matrix {", changed: []string{"policy"}},
	{name: "limits", old: "  matrix {", new: "  limits {\n    cell = \"1h\"\n  }\n  slo {\n    ttft = \"1s\"\n  }\n  matrix {", changed: []string{"policy"}},
	{name: "priming as it is", old: "  matrix {", new: "  isolation {\n    prime = true\n  }\n  matrix {"},
	{name: "no priming", old: "  matrix {", new: "  isolation {\n    prime = false\n  }\n  matrix {", changed: []string{"spec"}},
	{name: "dataset path", old: "prompts/candidates.jsonl", new: "other.jsonl", changed: []string{"environment"}},
	{name: "backend", old: `backend = "vllm_serve"`, new: `backend = "vllm_offline"`, changed: []string{"spec", "backend"}},
}

// TestIdentityInvariants holds what may be edited without a result becoming stale, and what else changes.
func TestIdentityInvariants(t *testing.T) {
	text := experiment(threeAxes)
	before, _ := identified(t, text, "serve/small/10")
	for _, test := range edits {
		t.Run(test.name, func(t *testing.T) {
			edited := strings.ReplaceAll(text, test.old, test.new)
			switch test.name {
			case "variable for literal":
				edited += "locals {\n  u = var.u\n}\nvariable \"u\" {\n  default = 0.92\n}\n"
			case "renamed platform":
				edited = strings.Replace(edited, `platform "serve"`, `platform "server"`, 1)
			case "order of axes":
				edited = strings.Replace(edited, "  matrix {", "  matrix {\n    model = [model.small]", 1)
			}
			if edited == text {
				t.Fatal("nothing was edited")
			}
			cell := test.cell
			if cell == "" {
				cell = "serve/small/10"
			}
			if test.name == "order of axes" {
				cell = "small/serve/10"
			}
			after, _ := identified(t, edited, cell)
			got := map[string]bool{}
			for name, c := range after.Components.All() {
				if c.Hash != before.Components.Get(name).Hash {
					got[name] = true
				}
			}
			// The text lies in a new folder each time, which only local_env may show.
			if !contains(test.changed, "environment") {
				delete(got, "environment")
			}
			want := map[string]bool{}
			stale := false
			for _, c := range test.changed {
				want[c] = true
				stale = stale || c != "policy" && c != "environment"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("changed components (-want +got):\n%s%s\n%s", diff, before.Components.Spec.Value, after.Components.Spec.Value)
			}
			if stale != (after.Hash != before.Hash) {
				t.Errorf("hash changed: %v, want %v", after.Hash != before.Hash, stale)
			}
			if test.address != (after.Address != before.Address) {
				t.Errorf("address changed: %v, want %v", after.Address != before.Address, test.address)
			}
		})
	}
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// TestAddressOfFixedValue: an axis of one value may become an attribute.
func TestAddressOfFixedValue(t *testing.T) {
	a, _ := identified(t, experiment(threeAxes), "serve/small/10")
	b, _ := identified(t, experiment(strings.Replace(threeAxes, "model      = [model.small]\n", "", 1)+"\n  model = model.small\n"), "serve/small/10")
	if a.Address != b.Address || a.Hash != b.Hash {
		t.Error("the cell has another name")
	}
}

// TestGoldenIdentity freezes the bytes that are hashed: results on disk depend on them.
func TestGoldenIdentity(t *testing.T) {
	config, diags := grid.Load([]string{"testdata/gemma3.hcl"}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	all, _ := expand(config.Experiments[0], grid.Hooks{})
	var out strings.Builder
	for _, name := range []string{"vllm_offline/gemma3_4b/1000", "ollama/gemma3_12b_q4/10"} {
		c := all[name]
		c.Dataset.Path = "/prompts/candidates.jsonl"
		id := cell.Identify(c, facts)
		out.WriteString(name + "\naddress " + id.Address + "\nidentity " + id.Hash + "\n")
		for _, component := range []string{"spec", "dataset", "model", "backend", "hardware", "environment", "policy"} {
			out.WriteString(component + " " + string(id.Components.Get(component).Value) + "\n")
		}
	}
	golden(t, "testdata/identity.golden", []byte(out.String()))
}

func TestDiff(t *testing.T) {
	text := experiment(threeAxes + "\n  load {\n    timeout = \"30m\"\n  }\n")
	before, _ := identified(t, text, "serve/small/10")
	edited := strings.Replace(strings.Replace(text, "max_num_seqs = 256, ", "max_num_seqs = 128, enforce_eager = true, ", 1), "30m", "1h", 1)
	_, c := identified(t, edited, "serve/small/10")
	newer := facts
	newer.Backend = cell.Values{"name": "vllm", "version": "0.33.0"}
	newer.Environment = cell.Values{"driver": "571.0"}
	after := cell.Identify(c, newer)
	line := func(what string) int { return strings.Count(edited[:strings.Index(edited, what)], "\n") + 1 }
	var got []cell.Change
	for _, change := range cell.Diff(before, after, c) {
		if strings.HasPrefix(change.Path, "local_env") {
			continue // the folder of the test
		}
		change.Place.File = filepath.Base(change.Place.File)
		got = append(got, change)
	}
	args := cell.Place{File: "e.hcl", Line: line("args    = platform.offline.args")}
	want := []cell.Change{
		{Component: "spec", Path: "args.enforce_eager", Before: "unset", After: "true", Place: args},
		{Component: "spec", Path: "args.max_num_seqs", Before: "256", After: "128", Place: args},
		{Component: "spec", Path: "load.timeout_s", Before: "1800", After: "3600", Place: cell.Place{File: "e.hcl", Line: line(`timeout = "1h"`)}},
		{Component: "backend", Path: "version", Before: "0.32.0", After: "0.33.0", Place: cell.Place{File: "."}},
		{Component: "environment", Path: "driver", Before: "570.1", After: "571.0", Place: cell.Place{File: "."}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestIdentifierRemembers: shared parts give the same identities as identifying each cell alone.
func TestIdentifierRemembers(t *testing.T) {
	config, _ := grid.Load([]string{"testdata/gemma3.hcl"}, lang.Options{})
	all, _ := expand(config.Experiments[0], grid.Hooks{})
	ids := cell.NewIdentifier()
	seen := map[string]string{}
	for name, c := range all {
		got, want := ids.Identify(c, facts), cell.Identify(c, facts)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
		if other, twice := seen[got.Hash]; twice && got.Components.Model.Hash != ids.Identify(all[other], facts).Components.Model.Hash {
			t.Errorf("%s and %s have one identity", name, other)
		}
		seen[got.Hash] = name
	}
}

func TestFormat(t *testing.T) {
	got, diags := syntax.Format([]byte("a=1\nlonger = 2\n"), "x.hcl")
	if string(got) != "a      = 1\nlonger = 2\n" || diags.HasErrors() {
		t.Errorf("%q %v", got, diags)
	}
	broken := []byte("a = {\n")
	if got, diags := syntax.Format(broken, "x.hcl"); string(got) != string(broken) || !diags.HasErrors() {
		t.Errorf("%q %v", got, diags)
	}
}

// TestJSONTwin: the JSON form of an experiment gives the same cells.
func TestJSONTwin(t *testing.T) {
	native, diags := grid.Load([]string{"testdata/twin.hcl"}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	twin, diags := grid.Load([]string{"testdata/twin.hcl.json"}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want, got := map[string]string{}, map[string]string{}
	for name, c := range mustCells(t, native.Experiments[0]) {
		want[name] = c.Address + cell.Identify(c, facts).Hash + skipText(c)
	}
	for name, c := range mustCells(t, twin.Experiments[0]) {
		got[name] = c.Address + cell.Identify(c, facts).Hash + skipText(c)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func skipText(c *cell.Cell) string {
	if c.Skip == nil {
		return ""
	}
	return " " + c.Skip.Reason
}

// TestSavedSource: a plan's own source and variables give the same cells without the disk.
func TestSavedSource(t *testing.T) {
	dir := write(t, map[string]string{"e/main.hcl": "imports = [\"../base.hcl\"]\nvariable \"n\" {\n  default = 1\n}\nexperiment \"e\" {\n  dataset = dataset.prompts\n  platform = platform.serve\n  model = model.small\n  batch_size = var.n\n}\n", "base.hcl": base})
	for _, path := range []string{filepath.Join(dir, "e"), filepath.Join(dir, "e", "main.hcl")} {
		first, diags := grid.Load([]string{path}, lang.Options{Vars: []string{"n=7"}})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if err := os.Rename(filepath.Join(dir, "base.hcl"), filepath.Join(dir, "gone.hcl")); err != nil {
			t.Fatal(err)
		}
		again, diags := grid.Load([]string{path}, lang.Options{Source: first.Files, Values: first.Variables})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if mustCells(t, again.Experiments[0])["serve/small/7"] == nil {
			t.Error("the saved plan has other cells")
		}
		if err := os.Rename(filepath.Join(dir, "gone.hcl"), filepath.Join(dir, "base.hcl")); err != nil {
			t.Fatal(err)
		}
	}
}
