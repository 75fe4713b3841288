package vllm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"matrix/backends"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// ask is one request on the driver's pipe; driver.py documents the names.
type ask struct {
	ID        int64              `json:"i"`
	Prompt    *string            `json:"p,omitempty"` // nil with Messages; "" is a prompt
	Messages  []backends.Message `json:"m,omitempty"`
	MaxTokens int                `json:"n"`               // always set: SamplingParams has 16
	Sampling  map[string]any     `json:"s"`               // by SamplingParams' own names
	TimeoutS  float64            `json:"to,omitempty"`    // s; 0 = none
	HasBOS    bool               `json:"bos,omitempty"`   // the prompt begins with its own; the tokenizer must not add one
	Template  map[string]any     `json:"tk,omitempty"`    // variables of the chat template
	Tools     json.RawMessage    `json:"tools,omitempty"` // OpenAI's list, for the chat template
	Output    map[string]any     `json:"so,omitempty"`    // StructuredOutputsParams
}

// forget tells the driver to drop requests.
type forget struct {
	IDs []int64 `json:"x"`
}

// said is one line of the driver: an answer, or a word about itself.
// Its times are s of the driver's monotonic clock, nil = never came.
type said struct {
	ID     *int64      `json:"i"`
	Times  [4]*float64 `json:"t"`  // sent, first token, last token, done
	Engine *[3]float64 `json:"e"`  // queue, prefill, decode, s
	In     *int64      `json:"in"` // prompt tokens
	Out    *int64      `json:"out"`
	Cached *int64      `json:"cached"`
	Finish string      `json:"fin"` // vLLM's: stop, length, abort
	Text   string      `json:"text"`
	Err    string      `json:"err"` // class of Reply.ErrorClass; "" = answered
	Msg    string      `json:"msg"` // vLLM's words, of any length

	// About itself: Hello before vLLM is imported, Ready once the model stands, Fatal where it never will.
	Hello *struct {
		Now float64 `json:"now"`
	} `json:"hello"`
	Ready *readiness `json:"ready"`
	Fatal string     `json:"fatal"` // why the driver ends; the log has the rest
	Type  string     `json:"type"`
}

// readiness is what the loaded engine says of itself.
type readiness struct {
	Version      string `json:"version"`
	KVTokens     *int64 `json:"kv_tokens"` // nil: this version does not tell
	MaxModelLen  *int64 `json:"max_model_len"`
	DType        string `json:"dtype"`
	Quantization string `json:"quantization"`
	Tokenizer    string `json:"tokenizer"`
	MetricsPort  int    `json:"metrics_port"` // 0 = no metrics are served
}

// encode writes a request as a line.
func encode(id int64, req backends.Request) ([]byte, error) {
	a := ask{ID: id, MaxTokens: req.MaxTokens, Sampling: sampling(req), TimeoutS: req.Timeout.Seconds()}
	fields := req.Fields()
	a.Output = structure(fields)
	if len(req.Messages) > 0 {
		a.Messages, a.Template, a.Tools = req.Messages, wire.TemplateArgs(req), fields["tools"]
	} else {
		a.Prompt, a.HasBOS = &req.Prompt, cell.StartsWithBOS(req.Prompt)
	}
	return encodeLine(a)
}

// encodeLine: encoding/json escapes line feeds in texts, so a line feed ends a document and nothing else.
func encodeLine(v any) ([]byte, error) {
	line, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write request to vllm: %w", err)
	}
	return append(line, '\n'), nil
}

// sampling names every parameter: SamplingParams has defaults of its own (16 tokens). A seed costs speed and means
// nothing to greedy decoding.
func sampling(req backends.Request) map[string]any {
	s := map[string]any{}
	g := req.Generate
	if g == nil {
		return s
	}
	s["temperature"], s["top_p"], s["top_k"] = g.Temperature, cmp.Or(g.TopP, 1), g.TopK
	s["min_tokens"], s["ignore_eos"], s["repetition_penalty"] = g.MinTokens, g.IgnoreEOS, cmp.Or(g.RepeatPenalty, 1)
	if len(g.Stop) > 0 {
		s["stop"] = g.Stop
	}
	if g.Temperature > 0 {
		s["seed"] = g.Seed
	}
	for _, name := range sampled {
		if value, there := req.Extra[name]; there {
			s[name] = value
		}
	}
	return s
}

// reply turns an answer into the contract's form.
func (s *said) reply(a asker, c clock) backends.Reply {
	r := backends.Reply{
		Seq: a.seq, Status: backends.OK, Attempts: 1, TokenSource: "engine",
		Sent: c.time(s.Times[0]), FirstToken: c.time(s.Times[1]), LastToken: c.time(s.Times[2]), Done: c.time(s.Times[3]),
		InputTokens: s.In, OutputTokens: s.Out, CachedTokens: s.Cached, FinishReason: s.Finish, Text: s.Text,
	}
	r.FirstChunk, r.FirstAnswer = r.FirstToken, r.FirstToken
	if s.Engine != nil {
		r.ServerQueue, r.ServerPrefill, r.ServerDecode = &s.Engine[0], &s.Engine[1], &s.Engine[2]
	}
	if s.Err != "" {
		r.Status, r.ErrorClass, r.Error, r.TokenSource = backends.Failed, s.Err, s.Msg[:min(len(s.Msg), 500)], "none"
		if s.Err == "timeout" {
			r.Status = backends.TimedOut
		}
	}
	r.InputTokens, r.OutputTokens, r.CachedTokens = r.Plausible(r.InputTokens, 0), r.Plausible(r.OutputTokens, 0), r.Plausible(r.CachedTokens, 0)
	r.Finish()
	if a.thinks {
		thoughtApart(&r)
	}
	return r
}

// thoughtApart takes the reasoning out of an answer's text, where the server's parser would: the LLM class leaves it in. When
// the answer began after it, nobody saw.
func thoughtApart(r *backends.Reply) {
	const begin, end = "<think>", "</think>"
	thought, answer, ended := strings.Cut(r.Text, end)
	if !ended && !strings.HasPrefix(strings.TrimSpace(thought), begin) {
		return
	}
	r.Thought, r.Text, r.FirstAnswer = true, strings.TrimLeft(answer, "\n"), time.Time{}
}

// unanswered is the reply to a request that the engine never finished.
func unanswered(seq int64, status backends.Status, class string, err error, sent time.Time) backends.Reply {
	text := err.Error()
	return backends.Reply{
		Seq: seq, Status: status, ErrorClass: class, Error: text[:min(len(text), 500)],
		Attempts: 1, Sent: sent, Done: time.Now(), TokenSource: "none",
	}
}
