package cell

import (
	"bytes"
	"encoding/json"
)

// ResponseFormat is what an answer must be. At most one of its forms is set; none: any text will do.
type ResponseFormat struct {
	Schema string   `hcl:"json_schema" kind:"document" frozen:""` // a JSON Schema, compact, its keys in their order: engines write an answer's fields in it
	JSON   bool     `hcl:"json" frozen:"false"`                   // a JSON object
	Choice []string `hcl:"choice" frozen:""`                      // one of these texts
	Regex  string   `hcl:"regex" frozen:""`                       // the whole text matches
	// CheckOnly: the answers are held against the form, and the engines are not told of it.
	CheckOnly bool `hcl:"check_only" frozen:"false"`
}

// Asked is the form that the engines are told.
func (g *Generate) Asked() ResponseFormat {
	if g.Format.CheckOnly {
		return ResponseFormat{}
	}
	return g.Format
}

// None reports that any text will do.
func (f ResponseFormat) None() bool {
	return f.Schema == "" && !f.JSON && len(f.Choice) == 0 && f.Regex == ""
}

// RequestFields are the fields of an OpenAI request that say the same as the format and the tools, as a line of a batch
// file would. Choice and regex, which OpenAI has not, are in vLLM's words.
func (g *Generate) RequestFields() map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	switch f := g.Asked(); {
	case f.Schema != "":
		fields["response_format"] = json.RawMessage(`{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":` + f.Schema + `}}`)
	case f.JSON:
		fields["response_format"] = json.RawMessage(`{"type":"json_object"}`)
	case len(f.Choice) > 0:
		fields["structured_outputs"] = Canonical(map[string]any{"choice": f.Choice})
	case f.Regex != "":
		fields["structured_outputs"] = Canonical(map[string]any{"regex": f.Regex})
	}
	if g.Tools != "" {
		fields["tools"] = json.RawMessage(g.Tools)
		if g.ToolChoice != "" {
			fields["tool_choice"] = json.RawMessage(g.ToolChoice)
		}
	}
	return fields
}

// FormatFields are the fields of a request that ask for a form of the answer: OpenAI's, and vLLM's of new and old.
var FormatFields = []string{"response_format", "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar"}

// FormatOf reads what fields of a request ask of its answer. What no check is known for (a grammar) is any text.
func FormatOf(fields map[string]json.RawMessage) ResponseFormat {
	var asked struct {
		JSON   json.RawMessage
		Object bool `json:"json_object"`
		Choice []string
		Regex  string
	}
	var declared struct {
		Type   string
		Schema struct{ Schema json.RawMessage } `json:"json_schema"`
	}
	// What has not the form that it should have is the engine's to refuse.
	_ = json.Unmarshal(fields["response_format"], &declared)
	_ = json.Unmarshal(fields["structured_outputs"], &asked)
	_ = json.Unmarshal(fields["guided_choice"], &asked.Choice)
	_ = json.Unmarshal(fields["guided_regex"], &asked.Regex)
	for _, schema := range []json.RawMessage{fields["guided_json"], declared.Schema.Schema} {
		if len(schema) > 0 {
			asked.JSON = schema
		}
	}
	var text string
	if json.Unmarshal(asked.JSON, &text) == nil { // vLLM takes a schema as its text too
		asked.JSON = json.RawMessage(text)
	}
	switch schema := CompactJSON(asked.JSON); {
	case schema != "" && (declared.Type == "json_schema" || declared.Type == ""):
		return ResponseFormat{Schema: schema}
	case asked.Object, declared.Type == "json_object":
		return ResponseFormat{JSON: true}
	case len(asked.Choice) > 0:
		return ResponseFormat{Choice: asked.Choice}
	}
	return ResponseFormat{Regex: asked.Regex}
}

// CompactJSON is JSON without white space, its keys in their order; "" for what is none.
func CompactJSON(text []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return ""
	}
	return b.String()
}
