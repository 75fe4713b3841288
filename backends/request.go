package backends

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"matrix/experiments/cell"
)

// Request is one prompt on its way to an engine.
type Request struct {
	Seq       int64                      // unique within a phase; its reply bears it
	PromptID  string                     // of the dataset's entry
	Prompt    string                     // whole text, sent raw, when Messages is empty
	Messages  []Message                  // else: chat with the engine's own template
	Extra     map[string]json.RawMessage // fields of the dataset's entry that are sent as they are: tools, response_format
	MaxTokens int                        // from the dataset or Generate; always set
	Generate  *cell.Generate             // of the cell, shared by all requests: not to be written to
	Timeout   time.Duration              // 0 = none
	Retries   int                        // sends beyond the first, of what may go better a moment later
	Chunks    bool                       // record ChunkGaps
	Flight    *Flight                    // where the client tells how far it is; nil = nobody looks
}

// Fields are the fields of a request beside its prompt, in OpenAI's words: those of the dataset's entry, and where it says
// nothing of an answer's form or of tools, what the generate block asks for.
func (r *Request) Fields() map[string]json.RawMessage {
	if r.Generate == nil {
		return r.Extra
	}
	asked := r.Generate.RequestFields()
	if len(asked) == 0 {
		return r.Extra
	}
	for name := range r.Extra {
		if slices.Contains(cell.FormatFields, name) {
			delete(asked, "response_format")
			delete(asked, "structured_outputs")
		}
		if name == "tools" {
			delete(asked, "tools")
			delete(asked, "tool_choice")
		}
	}
	maps.Copy(asked, r.Extra)
	return asked
}

// Format is what the request's answer must be, whoever asks for it.
func (r *Request) Format() cell.ResponseFormat { return cell.FormatOf(r.Fields()) }

// Message is one turn of a chat.
type Message struct {
	Role       string          `json:"role"` // system, developer, user, assistant, tool
	Content    string          `json:"content"`
	Name       string          `json:"name,omitempty"`         // of the tool that answers, or of a speaker; "" = none
	ToolCalls  json.RawMessage `json:"tool_calls,omitempty"`   // of the assistant, as OpenAI has them
	ToolCallID string          `json:"tool_call_id,omitempty"` // the call that a tool answers
}

// Status is how a request ended; the names are those of requests.parquet.
type Status string

// The closed list of statuses.
const (
	OK           Status = "ok"
	Failed       Status = "failed"       // the engine said no
	Rejected     Status = "rejected"     // 503 or 429
	TimedOut     Status = "timed_out"    // no end within the request's timeout
	Disconnected Status = "disconnected" // the connection broke, or was refused
	Malformed    Status = "malformed"    // the stream broke the protocol
	Truncated    Status = "truncated"    // ended without its end mark
	Repeated     Status = "repeated"     // likewise, in an answer that repeats itself: the engine gave it up
	Canceled     Status = "canceled"     // we stopped
	NotSent      Status = "not_sent"     // it never left this machine
)

// Reply is how one request ended. Times are readings of the client's monotonic clock; a zero time never
// came. Numbers that the engine did not tell are nil, never 0.
type Reply struct {
	Seq           int64
	Status        Status
	HTTPStatus    int       // 0: none
	ErrorClass    string    // short, groupable: "http_500", "connection_refused", "prompt_too_long", "engine_died"
	Error         string    // one line, at most 500 bytes
	Attempts      int       // sends, 1 without a retry; 0 = not sent
	Reconnects    int       // of these, the ones that a healthy engine never answered: the transport's loss, not the engine's
	Flags         []string  // what is odd about it, of Flag…; nil = nothing
	Sent          time.Time // of the first send, before it waited for a connection
	FirstChunk    time.Time // first event with choices
	FirstToken    time.Time // first event with text
	FirstAnswer   time.Time // first event with text that is no reasoning; zero where the engine does not tell them apart
	LastToken     time.Time // last event with text
	Done          time.Time // stream closed, or the failure seen
	InputTokens   *int64    // whole prompt, cached tokens included
	OutputTokens  *int64    // reasoning included
	CachedTokens  *int64    // of the prompt, those that a cache had
	Reasoning     *int64    // of OutputTokens, those of reasoning
	TokenSource   string    // usage, engine, tokenizer, none
	FinishReason  string    // in the engine's words: stop, length …; "" = not told
	Chunks        int       // events with text
	Thought       bool      // reasoning came beside the answer's text
	Called        bool      // the answer calls tools
	Refused       bool      // the model or the service declined, in the protocol's own word for it
	ServerQueue   *float64  // s, the engine's own clock
	ServerPrefill *float64  // s
	ServerDecode  *float64  // s
	ServerLoad    *float64  // s, spent on getting the model ready for this request: Ollama's load_duration
	Text          string    // the answer; reasoning only where nobody told it apart
	ChunkGaps     []float64 // s
}
