package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
)

// TestFormatOnTheWire: what the generate block asks for is sent in each dialect's words, a schema's keys in their order; an
// entry's own form goes before it.
func TestFormatOnTheWire(t *testing.T) {
	const schema = `{"type":"object","properties":{"z":{},"a":{}}}`
	const asked = `"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":` + schema + `}}`
	own := map[string]json.RawMessage{"response_format": json.RawMessage(`{"type":"json_object"}`), "tools": json.RawMessage(`[1]`)}
	for name, c := range map[string]struct {
		generate cell.Generate
		extra    map[string]json.RawMessage
		d        Dialect
		has      []string
		lacks    []string
	}{
		"schema":       {cell.Generate{Format: cell.ResponseFormat{Schema: schema}}, nil, OpenAI, []string{asked}, nil},
		"schema, vllm": {cell.Generate{Format: cell.ResponseFormat{Schema: schema}}, nil, Extended, []string{asked}, nil},
		"json":         {cell.Generate{Format: cell.ResponseFormat{JSON: true}}, nil, Templated, []string{`"response_format":{"type":"json_object"}`}, nil},
		"choice": {cell.Generate{Format: cell.ResponseFormat{Choice: []string{"<a>", "b"}}}, nil, Extended,
			[]string{`"structured_outputs":{"choice":["<a>","b"]}`}, []string{"guided"}},
		"choice, old vllm": {cell.Generate{Format: cell.ResponseFormat{Choice: []string{"a", "b"}}}, nil, Dialect{Sampling: true, TemplateArgs: true, Guided: true},
			[]string{`"guided_choice":["a","b"]`, `"top_k":0`}, []string{"structured_outputs"}},
		"regex, old vllm": {cell.Generate{Format: cell.ResponseFormat{Regex: `\d+`}}, nil, Dialect{Sampling: true, TemplateArgs: true, Guided: true}, []string{`"guided_regex":"\\d+"`}, nil},
		"the entry's own": {cell.Generate{Format: cell.ResponseFormat{Schema: schema}, Tools: `[2]`, ToolChoice: `"none"`}, own, Extended,
			[]string{`"response_format":{"type":"json_object"}`, `"tools":[1]`}, []string{"json_schema", "tool_choice", "[2]"}},
		"tools": {cell.Generate{Tools: `[2]`, ToolChoice: `"required"`}, nil, OpenAI, []string{`"tools":[2]`, `"tool_choice":"required"`}, nil},
		"none":  {cell.Generate{}, nil, Extended, nil, []string{"response_format", "structured_outputs", "tools"}},
	} {
		body, _ := OpenAIBody(backends.Request{Messages: []backends.Message{{Role: "user", Content: "hi"}}, Generate: &c.generate, Extra: c.extra}, "m", c.d)
		if !json.Valid(body) {
			t.Errorf("%s: %s", name, body)
		}
		for _, want := range c.has {
			if strings.Count(string(body), want) != 1 {
				t.Errorf("%s: %s\nhas not %s once", name, body, want)
			}
		}
		for _, unwanted := range c.lacks {
			if strings.Contains(string(body), unwanted) {
				t.Errorf("%s: %s\nhas %s", name, body, unwanted)
			}
		}
	}
}

// TestFormatBesideARawPrompt: llama-server passes over response_format there (seen in build 11434), and heeds json_schema.
func TestFormatBesideARawPrompt(t *testing.T) {
	for want, c := range map[string]struct {
		format cell.ResponseFormat
		extra  map[string]json.RawMessage
	}{
		`"json_schema":{"properties":{"z":{},"a":{}}}`: {cell.ResponseFormat{Schema: `{"properties":{"z":{},"a":{}}}`}, nil},
		`"json_schema":{"type":"object"}`:              {cell.ResponseFormat{JSON: true}, nil},
		`"json_schema":{"type":"string"}`: {cell.ResponseFormat{JSON: true},
			map[string]json.RawMessage{"response_format": json.RawMessage(`{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"string"}}}`)}},
	} {
		req := backends.Request{Prompt: "x", Generate: &cell.Generate{Format: c.format}, Extra: c.extra}
		body, _ := OpenAIBody(req, "m", Dialect{RawSchema: true})
		if text := string(body); strings.Count(text, want) != 1 || strings.Contains(text, "response_format") || !json.Valid(body) {
			t.Errorf("%s\nhas not %s alone", text, want)
		}
		if body, _ = OpenAIBody(req, "m", Templated); strings.Contains(string(body), `"json_schema":{"type":"object"}`) || !strings.Contains(string(body), "response_format") {
			t.Errorf("who heeds response_format everywhere is asked %s", body)
		}
	}
	chat := backends.Request{Messages: []backends.Message{{Role: "user", Content: "hi"}}, Generate: &cell.Generate{Format: cell.ResponseFormat{JSON: true}}}
	if body, _ := OpenAIBody(chat, "m", Dialect{RawSchema: true}); !strings.Contains(string(body), `"response_format":{"type":"json_object"}`) {
		t.Errorf("in a chat: %s", body)
	}
}

