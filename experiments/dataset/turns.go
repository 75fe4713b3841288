package dataset

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"matrix/experiments/wording"
	"slices"
	"strings"
)

// leftOut is why a conversation asks nothing; real exports hold some, and they are left out and counted.
type leftOut string

// Error makes it an error, so that a parser can hand it on; add tells it from a fault.
func (l leftOut) Error() string { return string(l) }

const (
	emptyConversation = leftOut("empty")
	answerFirst       = leftOut("that begin with an answer")
	noQuestion        = leftOut("without a user's turn")
)

// turn is one of a conversation, in any of its dialects: from/value (ShareGPT), role/content (OpenAI), role/value, text.
type turn struct {
	From    json.RawMessage `json:"from"`
	Role    json.RawMessage `json:"role"` // raw, as the others are: null counts as absent
	Value   json.RawMessage `json:"value"`
	Content json.RawMessage `json:"content"`
	Text    json.RawMessage `json:"text"`
}

// shareRoles are who speaks. A call of a function is an answer, its result comes from a tool.
var shareRoles = map[string]string{
	"human": "user", "user": "user", "system": "system", "developer": "system",
	"gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "model": "assistant",
	"bot": "assistant", "function_call": "assistant", "function-call": "assistant",
	"tool": "tool", "observation": "tool", "function_response": "tool", "function-response": "tool", "function": "tool",
}

// converse takes the turns up to the first answer as the request and that answer as the reference, as vLLM's own
// benchmark does: later turns would put another model's answers into the prompt. system, where there is one, comes first.
// An error of the type leftOut is no fault of the file.
func (e *Entry) converse(raw json.RawMessage, system string) error {
	var turns []turn
	if json.Unmarshal(raw, &turns) != nil {
		return errors.New("a conversation must be a list of turns")
	}
	if strings.TrimSpace(system) != "" {
		e.Messages = append(e.Messages, Message{Role: "system", Content: system})
	}
	asked := false
	for i, t := range turns {
		role, text, parts, err := t.said(i + 1)
		if err != nil {
			return err
		}
		e.parts = e.parts || parts > 1
		if role == "assistant" {
			if !asked {
				return answerFirst
			}
			e.Reference = cmp.Or(e.Reference, text) // what the entry calls its reference is meant
			return nil
		}
		asked = asked || role == "user" && strings.TrimSpace(text) != ""
		e.Messages = append(e.Messages, Message{Role: role, Content: text})
	}
	switch {
	case len(turns) == 0:
		return emptyConversation
	case !asked:
		return noQuestion
	}
	return nil
}

// said is who speaks, in OpenAI's roles, what, and in how many text parts. number is the turn's, from 1.
func (t *turn) said(number int) (role, text string, parts int, err error) {
	who := scalar(firstGiven(t.From, t.Role))
	role, ok := shareRoles[strings.ToLower(who)]
	if !ok {
		return "", "", 0, fmt.Errorf("turn %d is from %.40q; human, user, gpt, assistant, system and tool are known", number, who)
	}
	text, parts, err = content(firstGiven(t.Value, t.Content, t.Text))
	if err != nil {
		return "", "", 0, fmt.Errorf("turn %d: %w", number, err)
	}
	return role, text, parts, nil
}

// leftOutNote says what was left out of so many entries, "" = nothing.
func leftOutNote(why map[leftOut]int, kept int) string {
	if len(why) == 0 {
		return ""
	}
	total, parts := 0, []string{}
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		total += why[reason]
		parts = append(parts, fmt.Sprintf("%d %s", why[reason], string(reason)))
	}
	return fmt.Sprintf("%d of %s left out: %s", total, wording.Count(total+kept, "conversations"), strings.Join(parts, ", "))
}
