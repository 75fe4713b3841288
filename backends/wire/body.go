package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"matrix/backends"
)

type openAIRequest struct {
	Model               string             `json:"model"`
	Prompt              *string            `json:"prompt,omitempty"`
	Messages            []backends.Message `json:"messages,omitempty"`
	MaxTokens           int                `json:"max_tokens,omitempty"`
	MaxCompletionTokens int                `json:"max_completion_tokens,omitempty"`
	Temperature         float64            `json:"temperature"`
	TopP                float64            `json:"top_p"`
	Seed                *int64             `json:"seed,omitempty"`
	Stop                []string           `json:"stop,omitempty"`
	Stream              bool               `json:"stream"`
	StreamOptions       streamOptions      `json:"stream_options"`
	*vllmRequest
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// vllmRequest is what vLLM takes beyond OpenAI's API.
type vllmRequest struct {
	TopK             int     `json:"top_k"`
	MinTokens        int     `json:"min_tokens"`
	IgnoreEOS        bool    `json:"ignore_eos"`
	RepeatPenalty    float64 `json:"repetition_penalty"`
	AddSpecialTokens *bool   `json:"add_special_tokens,omitempty"`
}

// OpenAIBody is the JSON body of a streaming request to /v1/completions or /v1/chat/completions (by Protocol).
// vllm adds vLLM's own fields (top_k, min_tokens, ignore_eos, repetition_penalty) that a strict OpenAI server refuses.
func OpenAIBody(req backends.Request, model string, vllm bool) (body []byte, p Protocol) {
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
	if vllm {
		r.vllmRequest = vllmFields(req)
	}
	if len(req.Messages) == 0 {
		r.Prompt = &req.Prompt
		return encode(r), OpenAICompletions
	}
	r.Messages = req.Messages
	if vllm {
		r.MaxTokens, r.MaxCompletionTokens = 0, req.MaxTokens
	}
	return encode(r), OpenAIChat
}

func vllmFields(req backends.Request) *vllmRequest {
	g := req.Generate
	v := &vllmRequest{TopK: g.TopK, MinTokens: g.MinTokens, IgnoreEOS: g.IgnoreEOS, RepeatPenalty: g.RepeatPenalty}
	if v.RepeatPenalty == 0 {
		v.RepeatPenalty = 1
	}
	if len(req.Messages) == 0 && StartsWithBOS(req.Prompt) {
		v.AddSpecialTokens = new(bool)
	}
	return v
}

// begins are the texts of begin-of-sequence tokens: Gemma, Llama 2 and Mistral, Llama 3, LFM.
var begins = []string{"<bos>", "<s>", "<|begin_of_text|>", "<|startoftext|>"}

// CutBOS takes a prompt's own begin-of-sequence token off, as templates written out in full bring one, and reports
// whether there was one. Engines add theirs to a raw prompt, and some then begin the sequence twice.
func CutBOS(prompt string) (rest string, had bool) {
	for _, b := range begins {
		if rest, had := strings.CutPrefix(prompt, b); had {
			return rest, true
		}
	}
	return prompt, false
}

// StartsWithBOS reports whether a prompt brings its own begin-of-sequence token.
func StartsWithBOS(prompt string) bool {
	_, had := CutBOS(prompt)
	return had
}

// encode leaves <, > and & as they are: prompts are full of them.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("encode a request of plain values: %v", err)) // our bug, not the user's
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
