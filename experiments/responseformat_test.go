package experiments_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// TestFormatIsReadBack holds what is sent for a format against what is read of a request that says it.
func TestFormatIsReadBack(t *testing.T) {
	const schema = `{"type":"object","properties":{"z":{"type":"integer"},"a":{"type":"string"}}}`
	for name, f := range map[string]cell.ResponseFormat{
		"none": {}, "schema": {Schema: schema}, "json": {JSON: true}, "choice": {Choice: []string{"yes", "no"}}, "regex": {Regex: `[0-9]+ <b> & "c"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := cell.Generate{Format: f}
			if diff := cmp.Diff(f, cell.FormatOf(g.RequestFields())); diff != "" {
				t.Error(diff)
			}
			if g.Format.CheckOnly = true; len(g.RequestFields()) > 0 || !g.Asked().None() {
				t.Errorf("to be checked alone, and yet the engine is told %v", g.RequestFields())
			}
		})
	}
	for text, want := range map[string]cell.ResponseFormat{
		`{"guided_json": {"type": "object"}}`:                                                 {Schema: `{"type":"object"}`},
		`{"guided_json": "{\"type\": \"object\"}"}`:                                           {Schema: `{"type":"object"}`},
		`{"guided_regex": "a+"}`:                                                              {Regex: "a+"},
		`{"guided_choice": ["a"]}`:                                                            {Choice: []string{"a"}},
		`{"guided_grammar": "root ::= x"}`:                                                    {},
		`{"structured_outputs": {"json": {"type": "object"}}}`:                                {Schema: `{"type":"object"}`},
		`{"structured_outputs": {"json_object": true}}`:                                       {JSON: true},
		`{"response_format": {"type": "text"}}`:                                               {},
		`{"response_format": 7, "structured_outputs": []}`:                                    {},
		`{"response_format": {"type": "json_schema", "json_schema": {"schema": {"a": [] }}}}`: {Schema: `{"a":[]}`},
	} {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &fields); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, cell.FormatOf(fields)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// TestFormatIsPartOfTheIdentity: whatever changes what an answer must be makes other cells; how a schema is laid out does not.
func TestFormatIsPartOfTheIdentity(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.json", `{"type":"object","properties":{"b":{},"a":{}}}`)
	write("laid_out.json", "{\r\n  \"type\": \"object\",\n  \"properties\": { \"b\": {}, \"a\": {} }\n}\n")
	write("turned.json", `{"properties":{"a":{},"b":{}},"type":"object"}`)
	identity := func(generate string) (string, *cell.Cell) {
		write("x.hcl", `model "m" { openai = { model = "m" } }
			dataset "d" { synthetic = { input_tokens = 8 } }
			platform "p" { backend = "simulator" }
			experiment "e" {
			  dataset = dataset.d
			  platform = platform.p
			  model = model.m
			  matrix { batch_size = [1] }
			  generate {
`+generate+`
}
			}`)
		config, diags := grid.Load([]string{filepath.Join(dir, "x.hcl")}, lang.Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for c := range config.Experiments[0].Expand(grid.Hooks{}).Cells() {
			id := cell.Identify(c, cell.Facts{})
			measured, err := c.AsMeasured(id)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.Generate, measured.Generate); diff != "" {
				t.Errorf("%s: as measured: %s", generate, diff)
			}
			return id.Components.Spec.Hash, c
		}
		t.Fatal("no cell")
		return "", nil
	}
	seen := map[string]string{}
	for _, generate := range []string{``, "json = true", `choice = ["a", "b"]`, `choice = ["b", "a"]`, `regex = "a|b"`, `json_schema = file("a.json")`,
		`json_schema = file("turned.json")`, `tools = [{ type = "function", function = { name = "f" } }]`,
		"tools = [{ type = \"function\", function = { name = \"f\" } }]\n tool_choice = \"none\""} {
		hash, _ := identity(generate)
		if other, twice := seen[hash]; twice {
			t.Errorf("%q and %q have one identity", generate, other)
		}
		seen[hash] = generate
	}
	for _, same := range [][2]string{{`json_schema = file("a.json")`, `json_schema = file("laid_out.json")`},
		{`json_schema = file("turned.json")`, "json_schema = { type = \"object\"\n properties = { b = {}, a = {} } }"}, {"json = false", ""}} {
		a, _ := identity(same[0])
		b, c := identity(same[1])
		if a != b {
			t.Errorf("%q and %q differ: %+v", same[0], same[1], c.Generate.Format)
		}
	}
}

// TestSchemaTooLarge: what goes out with each request has a bound, which is told at its place and at once.
func TestSchemaTooLarge(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big.json"), []byte(`{"type":"object","description":"`+strings.Repeat("x", 10<<20)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.hcl"), []byte(`model "m" { openai = { model = "m" } }
dataset "d" { synthetic = { input_tokens = 8 } }
platform "p" { backend = "simulator" }
experiment "e" {
  dataset  = dataset.d
  platform = platform.p
  model    = model.m
  matrix { batch_size = [1] }
  generate {
    json_schema = file("big.json")
  }
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	config, diags := grid.Load([]string{filepath.Join(dir, "x.hcl")}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	x := config.Experiments[0].Expand(grid.Hooks{})
	for range x.Cells() {
	}
	if said := x.Diagnostics().Error(); !strings.Contains(said, "json_schema is too large") || !strings.Contains(said, "10.0 MiB") {
		t.Error(said)
	}
}
