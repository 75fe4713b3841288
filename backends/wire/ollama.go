package wire

import (
	"bytes"
	"encoding/json"
)

// ollamaEvent is one line of /api/generate or /api/chat. Ollama leaves out what is zero.
type ollamaEvent struct {
	Model    string          `json:"model"`
	Error    json.RawMessage `json:"error"`
	Response json.RawMessage `json:"response"`
	Thinking json.RawMessage `json:"thinking"`
	Message  struct {
		Content  json.RawMessage `json:"content"`
		Thinking json.RawMessage `json:"thinking"`
	} `json:"message"`
	Done               *bool  `json:"done"`
	DoneReason         string `json:"done_reason"`
	TotalDuration      *int64 `json:"total_duration"` // ns, like the others
	LoadDuration       int64  `json:"load_duration"`
	PromptEvalDuration *int64 `json:"prompt_eval_duration"`
	EvalDuration       *int64 `json:"eval_duration"`
	PromptEvalCount    *int64 `json:"prompt_eval_count"`
	CachedCount        *int64 `json:"prompt_eval_cached_count"`
	EvalCount          *int64 `json:"eval_count"`
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
	var e ollamaEvent
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
	return s.ollama(&e, line)
}

func (s *stream) ollama(e *ollamaEvent, line []byte) error {
	texts := [...]struct {
		literal   []byte
		reasoning bool
	}{{e.Thinking, true}, {e.Message.Thinking, true}, {e.Response, false}, {e.Message.Content, false}}
	spoken, several := -1, false
	for i, t := range texts {
		said, err := s.say(t.literal, t.reasoning)
		if err != nil {
			return err
		}
		if said {
			several = spoken >= 0
			spoken = i
		}
	}
	if *e.Done {
		s.ollamaEnd(e)
		return s.end()
	}
	if spoken >= 0 && !several {
		s.template.learn(line, texts[spoken].literal, texts[spoken].reasoning)
	}
	return nil
}

// ollamaEnd books the counts and the engine's own times. Ollama counts the wait for a slot in none of its parts, so
// the queue is what they leave of the total.
func (s *stream) ollamaEnd(e *ollamaEvent) {
	r := s.reply
	r.FinishReason = e.DoneReason
	r.InputTokens, r.OutputTokens, r.CachedTokens = e.PromptEvalCount, e.EvalCount, e.CachedCount
	r.ServerPrefill = seconds(e.PromptEvalDuration)
	r.ServerDecode = seconds(e.EvalDuration)
	if e.TotalDuration == nil {
		return
	}
	queue := *e.TotalDuration - e.LoadDuration
	for _, part := range []*int64{e.PromptEvalDuration, e.EvalDuration} {
		if part != nil {
			queue -= *part
		}
	}
	queue = max(queue, 0)
	r.ServerQueue = seconds(&queue)
}

func seconds(ns *int64) *float64 {
	if ns == nil {
		return nil
	}
	s := float64(*ns) / 1e9
	return &s
}
