package plan

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/runner/runnertest"
)

// picky is a backend that refuses tools, and has a model without a chat template or with a switch for thinking.
func picky(b *runnertest.Backend) backends.Backend {
	value := b.Value()
	value.Refuses = func(_ *cell.Cell, field, word string) string {
		if field == "tools" {
			return "it has no tools (" + word + ")"
		}
		return ""
	}
	return value
}

// TestWhatCannotBeAsked: what a backend has no word for is an error of the plan with the place in the file.
func TestWhatCannotBeAsked(t *testing.T) {
	tools := `{"messages":[{"role":"user","content":"q"}],"tools":[{}],"tool_choice":"required"}`
	plain := `{"messages":[{"role":"user","content":"q"}]}`
	for name, c := range map[string]struct {
		line     string
		identity backends.Identity
		change   func(*cell.Cell)
		want     string // "" = nothing
	}{
		"tools":                     {tools, backends.Identity{}, nil, "p.jsonl:1: it has no tools (required)"},
		"a chat":                    {plain, backends.Identity{}, nil, ""},
		"no template":               {plain, backends.Identity{NoTemplate: "base/model"}, nil, "base/model has no chat template"},
		"rendered by matrix":        {plain, backends.Identity{NoTemplate: "base/model"}, func(c *cell.Cell) { c.Generate.Template = "{{.Prompt}}" }, ""},
		"declared tools":            {plain, backends.Identity{}, func(c *cell.Cell) { c.Generate.Tools = "[{}]" }, "it has no tools (auto)"},
		"declared tools, raw":       {`{"prompt":"q"}`, backends.Identity{}, func(c *cell.Cell) { c.Generate.Tools = "[{}]" }, "generate.tools goes with chats"},
		"never thinks":              {plain, backends.Identity{NeverThinks: true}, func(c *cell.Cell) { c.Generate.Thinking = "true" }, "has no switch for thinking"},
		"never thinks, not told to": {plain, backends.Identity{NeverThinks: true}, nil, ""},
		"thinking, raw":             {`{"prompt":"q"}`, backends.Identity{}, func(c *cell.Cell) { c.Generate.Thinking = "low" }, `generate.thinking = "low" goes with chats`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.jsonl")
			if err := os.WriteFile(path, []byte(c.line+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			w := worldOf(picky(&runnertest.Backend{Identity: c.identity}))
			of := runnertest.Cell("a", 1)
			of.Dataset = &cell.Dataset{ID: "d", Path: path}
			if c.change != nil {
				c.change(of)
			}
			f := newFacts(w)
			ok := f.identify(t.Context(), &Item{Cell: of})
			err := f.faults()
			if ok != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || err == nil && c.want != "" {
				t.Errorf("%t, %v, want %q", ok, err, c.want)
			}
		})
	}
}

// TestThinkingModelsAreOthers: chats of a model with a switch were once left to its template; raw prompts never had one.
func TestThinkingModelsAreOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.jsonl")
	if err := os.WriteFile(path, []byte(`{"messages":[{"role":"user","content":"q"}]}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		thinks   bool
		template string
		told     bool
	}{{true, "", true}, {false, "", false}, {true, "{{.Prompt}}", false}} {
		w := worldOf((&runnertest.Backend{Identity: backends.Identity{Thinks: c.thinks, Model: cell.Values{"commit": "1"}}}).Value())
		of := runnertest.Cell("a", 1)
		of.Dataset, of.Generate.Template = &cell.Dataset{ID: "d", Path: path}, c.template
		item := &Item{Cell: of}
		if f := newFacts(w); !f.identify(t.Context(), item) {
			t.Fatal(f.faults())
		}
		if model := string(item.Identity.Components.Get("model").Value); strings.Contains(model, `"thinking":"told"`) != c.told {
			t.Errorf("%+v: %s", c, model)
		}
	}
}

// worldOf has one backend, and data sets as they are.
func worldOf(b backends.Backend) World {
	return World{Backends: map[string]backends.Backend{runnertest.Platform: b},
		Datasets: func(ctx context.Context, d *cell.Dataset) (*dataset.Set, error) { return dataset.Open(ctx, d) }}
}
