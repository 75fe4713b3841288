// Package wire is the streaming HTTP client that the served backends share: it
// sends one prepared body, reads the answer as SSE (OpenAI) or NDJSON (Ollama),
// stamps the times and turns every way in which an exchange can end into a Reply.
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
	OllamaGenerate
	OllamaChat
)

// Options of a client.
type Options struct {
	Connections int           // most connections at once; 0 = unlimited
	IdleTimeout time.Duration // shorter than the server's keep-alive; 0 = 4 s
	APIKey      string        // sent as Bearer, never logged
}

// Client is safe for concurrent use.
type Client struct{}

// New makes a client with a connection pool of its own.
func New(o Options) *Client { return &Client{} }

// Call is one exchange.
type Call struct {
	URL      string
	Header   http.Header
	Body     []byte
	Protocol Protocol
	Model    string // the name that must come back; "" = any
	Request  backends.Request
}

// Do sends a call, with the request's timeout and retries (503, 429 with Retry-After, refused connections), and never fails: the Reply says how it ended.
func (c *Client) Do(ctx context.Context, call Call) backends.Reply { return backends.Reply{} }

// Close drops idle connections.
func (c *Client) Close() {}

// OpenAIBody is the JSON body of a streaming request to /v1/completions or /v1/chat/completions (by Protocol).
// vllm adds vLLM's own fields (top_k, min_tokens, ignore_eos, repetition_penalty) that a strict OpenAI server refuses.
func OpenAIBody(req backends.Request, model string, vllm bool) (body []byte, p Protocol) {
	return nil, 0
}
