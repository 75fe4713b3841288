package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// errNoQuestion marks a ShareGPT conversation that asks nothing; real exports hold some, and they are left out.
var errNoQuestion = errors.New("the conversation has no human turn")

// hinted is an entry's fault with advice.
type hinted struct{ reason, hint string }

func (h hinted) Error() string { return h.reason }

// entryForm is the advice for an entry of an unknown form.
const entryForm = `An entry has "prompt": "…" or "messages": [{"role": "user", "content": "…"}].`

// hintOf is what to do about an entry's fault: whoever made the file must mend it, so there is always something to say.
func hintOf(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return "Correct the entry in the file, or take it out. " + entryForm
}

// record is any JSON form of an entry. What it holds of sampling (temperature …) and the model's name are not used:
// the experiment says those, the same for every prompt.
type record struct {
	CustomID json.RawMessage `json:"custom_id"`
	ID       json.RawMessage `json:"id"`
	Body     *ask            `json:"body"`
	ask
	Conversations *[]turn         `json:"conversations"`
	Reference     json.RawMessage `json:"reference"`
	Expected      json.RawMessage `json:"expected"`
}

// ask is a request of the OpenAI API as far as it is used.
type ask struct {
	Prompt              json.RawMessage `json:"prompt"`
	Messages            *[]chatMessage  `json:"messages"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
}

type chatMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

type turn struct {
	From  string `json:"from"`
	Value string `json:"value"`
}

// jsonParser makes the reader of one JSON entry; the format only decides what must be there.
func jsonParser(format string) func([]byte) (Entry, error) {
	return func(raw []byte) (Entry, error) {
		if !utf8.Valid(raw) {
			return Entry{}, hinted{"not valid UTF-8", "Convert the file, e.g. with iconv -t UTF-8."}
		}
		var r record
		if err := json.Unmarshal(raw, &r); err != nil {
			return Entry{}, jsonFault(err)
		}
		return r.entry(format)
	}
}

func (r *record) entry(format string) (Entry, error) {
	e := Entry{ID: scalar(r.CustomID), Reference: scalar(r.Reference)}
	if e.ID == "" {
		e.ID = scalar(r.ID)
	}
	if e.Reference == "" {
		e.Reference = scalar(r.Expected)
	}
	if len(e.ID) > 512 {
		return Entry{}, fmt.Errorf("the entry's id has %d bytes, more than 512", len(e.ID))
	}
	if r.Conversations != nil && format != formatBatch {
		return e, e.converse(*r.Conversations)
	}
	from := &r.ask
	if r.Body != nil {
		from = r.Body
	}
	if format == formatBatch && r.Body == nil {
		return Entry{}, hinted{"no body", `A line of OpenAI's batch format is {"custom_id": …, "body": {"messages": […]}}.`}
	}
	return e, e.take(from)
}

// take fills an entry from a request.
func (e *Entry) take(a *ask) error {
	for _, n := range []*int{a.MaxTokens, a.MaxCompletionTokens} {
		if n == nil {
			continue
		}
		if *n < 1 {
			return fmt.Errorf("max_tokens is %d; it must be 1 at least", *n)
		}
		e.MaxTokens = *n
	}
	if a.Messages != nil {
		return e.chat(*a.Messages)
	}
	if len(a.Prompt) == 0 || string(a.Prompt) == "null" {
		return hinted{"neither prompt nor messages", entryForm}
	}
	if json.Unmarshal(a.Prompt, &e.Prompt) != nil {
		return errors.New("prompt must be a string, one prompt an entry")
	}
	if strings.TrimSpace(e.Prompt) == "" {
		return errors.New("the prompt is empty")
	}
	return nil
}

func (e *Entry) chat(messages []chatMessage) error {
	said := false
	for i, m := range messages {
		switch m.Role {
		case "system", "developer", "user", "assistant", "tool":
		default:
			return fmt.Errorf("message %d has role %.40q; roles are system, developer, user, assistant and tool", i+1, m.Role)
		}
		text, err := content(m.Content)
		if err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
		said = said || strings.TrimSpace(text) != ""
		e.Messages = append(e.Messages, Message{Role: m.Role, Content: text})
	}
	if !said {
		return errors.New("the messages are empty")
	}
	return nil
}

// content is a message's text: a string, or a list of text parts.
func content(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return "", errors.New("content must be a string or a list of text parts")
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return "", fmt.Errorf("content of type %.40q; only text is measured", p.Type)
		}
		b.WriteString(p.Text)
	}
	return b.String(), nil
}

// converse takes the turns up to the first answer as the request and that answer as the reference, as vLLM's own
// benchmark does: later turns would put another model's answers into the prompt.
func (e *Entry) converse(turns []turn) error {
	asked := false
	for i, t := range turns {
		role, ok := shareRoles[strings.ToLower(t.From)]
		if !ok {
			return fmt.Errorf("turn %d is from %.40q; human, user, gpt, assistant and system are known", i+1, t.From)
		}
		if role == "assistant" {
			if !asked {
				return errNoQuestion
			}
			e.Reference = t.Value
			break
		}
		asked = asked || role == "user" && strings.TrimSpace(t.Value) != ""
		e.Messages = append(e.Messages, Message{Role: role, Content: t.Value})
	}
	if !asked {
		return errNoQuestion
	}
	return nil
}

var shareRoles = map[string]string{
	"human": "user", "user": "user", "system": "system",
	"gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "model": "assistant",
}

// scalar is a string as it is, and any other value as its JSON text.
func scalar(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// jsonFault says a JSON error without Go's type names.
func jsonFault(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return hinted{"a JSON object is expected, not " + wrong.Value, "Each line is one object."}
		}
		name := strings.TrimPrefix(wrong.Field, "ask.") // the embedded struct
		return fmt.Errorf("%s must be %s, not %s", name, jsonKind(wrong.Type.Kind().String()), wrong.Value)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return hinted{fmt.Sprintf("invalid JSON at byte %d: %s", syntax.Offset, syntax.Error()),
			"Each line is one whole JSON object; `jq -c . FILE` writes a file so, and says where it is broken."}
	}
	return err
}

func jsonKind(goKind string) string {
	switch goKind {
	case "slice":
		return "a list"
	case "struct", "map":
		return "an object"
	case "int":
		return "a whole number"
	}
	return "a string"
}
