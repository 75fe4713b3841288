package ollama

import (
	"encoding/json"
	"fmt"

	"matrix/backends"
	"matrix/experiments/cell"
)

// thinkOf is what a model is told about thinking. One that can does so unless told not to; one that cannot takes no word
// of it, and refuses to be asked for it.
func thinkOf(g *cell.Generate, thinks bool) any {
	level, think := g.ThinkingLevel()
	switch {
	case level != "":
		return level
	case think || thinks:
		return think
	}
	return nil
}

// message is a turn in Ollama's form: OpenAI writes the arguments of a call as a string of JSON, Ollama as the object.
type message struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolName   string     `json:"tool_name,omitempty"` // OpenAI's name, of a message with the role tool
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

// toolCall is a call of a tool in an earlier turn. Ollama wants its arguments as an object, where OpenAI has a text with
// JSON in it.
type toolCall struct {
	ID       string `json:"id,omitempty"`
	Function struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"` // an object
	} `json:"function"`
}

// messagesOf are the turns in Ollama's words.
func messagesOf(turns []backends.Message) []message {
	list := make([]message, len(turns))
	for i, m := range turns {
		list[i] = message{Role: m.Role, Content: m.Content, ToolCallID: m.ToolCallID}
		if m.Role == "developer" { // Ollama's word for it
			list[i].Role = "system"
		}
		if m.Role == "tool" {
			list[i].ToolName = m.Name
		}
		if json.Unmarshal(m.ToolCalls, &list[i].ToolCalls) != nil {
			continue // none, or of a form that no engine knows
		}
		for j := range list[i].ToolCalls {
			f := &list[i].ToolCalls[j].Function
			var text string
			if json.Unmarshal(f.Arguments, &text) == nil && json.Valid([]byte(text)) {
				f.Arguments = json.RawMessage(text)
			}
		}
	}
	return list
}

// asOption are the fields of an entry that Ollama takes among its options.
var asOption = []string{"presence_penalty", "frequency_penalty", "min_p"}

// ask fills in what an entry asks for beside its prompt. What is not known here was refused by refuses.
func (r *request) ask(req backends.Request) {
	extra := req.Fields()
	r.Tools = extra["tools"]
	switch f := req.Format(); {
	case f.JSON:
		r.Format = json.RawMessage(`"json"`)
	case f.Schema != "":
		r.Format = json.RawMessage(f.Schema)
	}
	for _, name := range asOption {
		if value, there := extra[name]; there {
			r.Options[name] = value
		}
	}
}

// refuses says what Ollama's API has no word for.
func refuses(_ *cell.Cell, field, word string) string {
	switch field {
	case "tools", "presence_penalty", "frequency_penalty", "min_p":
		return ""
	case "tool_choice":
		if word == "auto" {
			return ""
		}
		return fmt.Sprintf("Ollama has no tool_choice but auto, and the entry asks for %s", word)
	case "response_format":
		if word == "text" || word == "json_object" || word == "json_schema" {
			return ""
		}
		return fmt.Sprintf("Ollama has no response_format of type %q", word)
	}
	return "Ollama has no " + field
}
