// Package wire is the streaming HTTP client that the served backends share: it
// sends one prepared body, reads the answer as SSE (OpenAI) or NDJSON (Ollama's),
// stamps the times and turns every way in which an exchange can end into a
// Reply. It starts no server and knows no engine beyond its stream.
package wire

import (
	"context"
	"net/http"
	"time"

	"matrix/backends"
)

// Protocol is what the answer's stream looks like.
type Protocol int

// The protocols.
const (
	OpenAICompletions Protocol = iota
	OpenAIChat
	NDJSONGenerate
	NDJSONChat
)

// protocolNames and protocolPaths are indexed by Protocol.
var protocolNames = [...]string{"openai_completions", "openai_chat", "ndjson_generate", "ndjson_chat"}

var protocolPaths = [...]string{"/v1/completions", "/v1/chat/completions", "/api/generate", "/api/chat"}

// String is the protocol's name, for messages and tests.
func (p Protocol) String() string { return protocolNames[p] }

// Path is the endpoint that speaks it.
func (p Protocol) Path() string { return protocolPaths[p] }

// Protocols are all of them.
func Protocols() []Protocol {
	return []Protocol{OpenAICompletions, OpenAIChat, NDJSONGenerate, NDJSONChat}
}

// SSE reports that the stream is server-sent events, not lines of JSON.
func (p Protocol) SSE() bool { return p == OpenAICompletions || p == OpenAIChat }

// Options of a client.
type Options struct {
	Connections int           // most connections at once; 0 = unlimited
	IdleTimeout time.Duration // shorter than the server's keep-alive; 0 = 4 s
	APIKey      string        // sent as Bearer, never logged
	NoReuse     bool          // a connection for each request: llama-server drops kept ones without a word
	// Health asks whether the server is well, nil = it is. With it a request whose connection broke before a byte of an
	// answer goes out again on a new one. Without it that is the request's end.
	Health func(context.Context) error
}

// Client is safe for concurrent use.
type Client struct {
	transport *http.Transport // with a pool of its own
	gate      *gate
	apiKey    string  // "" = none
	reuse     reuse   // of kept connections, by which NoReuse may come of itself
	health    *health // nil: cannot be asked
}

// New makes a client with a connection pool of its own.
func New(o Options) *Client {
	g := newGate()
	c := &Client{transport: newTransport(o, g), gate: g, apiKey: o.APIKey}
	if o.Health != nil {
		c.health = &health{ask: o.Health}
	}
	return c
}

// Call is one exchange.
type Call struct {
	URL      string           // may have a query, which no error shows
	Body     []byte           // whole JSON; not changed, and sent again as it is
	Protocol Protocol         // of the answer; the body is in it already
	Model    string           // the name that must come back; "" = any
	Context  int64            // tokens of the engine's context, which no count exceeds; 0 = not known
	Request  backends.Request // for its timeout, retries and flight; its prompt is not read
}

// Do sends a call, within the request's timeout and with its retries, and never fails: the Reply says how it ended.
// What is sent again is what may go better a moment later and of which no text has come yet: 429, 5xx, a connection
// refused or reset. Times of a Reply are those of its last attempt, except Sent, which is the first.
func (c *Client) Do(ctx context.Context, call Call) backends.Reply {
	reply := c.attempts(ctx, &call)
	reply.Seq = call.Request.Seq
	reply.Error = Echoed(without(reply.Error, []string{c.apiKey}), call.URL)
	if reply.TokenSource == "" {
		reply.TokenSource = "none"
	}
	return reply
}

// Health asks the server once whether it is well, beside what is measured; nil = it is, or cannot be asked.
func (c *Client) Health(ctx context.Context) error {
	if c.health == nil {
		return nil
	}
	return c.health.ask(ctx)
}

// Close drops idle connections; a nil client has none.
func (c *Client) Close() {
	if c != nil {
		c.transport.CloseIdleConnections()
	}
}
