package queueing

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"matrix/backends/fake/answer"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// openAIRoutes are vLLM's endpoints.
func (s *server) openAIRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"version": Version})
	})
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		model := map[string]any{"id": s.Model, "object": "model", "owned_by": "simulator", "max_model_len": s.Context()}
		reply(w, http.StatusOK, map[string]any{"object": "list", "data": []any{model}})
	})
	mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, false) })
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) { s.complete(w, r, true) })
}

// openAIRequest is what a completion may ask; fields without a meaning here are ignored, as vLLM does.
type openAIRequest struct {
	Model               string          `json:"model"`
	Prompt              json.RawMessage `json:"prompt"` // a text, or token ids
	Messages            []message       `json:"messages"`
	MaxTokens           *int64          `json:"max_tokens"`            // nil = 16 for a completion, as in vLLM
	MaxCompletionTokens *int64          `json:"max_completion_tokens"` // goes before max_tokens
	MinTokens           int64           `json:"min_tokens"`            // 0 = none
	IgnoreEOS           bool            `json:"ignore_eos"`
	Temperature         *float64        `json:"temperature"` // nil = 1
	Seed                int64           `json:"seed"`        // of no account at temperature 0
	Stop                oneOrMore       `json:"stop"`
	Stream              bool            `json:"stream"`
	StreamOptions       struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	ResponseFormat    json.RawMessage `json:"response_format"`
	StructuredOutputs json.RawMessage `json:"structured_outputs"`
}

// message has its content raw: a text, or a list of parts.
type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// oneOrMore is a string or a list of them.
type oneOrMore []string

