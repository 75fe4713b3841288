package ollama

import (
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
)

// TestFormat: a schema and JSON go into format; choice and regex are refused before anything is sent.
func TestFormat(t *testing.T) {
	const schema = `{"type":"object","properties":{"z":{},"a":{}}}`
	for want, f := range map[string]cell.ResponseFormat{
		`"format":` + schema: {Schema: schema}, `"format":"json"`: {JSON: true},
	} {
		body, _ := bodyOf(&cell.Platform{}, backends.Request{Prompt: "x", Generate: &cell.Generate{Format: f}}, "m", false)
		if strings.Count(string(body), want) != 1 {
			t.Errorf("%s\nhas not %s", body, want)
		}
	}
	body, _ := bodyOf(&cell.Platform{}, backends.Request{Messages: []backends.Message{{Role: "user", Content: "x"}},
		Generate: &cell.Generate{Tools: `[{"type":"function"}]`}}, "m", true)
	if !strings.Contains(string(body), `"tools":[{"type":"function"}]`) || strings.Contains(string(body), "format") || !strings.Contains(string(body), `"think":false`) {
		t.Errorf("tools: %s", body)
	}
	alone := &cell.Cell{Platform: &cell.Platform{}, Generate: &cell.Generate{MaxTokens: 8, Format: cell.ResponseFormat{Regex: "a+", CheckOnly: true}}}
	if found := checkGenerate(alone); len(found) > 0 {
		t.Errorf("a regular expression that answers are only held against is refused: %+v", found)
	}
	for path, f := range map[string]cell.ResponseFormat{"generate.regex": {Regex: "a+"}, "generate.choice": {Choice: []string{"a"}}} {
		found := checkGenerate(&cell.Cell{Platform: &cell.Platform{}, Generate: &cell.Generate{MaxTokens: 8, Format: f}})
		if len(found) != 1 || found[0].Path != path || found[0].Warning {
			t.Errorf("%s: %+v", path, found)
		}
	}
}
