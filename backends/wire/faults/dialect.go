package faults

import (
	"fmt"
	"strconv"
	"strings"

	"matrix/backends/wire"
)

// Model is the name that well-behaved answers carry.
const Model = "m"

// Pieces are the texts of a good answer's events; Text is the whole. There are quotes, line ends, and characters of
// two, three and four bytes in it.
var Pieces = []string{"Once", " upon", " a \"time\"", "\n", " día", " 时", " 😀", " </end>"}

// Text is what a client must have read from a whole answer.
var Text = strings.Join(Pieces, "")

// Counts that a good answer reports. InputTokens includes the cached ones.
const (
	InputTokens  = 7
	OutputTokens = 8
)

// Event is one event with text.
func (c *Conn) Event(text string) string { return c.EventOf(Model, strconv.Quote(text)) }

// EventOf is one event with a JSON literal for its text, from a model of any name.
func (c *Conn) EventOf(model, literal string) string {
	switch c.protocol {
	case wire.OpenAICompletions:
		return sse(fmt.Sprintf(`{"id":"c-1","object":"text_completion","created":1795463908,"model":%q,"choices":[{"index":0,"text":%s,"logprobs":null,"finish_reason":null}]}`, model, literal))
	case wire.OpenAIChat:
		return sse(fmt.Sprintf(`{"id":"c-1","object":"chat.completion.chunk","created":1795463908,"model":%q,"choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}`, model, literal))
	case wire.OllamaGenerate:
		return fmt.Sprintf(`{"model":%q,"created_at":"2026-11-23T20:53:07.154938469Z","response":%s,"done":false}`+"\n", model, literal)
	default:
		return fmt.Sprintf(`{"model":%q,"created_at":"2026-11-23T20:53:07.1549Z","message":{"role":"assistant","content":%s},"done":false}`+"\n", model, literal)
	}
}

func sse(json string) string { return "data: " + json + "\n\n" }

// Finish is what comes between the last text and the end mark. An empty usage leaves the counts out.
func (c *Conn) Finish(usage string) string {
	if !c.protocol.SSE() {
		return ""
	}
	text := `"text":""`
	if c.protocol == wire.OpenAIChat {
		text = `"delta":{}`
	}
	finish := sse(fmt.Sprintf(`{"id":"c-1","model":%q,"choices":[{"index":0,%s,"finish_reason":"length"}]}`, Model, text))
	if usage == "" {
		return finish
	}
	return finish + sse(fmt.Sprintf(`{"id":"c-1","model":%q,"choices":[],"usage":%s}`, Model, usage))
}

// Usage is the counts in the protocol's own words.
func (c *Conn) Usage(in, out int) string {
	if c.protocol.SSE() {
		return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":2}}`, in, out, in+out)
	}
	return fmt.Sprintf(`"prompt_eval_count":%d,"prompt_eval_duration":20000000,"eval_count":%d,"eval_duration":50000000`, in, out)
}

// Done is the end mark; Ollama's holds the counts.
func (c *Conn) Done(usage string) string {
	if c.protocol.SSE() {
		return sse("[DONE]")
	}
	text := `"response":""`
	if c.protocol == wire.OllamaChat {
		text = `"message":{"role":"assistant","content":""}`
	}
	if usage != "" {
		usage = `,"total_duration":100000000,"load_duration":10000000,` + usage
	}
	return fmt.Sprintf(`{"model":%q,"created_at":"2026-11-23T20:53:08Z",%s,"done":true,"done_reason":"length"%s}`+"\n", Model, text, usage)
}

// Error is an error in place of an event.
func (c *Conn) Error(text string) string {
	if c.protocol.SSE() {
		return sse(fmt.Sprintf(`{"error":{"message":%q,"type":"InternalServerError","code":500}}`, text))
	}
	return fmt.Sprintf(`{"error":%q}`+"\n", text)
}

// Tokens says all pieces, one write each.
func (c *Conn) Tokens() {
	for _, piece := range Pieces {
		c.Say(c.Event(piece))
	}
}

// Body is a whole good answer as one text.
func (c *Conn) Body() string {
	var b strings.Builder
	for _, piece := range Pieces {
		b.WriteString(c.Event(piece))
	}
	usage := c.Usage(InputTokens, OutputTokens)
	return b.String() + c.Finish(usage) + c.Done(usage)
}

// Close ends an answer well, from the last text on.
func (c *Conn) Close() {
	usage := c.Usage(InputTokens, OutputTokens)
	c.Say(c.Finish(usage) + c.Done(usage))
	c.End()
}

// Good is a whole good answer.
func (c *Conn) Good() {
	c.Head()
	c.Tokens()
	c.Close()
}