// TestAnswerApartFromReasoning: the first token of the answer is told apart from the first of all, also where events fit the
// template and are not parsed, and so are the tokens of reasoning.
func TestAnswerApartFromReasoning(t *testing.T) {
	event := func(field, text string) string {
		return `data: {"choices":[{"delta":{"` + field + `":"` + text + `"}}]}` + "\n\n"
	}
	thought := event("reasoning", "hm") + event("reasoning", ", so") + event("reasoning", ", well")
	const end = `data: {"choices":[{"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":6}}}` +
		"\n\ndata: [DONE]\n\n"
	r := readText(strings.NewReader(thought+event("content", "yes")+event("content", ", no")+end), OpenAIChat, 16)
	if r.Status != backends.OK || r.Text != "yes, no" || r.FirstAnswer.Before(r.FirstToken) || r.FirstAnswer.IsZero() || r.Reasoning == nil || *r.Reasoning != 6 {
		t.Errorf("%s %q, first token %v, of the answer %v, reasoning %v", r.Status, r.Text, r.FirstToken, r.FirstAnswer, r.Reasoning)
	}
	if r = readText(strings.NewReader(thought+end), OpenAIChat, 16); !r.FirstAnswer.IsZero() || r.FirstToken.IsZero() || !r.Thought || r.Text != "" {
		t.Errorf("thought alone: %q, of the answer %v", r.Text, r.FirstAnswer)
	}
	if r = readText(strings.NewReader(event("content", "a")+event("content", "b")+end), OpenAIChat, 16); !r.FirstAnswer.Equal(r.FirstToken) {
		t.Errorf("no thought: first token %v, of the answer %v", r.FirstToken, r.FirstAnswer)
	}
	more := strings.Replace(end, `"reasoning_tokens":6`, `"reasoning_tokens":60`, 1)
	if r = readText(strings.NewReader(event("content", "a")+more), OpenAIChat, 16); r.Reasoning != nil || len(r.Flags) == 0 {
		t.Errorf("more reasoning than output: %v, flags %q", r.Reasoning, r.Flags)
	}
}

// TestDeclined: a refusal and a content filter are told, and a call of a tool is.
func TestDeclined(t *testing.T) {
	const end = `data: {"choices":[{"delta":{},"finish_reason":"%"}]}` + "\n\ndata: [DONE]\n\n"
	for body, want := range map[string]backends.Reply{
		`data: {"choices":[{"delta":{"refusal":"I cannot"}}]}` + "\n\n" + strings.Replace(end, "%", "stop", 1):                                               {Status: backends.OK, Refused: true, Text: "I cannot"},
		`data: {"choices":[{"delta":{"content":"A"}}]}` + "\n\n" + strings.Replace(end, "%", "content_filter", 1):                                            {Status: backends.Failed, Refused: true, Text: "A"},
		`data: {"choices":[{"delta":{"content":"A","refusal":null}}]}` + "\n\n" + strings.Replace(end, "%", "stop", 1):                                       {Status: backends.OK, Text: "A"},
		`data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"look","arguments":"{}"}}]}}]}` + "\n\n" + strings.Replace(end, "%", "tool_calls", 1): {Status: backends.OK, Called: true, Text: "look{}"},
	} {
		r := readText(strings.NewReader(body), OpenAIChat, 16)
		if r.Status != want.Status || r.Refused != want.Refused || r.Called != want.Called || r.Text != want.Text {
			t.Errorf("%s: %s, refused %v, called %v, %q", body, r.Status, r.Refused, r.Called, r.Text)
		}
	}
}
