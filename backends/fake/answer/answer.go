// Package answer is how a streamed answer is written in each protocol, event by event, in the forms of vLLM 0.32 and
// Ollama 0.33. It sends nothing, and does not know what the text is.
package answer

import (
	"fmt"
	"strconv"
	"time"

	"matrix/backends/wire"
)

// Form writes one answer's events.
type Form struct {
	protocol wire.Protocol
	head     string // of each event; of a line of JSON, up to its time
	open     string // before the text
	shut     string // behind it
	// Stamp is the time that each line of JSON says; one event of SSE has its answer's.
	Stamp func() string
}

// New is the form of an answer of its own id, which only SSE has, from a model.
func New(p wire.Protocol, id, model string, created int64) Form {
	f := Form{protocol: p, Stamp: func() string { return "2026-11-23T20:53:07.123456789Z" }}
	sse := func(kind string) string {
		return fmt.Sprintf(`data: {"id":%q,"object":%q,"created":%d,"model":%q,"choices":[`, id, kind, created, model)
	}
	switch p {
	case wire.OpenAICompletions:
		f.head, f.open = sse("text_completion"), `{"index":0,"text":`
		f.shut = `,"logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}` + "\n\n"
	case wire.OpenAIChat:
		f.head, f.open = sse("chat.completion.chunk"), `{"index":0,"delta":{"content":`
		f.shut = `},"logprobs":null,"finish_reason":null,"token_ids":null}]}` + "\n\n"
	case wire.NDJSONGenerate:
		f.head, f.open = fmt.Sprintf(`{"model":%q,"created_at":"`, model), `"response":`
	default:
		f.head, f.open, f.shut = fmt.Sprintf(`{"model":%q,"created_at":"`, model), `"message":{"role":"assistant","content":`, "}"
	}
	return f
}

// ContentType is the header's.
func (f Form) ContentType() string {
	if f.protocol.SSE() {
		return "text/event-stream; charset=utf-8"
	}
	return "application/x-ndjson"
}

// Role is the event before any text, "" where there is none.
func (f Form) Role() string {
	if f.protocol != wire.OpenAIChat {
		return ""
	}
	return f.head + `{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}` + "\n\n"
}

// Text is one event with a text, which is a JSON literal.
func (f Form) Text(literal string) string {
	if f.protocol.SSE() {
		return f.head + f.open + literal + f.shut
	}
	return f.line(literal, "false")
}

// line is one line of JSON; done ends its object, so more members may stand in it.
func (f Form) line(literal, done string) string {
	return f.head + f.Stamp() + `",` + f.open + literal + f.shut + `,"done":` + done + "}\n"
}

// Counts are what an engine says of an answer. Only lines of JSON have the durations.
type Counts struct {
	Input, Output                int64
	Cached                       int64         // of the input's tokens; 0 = not told
	Total, Load, Prefill, Decode time.Duration // written in ns
}

// Usage is the counts in the protocol's own words.
func (f Form) Usage(c Counts) string {
	if !f.protocol.SSE() {
		return fmt.Sprintf(`"total_duration":%d,"load_duration":%d,"prompt_eval_count":%d,"prompt_eval_duration":%d,"eval_count":%d,"eval_duration":%d`,
			c.Total, c.Load, c.Input, c.Prefill, c.Output, c.Decode)
	}
	details := "null"
	if c.Cached > 0 {
		details = fmt.Sprintf(`{"cached_tokens":%d}`, c.Cached)
	}
	return fmt.Sprintf(`{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d,"prompt_tokens_details":%s}`, c.Input, c.Input+c.Output, c.Output, details)
}

// Finish is what comes between the last text and the end mark; usage "" leaves the counts out.
func (f Form) Finish(reason, usage string) string {
	if !f.protocol.SSE() {
		return ""
	}
	text := `"text":""`
	if f.protocol == wire.OpenAIChat {
		text = `"delta":{"content":""}`
	}
	finish := f.head + fmt.Sprintf(`{"index":0,%s,"logprobs":null,"finish_reason":%q,"stop_reason":null}]}`, text, reason) + "\n\n"
	if usage == "" {
		return finish
	}
	return finish + f.head + `],"usage":` + usage + "}\n\n"
}

// Done is the end mark. A line of JSON holds its text in it, for an answer that is one line, and the counts.
func (f Form) Done(literal, reason, usage string) string {
	if f.protocol.SSE() {
		return "data: [DONE]\n\n"
	}
	if usage != "" {
		usage = "," + usage
	}
	return f.line(literal, `true,"done_reason":`+strconv.Quote(reason)+usage)
}

// End is all that comes behind the last text.
func (f Form) End(reason string, c Counts) string {
	usage := f.Usage(c)
	return f.Finish(reason, usage) + f.Done(`""`, reason, usage)
}

// Error is an error in place of an event.
func (f Form) Error(text string) string {
	if f.protocol.SSE() {
		return fmt.Sprintf(`data: {"error":{"message":%q,"type":"InternalServerError","code":500}}`, text) + "\n\n"
	}
	return fmt.Sprintf(`{"error":%q}`, text) + "\n"
}