// UnmarshalJSON takes either form.
func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		if one != "" {
			*o = oneOrMore{one}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

// input is a prompt as the model counts it.
func (q *openAIRequest) input(chat bool) (prompt uint64, tokens int64, err error) {
	if !chat {
		return promptOf(q.Prompt)
	}
	parts := make([]string, 0, 2*len(q.Messages))
	for _, m := range q.Messages {
		var text string
		if json.Unmarshal(m.Content, &text) != nil {
			text = string(m.Content) // a list of parts: its JSON is as good a text as any
		}
		parts = append(parts, m.Role, text)
		tokens += words(text)
	}
	if tokens == 0 {
		return 0, 0, fmt.Errorf("messages hold no text")
	}
	return hashOf(parts...), tokens, nil
}

// promptOf is the hash and the length of a prompt, which may be a text or token ids.
func promptOf(raw json.RawMessage) (prompt uint64, tokens int64, err error) {
	var ids []int64
	if json.Unmarshal(raw, &ids) == nil && len(ids) > 0 {
		return hashOf(string(raw)), int64(len(ids)), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || text == "" {
		return 0, 0, fmt.Errorf("prompt must be a text or token ids")
	}
	return hashOf(text), max(words(text), 1), nil
}

// asked is what shapes the answer; temperature is 1 where the request does not say, as in vLLM.
func (q *openAIRequest) asked(defaultMax int64) asked {
	a := asked{
		maxTokens: defaultMax, minTokens: q.MinTokens, ignoreEOS: q.IgnoreEOS,
		temperature: 1, seed: q.Seed, stop: q.Stop,
		format: cell.FormatOf(map[string]json.RawMessage{"response_format": q.ResponseFormat, "structured_outputs": q.StructuredOutputs}),
	}
	for _, n := range []*int64{q.MaxTokens, q.MaxCompletionTokens} {
		if n != nil {
			a.maxTokens = *n
		}
	}
	if q.Temperature != nil {
		a.temperature = *q.Temperature
	}
	return a
}

// refuseOpenAI is an error in vLLM's form.
func refuseOpenAI(w http.ResponseWriter, status int, text string) {
	kind := "BadRequestError"
	switch status {
	case http.StatusNotFound:
		kind = "NotFoundError"
	case http.StatusInternalServerError:
		kind = "InternalServerError"
	}
	reply(w, status, map[string]any{"error": map[string]any{"message": text, "type": kind, "param": nil, "code": status}})
}

// complete answers both endpoints, or refuses as vLLM would.
func (s *server) complete(w http.ResponseWriter, r *http.Request, chat bool) {
	var q openAIRequest
	if s.dead(r) || !read(w, r, &q, refuseOpenAI) {
		return
	}
	if s.coreDead() {
		refuseOpenAI(w, http.StatusInternalServerError, coreDied)
		return
	}
	if q.Model != s.Model {
		refuseOpenAI(w, http.StatusNotFound, fmt.Sprintf("The model `%s` does not exist.", q.Model))
		return
	}
	prompt, input, err := q.input(chat)
	if err != nil {
		refuseOpenAI(w, http.StatusBadRequest, err.Error())
		return
	}
	a := q.asked(16)
	if text := s.refuses(input, a); text != "" {
		refuseOpenAI(w, http.StatusBadRequest, text)
		return
	}
	a.unformed = share(prompt, s.InvalidRate, "invalid")
	if share(prompt, s.ErrorRate, "error") {
		s.done()
		refuseOpenAI(w, http.StatusInternalServerError, "simulated failure (error_rate)")
		return
	}
	g := s.generate(prompt, input, answerTo(prompt, a), q.Stream)
	if q.Stream {
		s.streamOpenAI(w, r, g, chat, q.StreamOptions.IncludeUsage)
	} else {
		s.wholeOpenAI(w, r, g, chat)
	}
}

// refusedFormat is told from a prompt that is too long by its very words, as both are a 400.
const refusedFormat = "simulated refusal of the answer's form (refuse_format)"

// refuses is why a request is answered with 400, "" when it is not.
func (s *server) refuses(input int64, a asked) string {
	if s.RefuseFormat && !a.format.None() {
		return refusedFormat
	}
	return s.tooLong(input, a.maxTokens)
}

// tooLong is vLLM's complaint about a request beyond the context window, "" when it fits.
func (s *server) tooLong(input, maxTokens int64) string {
	switch window := s.Context(); {
	case input >= window:
		return fmt.Sprintf("This model's maximum context length is %d tokens. However, your request has %d input tokens. "+
			"Please reduce the length of the input messages.", window, input)
	case input+maxTokens > window:
		return fmt.Sprintf("'max_tokens' or 'max_completion_tokens' is too large: %d. This model's maximum context length "+
			"is %d tokens and your request has %d input tokens (%d > %d - %d).", maxTokens, window, input, maxTokens, window, input)
	}
	return ""
}

// counts are what the engine says of an answer.
func (g *generation) counts() answer.Counts {
	return answer.Counts{Input: g.prompt, Output: g.output, Prefill: g.first - g.admitted, Decode: g.last - g.first}
}

// streamOpenAI writes server-sent events.
func (s *server) streamOpenAI(w http.ResponseWriter, r *http.Request, g *generation, chat, usage bool) {
	protocol, prefix := wire.OpenAICompletions, "cmpl"
	if chat {
		protocol, prefix = wire.OpenAIChat, "chatcmpl"
	}
	form := answer.New(protocol, s.id(prefix), s.Model, time.Now().Unix())
	w.Header().Set("Content-Type", form.ContentType())
	flush, begun := http.NewResponseController(w), false
	each := func(text string) {
		if !begun {
			_, _ = io.WriteString(w, form.Role())
		}
		begun = true
		_, _ = io.WriteString(w, form.Text(`"`+text+`"`))
		_ = flush.Flush()
	}
	if !s.follow(r.Context(), g, each) {
		if g.broken {
			_, _ = io.WriteString(w, form.Error(coreDied)+form.Done("", "", ""))
		}
		return
	}
	counts := ""
	if usage {
		counts = form.Usage(g.counts())
	}
	_, _ = io.WriteString(w, form.Finish(g.plan.reason, counts)+form.Done("", "", ""))
	_ = flush.Flush()
	s.done()
}

// wholeOpenAI writes an answer that was not asked for as a stream.
func (s *server) wholeOpenAI(w http.ResponseWriter, r *http.Request, g *generation, chat bool) {
	if !s.follow(r.Context(), g, nil) {
		if g.broken {
			refuseOpenAI(w, http.StatusInternalServerError, coreDied)
		}
		return
	}
	text := g.text(0, g.output)
	choice := map[string]any{"index": 0, "text": text, "logprobs": nil, "finish_reason": g.plan.reason}
	kind, prefix := "text_completion", "cmpl"
	if chat {
		kind, prefix = "chat.completion", "chatcmpl"
		choice = map[string]any{
			"index": 0, "message": map[string]string{"role": "assistant", "content": text}, "finish_reason": g.plan.reason,
		}
	}
	reply(w, http.StatusOK, map[string]any{
		"id": s.id(prefix), "object": kind, "created": time.Now().Unix(), "model": s.Model,
		"choices": []any{choice}, "usage": json.RawMessage(answer.Form{}.Usage(g.counts())),
	})
	s.done()
}
