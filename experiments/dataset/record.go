package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/experiments/textfile"
)

// record is any JSON form of an entry. Most fields are raw: what is not used may be anything.
type record struct {
	CustomID       json.RawMessage `json:"custom_id"`
	ID             json.RawMessage `json:"id"`
	ConversationID json.RawMessage `json:"conversation_id"`
	Body           json.RawMessage `json:"body"`   // OpenAI's batches
	Params         json.RawMessage `json:"params"` // Anthropic's batches
	ask
	Conversations json.RawMessage `json:"conversations"` // ShareGPT
	Conversation  json.RawMessage `json:"conversation"`  // LMSYS
	Items         json.RawMessage `json:"items"`         // Vicuna
	System        json.RawMessage `json:"system"`
	SystemPrompt  json.RawMessage `json:"system_prompt"`
	Instruction   json.RawMessage `json:"instruction"` // Alpaca, with input and output
	Input         json.RawMessage `json:"input"`
	Output        json.RawMessage `json:"output"`
	Reference     json.RawMessage `json:"reference"`
	Expected      json.RawMessage `json:"expected"`
}

// ask is a request of the OpenAI API as far as it is used.
type ask struct {
	Prompt              json.RawMessage `json:"prompt"`
	Messages            *[]chatMessage  `json:"messages"`
	MaxTokens           json.RawMessage `json:"max_tokens"`
	MaxCompletionTokens json.RawMessage `json:"max_completion_tokens"`
}

// chatMessage is a turn as OpenAI's API has it. Content may be text or a list of parts; unlike in Message, it is read later,
// so that a fault can say which message.
type chatMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Name       string          `json:"name"`
	ToolCalls  json.RawMessage `json:"tool_calls"`
	ToolCallID string          `json:"tool_call_id"`
}

// jsonParser makes the reader of one JSON entry; the format only decides what must be there, and the column, where one is
// declared, which field holds the prompt.
func jsonParser(format, column string) func([]byte) (Entry, error) {
	return func(raw []byte) (Entry, error) {
		raw = textfile.Finite(raw)
		var r record
		if err := json.Unmarshal(raw, &r); err != nil {
			return Entry{}, jsonFault(err)
		}
		if column != "" {
			var fields map[string]json.RawMessage
			_ = json.Unmarshal(raw, &fields) // it is an object, as was seen above
			// An entry may not be asked by another field than the one that was declared, whatever else it has.
			switch value, there := fields[column]; {
			case !there:
				return Entry{}, hinted{fmt.Sprintf("no field %q", column), "column names the field that holds the prompt; " + fieldsOf(raw)}
			case !given(value) && column == "conversations":
				return Entry{}, emptyConversation // as without the declaration: left out, and counted
			case !given(value):
				return Entry{}, hinted{fmt.Sprintf("the field %q is null", column), "column names the field that holds the prompt: give the entry one, or leave the entry out."}
			default:
				r.ask.Prompt, r.Messages, r.Conversations = value, nil, nil
			}
		}
		e, err := r.entry(format, raw)
		e.uses(column)
		if errors.Is(err, errNothingAsked) {
			return Entry{}, hinted{err.Error(), entryForm + " " + fieldsOf(raw)}
		}
		e.half = halfPair(raw, e.text())
		return e, err
	}
}

// fieldsOf says what is there where something else was looked for.
func fieldsOf(raw []byte) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || len(fields) == 0 {
		return "There are no fields."
	}
	names := slices.Sorted(maps.Keys(fields))
	if len(names) == 1 && bytes.HasPrefix(bytes.TrimSpace(fields[names[0]]), []byte("[")) {
		return fmt.Sprintf("The entries may be the list %q: jq '.%s' FILE writes it alone.", names[0], names[0])
	}
	if more := len(names) - 12; more > 0 {
		names = append(names[:12], fmt.Sprintf("and %d more", more))
	}
	return "Here are " + strings.Join(names, ", ") + "; column = … in the dataset names the one that holds the prompt."
}

// entry takes the first form that is there, in this order: a conversation (but in a batch file), the request of a batch's
// line, messages, a prompt, Alpaca's instruction. An entry may have several, such as a chat with its rendered prompt
// beside it.
func (r *record) entry(format string, raw []byte) (Entry, error) {
	e := Entry{ID: scalar(firstGiven(r.CustomID, r.ID, r.ConversationID)), Reference: scalar(firstGiven(r.Reference, r.Expected))}
	if len(e.ID) > 512 {
		return Entry{}, fmt.Errorf("the entry's id has %d bytes, more than 512", len(e.ID))
	}
	request := r.request()
	ofBatch := request != nil
	if format == formatBatch && !ofBatch {
		return Entry{}, hinted{"no body", `A line of OpenAI's batch format is {"custom_id": …, "body": {"messages": […]}}.`}
	}
	if turns := firstGiven(r.Conversations, r.Conversation, r.Items); turns != nil && format != formatBatch {
		return e, e.converse(turns, scalar(firstGiven(r.System, r.SystemPrompt)))
	}
	if len(r.Conversations) > 0 && r.Messages == nil && !given(r.Prompt) && !given(r.Instruction) && format != formatBatch { // null
		return e, emptyConversation
	}
	asked := &r.ask
	if ofBatch {
		asked, raw = &ask{}, request
		if err := json.Unmarshal(raw, asked); err != nil {
			return Entry{}, jsonFault(err)
		}
		if err := e.systemBeside(r, asked); err != nil {
			return Entry{}, err
		}
	}
	var err error
	if e.Extra, e.left, err = extra(raw, ofBatch); err != nil {
		return Entry{}, jsonFault(err)
	}
	if e.Messages != nil { // it came with them
		delete(e.Extra, "system")
		if len(e.Extra) == 0 {
			e.Extra = nil
		}
	}
	if !ofBatch && r.Messages == nil && !given(r.Prompt) && given(r.Instruction) {
		e.uses("input")
		return e, e.instruct(r)
	}
	return e, e.take(asked)
}

