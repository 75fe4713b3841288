package wire

import (
	"encoding/json"
	"math"
	"strconv"

	"matrix/backends"
)

// count is a number of a server's, which may be no number of the kind that it should be: one odd count must not cost the
// answer around it.
type count struct {
	n   *int64 // nil: not told, or bad
	bad bool
}

// UnmarshalJSON never fails: 8, 8.0 and null are counts, -1 is one that is refused later, 1e300 and "8" are bad.
func (c *count) UnmarshalJSON(b []byte) error {
	*c = count{}
	if string(b) == "null" {
		return nil
	}
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		c.n = &n
		return nil
	}
	if f, err := strconv.ParseFloat(string(b), 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		n := int64(f)
		c.n = &n
		return nil
	}
	c.bad = true
	return nil
}

// beside is an object of counts or times beside an answer, nil where it is not there. One of another form must not cost the
// answer: what of it can be read is.
type beside[T any] struct {
	v   *T   // nil where nothing is there
	bad bool // it had another form; v has what could be read of it
}

// UnmarshalJSON never fails.
func (b *beside[T]) UnmarshalJSON(text []byte) error {
	if *b = (beside[T]{}); string(text) != "null" {
		b.v = new(T)
		b.bad = json.Unmarshal(text, b.v) != nil
	}
	return nil
}

// told is what an object says, nil where there is none.
func told[T any](s *stream, b beside[T]) *T {
	if b.bad {
		s.reply.Flag(backends.FlagBadCount)
	}
	return b.v
}

// span is a time in a server's answer; bad: there is something, and it is no number.
type span struct {
	v   *float64 // in the server's unit; nil: not told, or bad
	bad bool
}

// UnmarshalJSON never fails: a broken figure must not lose the answer that it came with.
func (s *span) UnmarshalJSON(b []byte) error {
	*s = span{}
	if string(b) != "null" {
		s.v = new(float64)
		s.bad = json.Unmarshal(b, s.v) != nil
	}
	return nil
}

// count flags a bad count once for the reply, however many there are.
func (s *stream) count(c count) *int64 {
	if c.bad {
		s.reply.Flag(backends.FlagBadCount)
	}
	return c.n
}

// ns and ms are the same time in s; nil where it was not told, or cannot be.
func (s *stream) ns(x span) *float64 { return s.seconds(x, 1e9) }
func (s *stream) ms(x span) *float64 { return s.seconds(x, 1e3) }

// longestSpan is more than any request takes.
const longestSpan = 30 * 24 * 3600.0

// seconds is a time in s; nil and a flag where it cannot be.
func (s *stream) seconds(x span, unit float64) *float64 {
	if x.v == nil {
		return nil
	}
	if x.bad || *x.v < 0 || *x.v/unit > longestSpan {
		s.reply.Flag(backends.FlagBadCount)
		return nil
	}
	v := *x.v / unit
	return &v
}

// timings is what llama-server says beside its last event. prompt_n leaves out what came from the cache.
type timings struct {
	PromptN     count `json:"prompt_n"` // computed; CacheN are the rest of the prompt
	CacheN      count `json:"cache_n"`
	PredictedN  count `json:"predicted_n"`
	PromptMS    span  `json:"prompt_ms"`
	PredictedMS span  `json:"predicted_ms"`
}

// metrics is vLLM's with --enable-per-request-metrics. Its time to the first token begins when the request was scheduled.
type metrics struct {
	QueueMS      span `json:"queue_time_ms"`
	FirstTokenMS span `json:"time_to_first_token_ms"` // without the queue
	GenerationMS span `json:"generation_time_ms"`
}

// toolCall is a call, or a piece of one: OpenAI's arguments are a string of JSON, in pieces; Ollama's the whole object.
type toolCall struct {
	Function struct {
		Name      json.RawMessage `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

// openAIUsage is the counts of tokens; the details are told by some servers only.
type openAIUsage struct {
	PromptTokens     count `json:"prompt_tokens"` // whole prompt
	CompletionTokens count `json:"completion_tokens"`
	Details          beside[struct {
		CachedTokens count `json:"cached_tokens"`
	}] `json:"prompt_tokens_details"`
	Parts beside[struct {
		ReasoningTokens count `json:"reasoning_tokens"` // of completion_tokens
	}] `json:"completion_tokens_details"`
}
