package wire

import (
	"bytes"
	"encoding/json"
	"math"
)

// lineEvent is one line of /api/generate or /api/chat. Ollama leaves out what is zero.
type lineEvent struct {
	Model    string          `json:"model"`
	Error    json.RawMessage `json:"error"`
	Response json.RawMessage `json:"response"`
	Thinking json.RawMessage `json:"thinking"` // of /api/generate; chats have it in the message
	Message  struct {
		Content  json.RawMessage `json:"content"`
		Thinking json.RawMessage `json:"thinking"`
		Calls    []toolCall      `json:"tool_calls"`
	} `json:"message"`
	Done               *bool  `json:"done"`                 // nil: no event, whatever else it is
	DoneReason         string `json:"done_reason"`          // stop, length, load or unload; only in the last line
	TotalDuration      span   `json:"total_duration"`       // from the request's arrival
	LoadDuration       span   `json:"load_duration"`        // until a runner was had: a little also of a model that is loaded
	PromptEvalDuration span   `json:"prompt_eval_duration"` // of what was computed: cached tokens take none of it
	EvalDuration       span   `json:"eval_duration"`
	PromptEvalCount    count  `json:"prompt_eval_count"`        // whole prompt, cached tokens included but in 0.30.0
	CachedCount        count  `json:"prompt_eval_cached_count"` // of llama-server's cache, in Ollama's newer versions
	EvalCount          count  `json:"eval_count"`
}

// ndjson takes one line.
func (s *stream) ndjson(line []byte) error {
	if done, err := s.plain(line); done {
		return err
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil
	}
	var e lineEvent
	if err := json.Unmarshal(line, &e); err != nil {
		return malformed("malformed_json", "a line is no event: "+excerpt(line))
	}
	switch {
	case isError(e.Error):
		return engineError(e.Error)
	case e.Done == nil:
		return malformed("malformed_event", "a line is no event: "+excerpt(line))
	case s.call.Model != "" && e.Model != "" && e.Model != s.call.Model:
		return wrongModel(s.call.Model, e.Model)
	case s.ended && *e.Done:
		return s.end() // twice
	case s.ended:
		return malformed("event_after_done", "an event came after the end mark")
	}
	s.event()
	return s.line(&e, line)
}

// line takes one event of Ollama's. Only an event with one piece of text and nothing else is learnt as a pattern for those
// that follow.
func (s *stream) line(e *lineEvent, line []byte) error {
	texts := [...]literal{{e.Thinking, true}, {e.Message.Thinking, true}, {e.Response, false}, {e.Message.Content, false}}
	spoken, several, err := s.sayEach(texts[:])
	if err != nil {
		return err
	}
	called, err := s.calls(e.Message.Calls)
	if err == nil && (called || spoken >= 0) {
		err = s.spoke()
	}
	if err != nil {
		return err
	}
	if *e.Done {
		s.lineEnd(e)
		return s.end()
	}
	if spoken >= 0 && !several && !called {
		s.template.learn(line, texts[spoken].json, texts[spoken].reasoning)
	}
	return nil
}

// lineEnd books the counts and the engine's own times. Ollama counts the wait for a slot in none of its parts, so
// the queue is what they leave of the total.
func (s *stream) lineEnd(e *lineEvent) {
	r := s.reply
	r.FinishReason = e.DoneReason
	r.InputTokens, r.OutputTokens, r.CachedTokens = s.count(e.PromptEvalCount), s.count(e.EvalCount), s.count(e.CachedCount)
	r.ServerPrefill, r.ServerDecode, r.ServerLoad = s.ns(e.PromptEvalDuration), s.ns(e.EvalDuration), s.ns(e.LoadDuration)
	queue := s.ns(e.TotalDuration)
	if queue == nil {
		return
	}
	for _, part := range []*float64{r.ServerLoad, r.ServerPrefill, r.ServerDecode} {
		if part != nil {
			*queue -= *part
		}
	}
	*queue = max(math.Round(*queue*1e9)/1e9, 0) // as told, in whole ns
	r.ServerQueue = queue
}
