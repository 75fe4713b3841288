package faults

import (
	"strconv"
	"strings"
	"time"

	"matrix/backends/fake/answer"
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
	return answer.New(c.protocol, "c-1", model, 1795463908).Text(literal)
}

// form has a fixed id and time, so that answers are the same bytes each time.
func (c *Conn) form() answer.Form { return answer.New(c.protocol, "c-1", Model, 1795463908) }

// Finish is what comes between the last text and the end mark. An empty usage leaves the counts out.
func (c *Conn) Finish(usage string) string { return c.form().Finish("length", usage) }

// Usage is the counts in the protocol's own words.
func (c *Conn) Usage(in, out int) string {
	return c.form().Usage(answer.Counts{
		Input: int64(in), Output: int64(out), Cached: 2, Total: 100 * time.Millisecond, Load: 10 * time.Millisecond, Prefill: 20 * time.Millisecond, Decode: 50 * time.Millisecond,
	})
}

// Done is the end mark; that of lines of JSON holds the counts.
func (c *Conn) Done(usage string) string { return c.form().Done(`""`, "length", usage) }

// Error is an error in place of an event.
func (c *Conn) Error(text string) string { return c.form().Error(text) }

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
