package wire

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"matrix/backends"
	"matrix/experiments/cell"
)

// Dialect is what a server takes beyond OpenAI's API, which a strict one refuses: nothing when zero.
type Dialect struct {
	Sampling     bool // top_k, min_tokens, ignore_eos, repetition_penalty, add_special_tokens; in a chat max_completion_tokens
	TemplateArgs bool // chat_template_kwargs; models with Mistral's own tokenizer refuse them
	Guided       bool // guided_choice and guided_regex, where others have structured_outputs
	Effort       bool // reasoning_effort takes "none" too
	RawSchema    bool // json_schema beside a raw prompt: response_format is heeded in chats, and passed over here
}

// What more than one server takes.
var (
	OpenAI    = Dialect{}
	Templated = Dialect{TemplateArgs: true}
	Extended  = Dialect{Sampling: true, TemplateArgs: true}
)

// RefusesTemplateArgs reports that a server of Mistral's own tokenizer refused a chat for its chat_template_kwargs, and that it
// may do without: models of that kind do not think unless they are told to.
func RefusesTemplateArgs(req backends.Request, r backends.Reply) bool {
	_, think := req.Generate.ThinkingLevel()
	return !think && len(req.Messages) > 0 && r.HTTPStatus == http.StatusBadRequest && strings.Contains(r.Error, "not supported for Mistral tokenizers")
}

// openAIRequest is the body for both endpoints of OpenAI: a prompt or messages. Temperature and top_p always stand in it:
// servers' own defaults differ, by model too.
type openAIRequest struct {
	Model               string             `json:"model"`
	Prompt              *string            `json:"prompt,omitempty"`
	Messages            []backends.Message `json:"messages,omitempty"`
	MaxTokens           int                `json:"max_tokens,omitempty"`            // in a chat of Dialect.Sampling the next one
	MaxCompletionTokens int                `json:"max_completion_tokens,omitempty"` // never beside max_tokens
	Temperature         float64            `json:"temperature"`
	TopP                float64            `json:"top_p"`          // 1 = all; 0 is out of range
	Seed                *int64             `json:"seed,omitempty"` // nil at temperature 0, where it means nothing and costs speed
	Stop                []string           `json:"stop,omitempty"`
	Stream              bool               `json:"stream"` // always true: times to the first token are the point
	StreamOptions       streamOptions      `json:"stream_options"`
	*samplingFields
	ReasoningEffort string         `json:"reasoning_effort,omitempty"` // a level; "" = left to the server
	TemplateArgs    map[string]any `json:"chat_template_kwargs,omitempty"`
}

// streamOptions asks for the counts, which come in an event of their own before the end mark.
type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// samplingFields are those of Dialect.Sampling.
type samplingFields struct {
	TopK             int     `json:"top_k"`      // 0 = all
	MinTokens        int     `json:"min_tokens"` // 0 = none
	IgnoreEOS        bool    `json:"ignore_eos"`
	RepeatPenalty    float64 `json:"repetition_penalty"`           // 1 = none
	AddSpecialTokens *bool   `json:"add_special_tokens,omitempty"` // false where the prompt has its own <bos>; nil = its default
}

// OpenAIBody is the JSON body of a streaming request to /v1/completions or /v1/chat/completions (by Protocol). What the
// dataset's entry asks for beside its prompt follows as it stands there.
func OpenAIBody(req backends.Request, model string, d Dialect) (body []byte, p Protocol) {
	g := req.Generate
	r := openAIRequest{
		Model: model, MaxTokens: req.MaxTokens, Temperature: g.Temperature, TopP: g.TopP, Stop: g.Stop,
		Stream: true, StreamOptions: streamOptions{IncludeUsage: true},
	}
	if r.TopP == 0 {
		r.TopP = 1 // 0 is out of range everywhere
	}
	if g.Temperature > 0 {
		r.Seed = &g.Seed
	}
	if d.Sampling {
		r.samplingFields = samplingOf(req)
	}
	fields := req.Fields()
	if d.Guided {
		fields = guided(fields)
	}
	if len(req.Messages) == 0 {
		if d.RawSchema {
			fields = rawSchema(fields)
		}
		r.Prompt = &req.Prompt
		return withExtra(cell.Canonical(r), fields), OpenAICompletions
	}
	r.Messages = req.Messages
	if d.Sampling {
		r.MaxTokens, r.MaxCompletionTokens = 0, req.MaxTokens
	}
	r.think(req, d)
	return withExtra(cell.Canonical(r), fields), OpenAIChat
}

