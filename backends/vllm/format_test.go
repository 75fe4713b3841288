package vllm

import (
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
)

// TestFormatOnThePipe: the driver is told in StructuredOutputsParams' words.
func TestFormatOnThePipe(t *testing.T) {
	for want, f := range map[string]cell.ResponseFormat{
		`"so":{"json":{"type":"object","properties":{"z":{},"a":{}}}}`: {Schema: `{"type":"object","properties":{"z":{},"a":{}}}`},
		`"so":{"json_object":true}`:                                    {JSON: true},
		`"so":{"choice":["a","b"]}`:                                    {Choice: []string{"a", "b"}},
		`"so":{"regex":"[0-9]+"}`:                                      {Regex: "[0-9]+"},
	} {
		line, err := encode(1, backends.Request{Prompt: "x", MaxTokens: 8, Generate: &cell.Generate{Format: f}})
		if err != nil || strings.Count(string(line), want) != 1 {
			t.Errorf("%v %s\nhas not %s", err, line, want)
		}
	}
}

func TestIsGuided(t *testing.T) {
	for version, want := range map[string]bool{"0.10.2": true, "0.6.3.post1": true, "0.11.0": false, "0.32.0": false, "1.0": false, "unknown": false, "": false} {
		if isGuided(version) != want {
			t.Errorf("%q: %v", version, !want)
		}
	}
}

// TestThoughtApart: the LLM class leaves the reasoning in the text.
func TestThoughtApart(t *testing.T) {
	for text, want := range map[string]backends.Reply{
		"<think>\nhm</think>\n\n{}": {Text: "{}", Thought: true},
		"hm</think>{}":              {Text: "{}", Thought: true}, // the template had opened it
		"<think>\nhm":               {Thought: true},
		"{}":                        {Text: "{}"},
	} {
		s := said{Text: text, Finish: "length"}
		r := s.reply(asker{thinks: true}, clock{})
		if r.Text != want.Text || r.Thought != want.Thought || want.Thought && !r.FirstAnswer.IsZero() {
			t.Errorf("%q: %q, thought %v, first answer %v", text, r.Text, r.Thought, r.FirstAnswer)
		}
		if r = s.reply(asker{}, clock{}); r.Text != text || r.Thought {
			t.Errorf("%q, told not to think: %q", text, r.Text)
		}
	}
}

func TestCheckThinking(t *testing.T) {
	for name, c := range map[string]struct {
		backend, thinking, parser string
		format                    cell.ResponseFormat
		problems                  int
		warning                   bool
	}{
		"not told":          {ServeName, "false", "", cell.ResponseFormat{JSON: true}, 0, false},
		"with a parser":     {OfflineName, "true", "qwen3", cell.ResponseFormat{JSON: true}, 0, false},
		"served, no parser": {ServeName, "low", "", cell.ResponseFormat{}, 1, true},
		"offline splits":    {OfflineName, "true", "", cell.ResponseFormat{}, 0, false},
		"cannot think":      {OfflineName, "true", "", cell.ResponseFormat{JSON: true}, 1, false},
	} {
		args := cell.Values{}
		if c.parser != "" {
			args["reasoning_parser"] = c.parser
		}
		got := checkThinking(&cell.Cell{Platform: &cell.Platform{Backend: c.backend, Args: args},
			Generate: &cell.Generate{Thinking: c.thinking, Format: c.format}})
		if len(got) != c.problems || len(got) > 0 && (got[0].Warning != c.warning || got[0].Path != "generate.thinking") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
