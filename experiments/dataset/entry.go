package dataset

import (
	"encoding/json"
	"fmt"
	"strings"
)

// maxEntryBytes bounds one prompt: more is a file of another kind, and must not be read into memory whole.
const maxEntryBytes = 16 << 20

// The formats, as cell.Dataset.Format names them.
const (
	formatBatch    = "openai_batch"
	formatJSONL    = "jsonl"
	formatShareGPT = "sharegpt"
	formatCSV      = "csv"
	formatParquet  = "parquet"
)

// tooLong is the fault of an entry over the bound.
var tooLong = fmt.Sprintf("longer than %d MiB, the most that one prompt may have", maxEntryBytes>>20)

// Message is one turn of a chat.
type Message struct {
	Role       string          `json:"role"`
	Content    string          `json:"content"`
	Name       string          `json:"name,omitempty"`
	ToolCalls  json.RawMessage `json:"tool_calls,omitempty"` // of the assistant, as OpenAI has them
	ToolCallID string          `json:"tool_call_id,omitempty"`
}

// Entry is one prompt as the dataset has it.
type Entry struct {
	ID        string    // as the file has it, else the number of the entry from 1
	Prompt    string    // when Messages is empty
	Messages  []Message // chat
	MaxTokens int       // 0 = as the experiment says
	Reference string    // expected answer, "" = none

	Extra map[string]json.RawMessage // fields of a request that are sent as they are: tools, response_format; nil = none

	left  []string // fields that are not sent
	cut   bool     // the assistant's last turn was taken off
	parts bool     // a message had several text parts
	half  bool     // half a surrogate pair became �
}

// text is everything an engine reads of an entry, for its length.
func (e *Entry) text() string {
	if len(e.Messages) == 0 {
		return e.Prompt
	}
	parts := make([]string, len(e.Messages))
	for i, m := range e.Messages {
		parts[i] = m.Content
	}
	return strings.Join(parts, "\n\n")
}

// promptBytes is the length of what the engine reads of an entry; templates write tools into the prompt.
func (e *Entry) promptBytes() int { return len(e.text()) + len(e.Extra["tools"]) }