// think tells the server whether to think, where it can be told. OpenAI's own API only has levels.
func (r *openAIRequest) think(req backends.Request, d Dialect) {
	level, think := req.Generate.ThinkingLevel()
	r.ReasoningEffort = level
	switch {
	case d.TemplateArgs:
		r.TemplateArgs = TemplateArgs(req)
	case d.Effort:
		if !think {
			r.ReasoningEffort = "none"
		} else if level == "" {
			r.ReasoningEffort = "medium" // what its "true" is to a model of levels
		}
	}
}

// guided says structured_outputs in the words that vLLM had for it before.
func guided(fields map[string]json.RawMessage) map[string]json.RawMessage {
	var asked map[string]json.RawMessage
	if json.Unmarshal(fields["structured_outputs"], &asked) != nil {
		return fields
	}
	old := maps.Clone(fields)
	delete(old, "structured_outputs")
	for name, value := range asked {
		old["guided_"+name] = value
	}
	return old
}

// rawSchema says response_format as a schema alone.
func rawSchema(fields map[string]json.RawMessage) map[string]json.RawMessage {
	schema := cell.FormatOf(map[string]json.RawMessage{"response_format": fields["response_format"]})
	if schema.None() {
		return fields
	}
	if schema.JSON {
		schema.Schema = `{"type":"object"}`
	}
	alone := maps.Clone(fields)
	delete(alone, "response_format")
	alone["json_schema"] = json.RawMessage(schema.Schema)
	return alone
}

// TemplateArgs are the variables for a model's chat template: the two names by which templates know the switch (Qwen,
// Gemma, GLM; DeepSeek, Granite, Kimi), a level's own, and what the entry brings. A template looks at those that it knows.
func TemplateArgs(req backends.Request) map[string]any {
	args := map[string]any{}
	if raw, there := req.Extra["chat_template_kwargs"]; there {
		_ = json.Unmarshal(raw, &args) // one that is no object is refused by the server
	}
	level, think := req.Generate.ThinkingLevel()
	args["enable_thinking"], args["thinking"] = think, think
	if level != "" {
		args["reasoning_effort"] = level
	}
	return args
}

// withExtra adds fields to a body that does not have them.
// The bytes of a field stay as the dataset has them: a schema's order of keys is the order in which a model writes them.
func withExtra(body []byte, fields map[string]json.RawMessage) []byte {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "chat_template_kwargs" && bytes.Contains(body, []byte(`"chat_template_kwargs":{`)) {
			continue // merged
		}
		body = append(body[:len(body)-1], ',')
		body = append(append(append(body, cell.Canonical(name)...), ':'), fields[name]...)
		body = append(body, '}')
	}
	return body
}

// samplingOf are the fields that servers of open models take beside OpenAI's. A repetition penalty of 1 is none; it is said
// all the same, since a model's generation_config.json may set another.
func samplingOf(req backends.Request) *samplingFields {
	g := req.Generate
	v := &samplingFields{TopK: g.TopK, MinTokens: g.MinTokens, IgnoreEOS: g.IgnoreEOS, RepeatPenalty: g.RepeatPenalty}
	if v.RepeatPenalty == 0 {
		v.RepeatPenalty = 1
	}
	if len(req.Messages) == 0 && cell.StartsWithBOS(req.Prompt) {
		v.AddSpecialTokens = new(bool)
	}
	return v
}