// uses takes a field off those that are not sent.
func (e *Entry) uses(name string) {
	if i := slices.Index(e.left, name); i >= 0 {
		e.left = slices.Delete(e.left, i, i+1)
	}
	if len(e.left) == 0 {
		e.left = nil
	}
}

// request is the request to an API that a line of a batch file holds, nil in any other file.
func (r *record) request() json.RawMessage {
	switch {
	case kindOf(r.Body) == "object":
		return r.Body
	case kindOf(r.Params) == "object" && r.Messages == nil && !given(r.Prompt) && !given(r.Instruction):
		return r.Params
	}
	return nil
}

// systemBeside takes the system message that stands beside the others in Anthropic's requests.
func (e *Entry) systemBeside(r *record, asked *ask) error {
	var beside struct {
		System json.RawMessage `json:"system"`
	}
	if kindOf(r.Body) == "object" || asked.Messages == nil || json.Unmarshal(r.Params, &beside) != nil || !given(beside.System) {
		return nil
	}
	text, parts, err := content(beside.System)
	if err != nil {
		return fmt.Errorf("system: %w", err)
	}
	e.parts = parts > 1
	e.Messages = append(e.Messages, Message{Role: "system", Content: text})
	return nil
}

// instruct takes an entry of Alpaca's form: instruction and input are one prompt, output the reference.
func (e *Entry) instruct(r *record) error {
	e.Prompt = scalar(r.Instruction)
	if input := scalar(r.Input); strings.TrimSpace(e.Prompt) == "" {
		e.Prompt = input
	} else if strings.TrimSpace(input) != "" {
		e.Prompt += "\n\n" + input
	}
	if e.Reference == "" {
		e.Reference = scalar(r.Output)
	}
	r.ask.Prompt, _ = json.Marshal(e.Prompt) // a string
	return e.take(&r.ask)
}

// errNothingAsked marks an entry of an unknown form.
var errNothingAsked = errors.New("neither prompt nor messages")

// take fills an entry from a request.
// max_completion_tokens is OpenAI's newer name of max_tokens; where both stand, the newer counts.
func (e *Entry) take(a *ask) error {
	most, err := whole("max_tokens", a.MaxTokens)
	if err != nil {
		return err
	}
	e.MaxTokens = most
	if most, err = whole("max_completion_tokens", a.MaxCompletionTokens); err != nil {
		return err
	}
	if most > 0 {
		e.MaxTokens = most
	}
	if a.Messages != nil {
		return e.chat(*a.Messages)
	}
	if !given(a.Prompt) {
		return errNothingAsked
	}
	return e.prompt(a.Prompt)
}

// prompt takes a text, a list of the one text, or a list of messages.
func (e *Entry) prompt(raw json.RawMessage) error {
	var messages []chatMessage
	var texts []string
	switch {
	case json.Unmarshal(raw, &e.Prompt) == nil:
	case json.Unmarshal(raw, &texts) == nil && len(texts) == 1:
		e.Prompt = texts[0]
	case bytes.HasPrefix(bytes.TrimLeft(raw, "[ \t\r\n"), []byte("{")) && json.Unmarshal(raw, &messages) == nil:
		if len(messages) > 0 && messages[0].Role == "" {
			return e.converse(raw, "")
		}
		return e.chat(messages)
	case kindOf(raw) == "object":
		return hinted{"prompt must be a string, not an object", `If pandas wrote all prompts into it: to_json(…, orient="records", lines=True) writes an entry a line.`}
	default:
		return errors.New("prompt must be a string, one prompt an entry, or a list of messages")
	}
	if strings.TrimSpace(e.Prompt) == "" {
		return errors.New("the prompt is empty")
	}
	return nil
}

// chat takes messages as they are, but for the answer at their end. Roles are checked here, before any engine is started:
// what to do with an unknown one would be left to each model's chat template.
func (e *Entry) chat(messages []chatMessage) error {
	said := false
	for i, m := range messages {
		switch m.Role {
		case "system", "developer", "user", "assistant", "tool":
		default:
			return fmt.Errorf("message %d has role %.40q; roles are system, developer, user, assistant and tool", i+1, m.Role)
		}
		text, parts, err := content(m.Content)
		if err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
		e.parts = e.parts || parts > 1
		said = said || strings.TrimSpace(text) != ""
		turn := Message{Role: m.Role, Content: text, Name: m.Name, ToolCallID: m.ToolCallID}
		if string(m.ToolCalls) != "null" {
			turn.ToolCalls = m.ToolCalls
		}
		e.Messages = append(e.Messages, turn)
	}
	if !said {
		return errors.New("the messages are empty")
	}
	return e.cutAnswer()
}

// cutAnswer takes off the assistant's turn that ends a conversation, and keeps it as the reference. Engines differ in
// what they make of it (vLLM begins another turn, Ollama goes on with this one), and most files with such an end are
// training data, whose last turn is the answer that is wanted. An entry that says continue_final_message wants it sent.
func (e *Entry) cutAnswer() error {
	last := len(e.Messages) - 1
	if e.Messages[last].Role != "assistant" || string(e.Extra["continue_final_message"]) == "true" {
		return nil
	}
	if last == 0 {
		return errors.New("the messages hold an answer and no question")
	}
	if e.Reference == "" {
		e.Reference = e.Messages[last].Content
	}
	e.Messages, e.cut = e.Messages[:last], true
	return nil
}
