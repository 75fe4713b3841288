package wire

import (
	"bytes"
	"encoding/json"

	"matrix/backends"
)

var (
	dataField  = []byte("data:")  // with or without a space behind it
	errorField = []byte("error:") // no field of SSE: llama-server's own
	doneMark   = []byte("[DONE]")
	byteOrder  = []byte("\ufeff") // SSE allows one at the beginning; it is not text
)

// openAIEvent is an event of a completion or a chat, and also the error that may stand in its place.
type openAIEvent struct {
	Object  string          `json:"object"`  // "error" where the error stands bare
	Message json.RawMessage `json:"message"` // of an error that stands bare
	Model   string          `json:"model"`
	Error   json.RawMessage `json:"error"`
	Choices []openAIChoice  `json:"choices"`

	Usage   beside[openAIUsage] `json:"usage"` // also in events of its own, without choices
	Timings beside[timings]     `json:"timings"`
	Metrics beside[metrics]     `json:"metrics"`
}

// openAIChoice has its text in one of two places: that of completions or that of chats.
type openAIChoice struct {
	Text         json.RawMessage `json:"text"`
	Delta        openAIDelta     `json:"delta"`
	FinishReason *string         `json:"finish_reason"`
}

// openAIDelta has the fields raw: most events go by a pattern and are never decoded, and for the others the text is
// unescaped into the reply's own buffer.
type openAIDelta struct {
	Content          json.RawMessage `json:"content"`
	ReasoningContent json.RawMessage `json:"reasoning_content"`
	Reasoning        json.RawMessage `json:"reasoning"`
	Refusal          json.RawMessage `json:"refusal"` // text in place of the content
	ToolCalls        []toolCall      `json:"tool_calls"`
}

// sse takes one line of an event stream. An event is taken with its data line, not with the empty line after it,
// which may come later; data in several lines is joined when the first alone is no JSON.
func (s *stream) sse(line []byte) error {
	line = bytes.TrimPrefix(line, byteOrder)
	data, ok := bytes.CutPrefix(line, dataField)
	if ok {
		return s.data(bytes.TrimPrefix(data, []byte{' '}))
	}
	switch {
	case len(line) == 0:
		s.failing = false
		if len(s.pending) > 0 {
			return s.whole()
		}
		return nil
	case bytes.HasPrefix(line, errorField):
		return s.sseError(line[len(errorField):])
	case line[0] == '{':
		return s.bareObject(line)
	case isField(line, "event"):
		s.failing = bytes.Contains(bytes.ToLower(line), []byte("error"))
		return nil
	case line[0] == ':', isField(line, "id"), isField(line, "retry"):
		return nil
	}
	return malformed("no_event_stream", "the answer is no event stream: "+excerpt(line))
}

// isField: a field without a colon is one as well, with an empty value.
func isField(line []byte, name string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(name))
	return ok && (len(rest) == 0 || rest[0] == ':')
}

// data takes the content of one data: line. An event may be spread over several of them; one that does not parse is kept
// until its end, an empty line, decides.
func (s *stream) data(data []byte) error {
	if s.failing { // success is a list: what is called an error is one, whatever stands in it
		return s.sseError(data)
	}
	if len(s.pending) > 0 { // parsed at its end only: a parse a line would make a long event's cost quadratic
		s.pending = append(append(s.pending, '\n'), data...)
		if len(s.pending) > maxLineBytes {
			return errLineTooLong
		}
		return s.afford(len(s.buf) + cap(s.pending) + 2*cap(s.text))
	}
	if done, err := s.plain(data); done {
		return err
	}
	data = bytes.TrimSpace(data)
	if bytes.Equal(data, doneMark) {
		return s.end()
	}
	if len(data) == 0 {
		return nil
	}
	var e openAIEvent
	if err := json.Unmarshal(data, &e); err != nil {
		if json.Valid(data) || data[0] != '{' {
			return malformed("malformed_event", "an event has an unexpected form: "+excerpt(data))
		}
		s.pending = append(s.pending, data...)
		return nil
	}
	return s.openAI(&e, data)
}

// whole takes an event whose data came in several lines.
func (s *stream) whole() error {
	var e openAIEvent
	if err := json.Unmarshal(s.pending, &e); err != nil {
		return malformed("malformed_json", "an event is no JSON: "+excerpt(s.pending))
	}
	err := s.openAI(&e, s.pending)
	s.pending = s.pending[:0]
	return err
}

// openAI takes a parsed event.
func (s *stream) openAI(e *openAIEvent, line []byte) error {
	if isError(e.Error) {
		return engineError(e.Error)
	}
	if e.Object == "error" {
		return engineError(e.Message)
	}
	if s.call.Model != "" && e.Model != "" && e.Model != s.call.Model {
		return wrongModel(s.call.Model, e.Model)
	}
	if s.ended {
		return malformed("event_after_done", "an event came after the end mark")
	}
	usage, timed := told(s, e.Usage), told(s, e.Timings)
	if usage != nil {
		s.usage(usage)
	}
	if timed != nil {
		s.timed(timed)
	}
	if m := told(s, e.Metrics); m != nil {
		r := s.reply
		r.ServerQueue, r.ServerPrefill, r.ServerDecode = s.ms(m.QueueMS), s.ms(m.FirstTokenMS), s.ms(m.GenerationMS)
	}
	var err error
	if len(e.Choices) > 0 {
		s.event()
		err = s.choice(&e.Choices[0], line, len(e.Choices) == 1 && usage == nil && timed == nil)
	}
	if usage != nil {
		s.counted = s.reply.Chunks
	}
	return err
}

// choice takes the first choice, as we ask for one.
func (s *stream) choice(c *openAIChoice, line []byte, ordinary bool) error {
	if c.FinishReason != nil && *c.FinishReason != "" {
		s.reply.FinishReason = *c.FinishReason
		ordinary = false
	}
	texts := [...]literal{{c.Delta.ReasoningContent, true}, {c.Delta.Reasoning, true}, {c.Delta.Content, false}, {c.Text, false}, {c.Delta.Refusal, false}}
	if len(c.Delta.ReasoningContent) > 0 && string(c.Delta.ReasoningContent) == string(c.Delta.Reasoning) {
		texts[1].json = nil // one thought under both of its names
	}
	spoken, several, err := s.sayEach(texts[:])
	if err != nil {
		return err
	}
	s.reply.Refused = s.reply.Refused || spoken == len(texts)-1 // a refusal comes last
	called, err := s.calls(c.Delta.ToolCalls)
	if err != nil || spoken < 0 && !called {
		return err
	}
	if ordinary && !several && !called {
		s.template.learn(line, texts[spoken].json, texts[spoken].reasoning)
	}
	return s.spoke()
}

// calls takes calls of tools as text: they are what the answer consists of.
func (s *stream) calls(list []toolCall) (said bool, err error) {
	for _, c := range list {
		for _, literal := range []json.RawMessage{c.Function.Name, c.Function.Arguments} {
			if len(literal) > 0 && literal[0] != '"' && string(literal) != "null" {
				s.adds(append(s.text, literal...), len(s.text), false)
				said = true
				continue
			}
			one, err := s.say(literal, false)
			if err != nil {
				return said, err
			}
			said = said || one
		}
	}
	s.reply.Called = s.reply.Called || said
	return said, nil
}

// usage takes the counts of an event. Servers that send them with every chunk overwrite their own: the last are the whole.
func (s *stream) usage(u *openAIUsage) {
	r := s.reply
	r.InputTokens, r.OutputTokens = s.count(u.PromptTokens), s.count(u.CompletionTokens)
	if details := told(s, u.Details); details != nil {
		r.CachedTokens = s.count(details.CachedTokens)
	}
	if parts := told(s, u.Parts); parts != nil {
		r.Reasoning = s.count(parts.ReasoningTokens)
	}
	s.reported = s.reported || r.OutputTokens != nil
}

// timed takes llama-server's own figures; the counts only where it gives no usage.
func (s *stream) timed(t *timings) {
	r := s.reply
	r.ServerPrefill, r.ServerDecode = s.ms(t.PromptMS), s.ms(t.PredictedMS)
	cached := s.count(t.CacheN)
	if r.CachedTokens == nil {
		r.CachedTokens = cached
	}
	if n := s.count(t.PromptN); r.InputTokens == nil && n != nil {
		if cached != nil {
			*n += *cached
		}
		r.InputTokens = n
	}
	if r.OutputTokens == nil {
		if r.OutputTokens = s.count(t.PredictedN); r.OutputTokens != nil {
			r.TokenSource = "engine"
		}
	}
}

// sseError is the "error:" field with which llama.cpp ends a stream.
func (s *stream) sseError(data []byte) error {
	data = bytes.TrimSpace(data)
	var e openAIEvent
	if json.Unmarshal(data, &e) == nil && isError(e.Error) {
		return engineError(e.Error)
	}
	return engineError(data)
}

// bareObject is JSON where an event stream was asked for: an error, as a rule.
func (s *stream) bareObject(line []byte) error {
	var e openAIEvent
	if json.Unmarshal(line, &e) == nil {
		if isError(e.Error) {
			return engineError(e.Error)
		}
		if e.Object == "error" {
			return engineError(e.Message)
		}
	}
	return malformed("no_event_stream", "the answer is no event stream: "+excerpt(line))
}

// wrongModel: behind a gateway another model may answer under the same address, and its speed would be booked as this one's.
func wrongModel(want, got string) error {
	return &answerError{backends.Malformed, "wrong_model", "asked for model " + want + ", answered as " + excerpt([]byte(got))}
}
