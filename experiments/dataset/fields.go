package dataset

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"matrix/experiments/wording"
	"slices"
	"strings"
)

// A request of OpenAI's API may have fields beside its prompt. matrix reads some itself; the experiment decides others,
// the same for every prompt; some change no answer. All the rest is sent, or the plan says that it cannot be.
var (
	readFields = []string{"prompt", "messages", "max_tokens", "max_completion_tokens"}
	// decidedFields are those of the generate and the model block, and of how matrix asks.
	decidedFields = []string{"model", "temperature", "top_p", "top_k", "seed", "stop", "min_tokens", "ignore_eos", "repetition_penalty",
		"repeat_penalty", "reasoning_effort", "stream", "stream_options", "n", "best_of"}
	// idleFields change no answer.
	idleFields = []string{"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
	// materialFields hold what is asked about, in the data sets of people: Dolly's context, a question's passage. None is sent.
	materialFields = []string{"context", "input", "passage", "document", "article", "choices", "options"}
	// chatFields have no place in a raw prompt.
	chatFields = []string{"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "chat_template_kwargs", "continue_final_message"}
	// sentFields are told from a user's own columns where an entry is no request of a batch file: {"prompt": …, "topic": …}.
	sentFields = append([]string{"response_format", "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar", "logit_bias",
		"presence_penalty", "frequency_penalty", "min_p", "stop_token_ids", "bad_words", "logprobs", "top_logprobs", "modalities"}, chatFields...)
)

// Field is what a dataset's entries ask for beside their prompts, once for each kind of value.
type Field struct {
	Name  string // "tools"
	Value string // a word of it where that decides who can be asked: response_format's type, the tool_choice of tools; else ""
	Count int    // entries
	Line  int    // of the first, 1-based
}

// extra sorts the fields of a request: what is sent as it is, and the names of what is not. ofBatch: the object is a
// request and nothing else.
func extra(raw []byte, ofBatch bool) (sent map[string]json.RawMessage, left []string, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := string(bytes.TrimSpace(fields[name]))
		switch {
		case slices.Contains(readFields, name), value == "null":
		case slices.Contains(decidedFields, name):
			if name != "stream" && name != "stream_options" && name != "model" && !(name == "n" && value == "1") {
				left = append(left, name)
			}
			if name == "model" && ofBatch {
				left = append(left, name+" "+scalar(fields[name]))
			}
		case slices.Contains(idleFields, name):
			if ofBatch {
				left = append(left, name)
			}
		case !ofBatch && slices.Contains(materialFields, name) && hasText(fields[name]):
			left = append(left, name)
		case ofBatch, slices.Contains(sentFields, name):
			if sent == nil {
				sent = map[string]json.RawMessage{}
			}
			sent[name] = fields[name]
		}
	}
	return sent, left, nil
}

// hasText reports a text, or a list, that is not empty.
func hasText(value json.RawMessage) bool {
	var text string
	var list []json.RawMessage
	return json.Unmarshal(value, &text) == nil && strings.TrimSpace(text) != "" || json.Unmarshal(value, &list) == nil && len(list) > 0
}

// Word is the part of a field's value that decides who can be asked for it.
func Word(name string, all map[string]json.RawMessage) string {
	switch name {
	case "tools", "tool_choice":
		word := cmp.Or(scalar(all["tool_choice"]), "auto")
		if strings.HasPrefix(word, "{") {
			return "a function"
		}
		return word
	case "response_format":
		var format struct{ Type string }
		_ = json.Unmarshal(all[name], &format) // an odd one has no type
		return format.Type
	}
	return ""
}

// fieldCounts gathers the fields of all entries.
type fieldCounts struct {
	sent  []Field // in the order in which the file has them; into the identity by their names
	left  []Field // not sent: told in the plan's notes, by no means a fault
	chats int     // entries with messages
	cut   int     // conversations that end with the assistant
	parts int     // entries with a message of several text parts
	half  int     // entries with half a surrogate pair in their text
}

// add counts an entry that is used; names are sorted, so that the order of the notes does not hang on a Go map.
func (f *fieldCounts) add(e *Entry, line int) {
	for _, name := range slices.Sorted(maps.Keys(e.Extra)) {
		count(&f.sent, Field{Name: name, Value: Word(name, e.Extra), Line: line})
	}
	for _, name := range e.left {
		count(&f.left, Field{Name: name, Line: line})
	}
	f.chats += one(len(e.Messages) > 0)
	f.cut += one(e.cut)
	f.parts += one(e.parts)
	f.half += one(e.half)
}

// one is what a truth adds to a count.
func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// mostFields bounds what a file of other things than requests could fill the memory with.
const mostFields = 1000

// count books one more of a kind, by name and value; the Line kept is that of the first. The list is searched, not hashed:
// it has a handful of kinds, and must stay in the file's order.
func count(list *[]Field, f Field) {
	for i := range *list {
		if at := &(*list)[i]; at.Name == f.Name && at.Value == f.Value {
			at.Count++
			return
		}
	}
	if f.Count = 1; len(*list) < mostFields {
		*list = append(*list, f)
	}
}

// notes say what of the file's requests is not sent.
func (f *fieldCounts) notes(path string) []string {
	var notes []string
	for _, x := range f.left {
		name, what, isModel := strings.Cut(x.Name, " ")
		switch {
		case isModel:
			notes = append(notes, fmt.Sprintf("%s: %s for model %q: the model block decides the model", path, countOf(x.Count, "ask", "asks"), what))
		case slices.Contains(materialFields, name):
			notes = append(notes, fmt.Sprintf("%s: %s %s, which is not sent: to ask with it, put it into the text of the prompt", path, countOf(x.Count, "have", "has"), name))
		case slices.Contains(idleFields, name):
			notes = append(notes, fmt.Sprintf("%s: %s %s, which changes no answer and is not sent", path, countOf(x.Count, "have", "has"), name))
		default:
			notes = append(notes, fmt.Sprintf("%s: %s %s, which is left out: the generate block decides it, the same for every prompt", path, countOf(x.Count, "have", "has"), name))
		}
	}
	if f.cut > 0 {
		notes = append(notes, fmt.Sprintf("%s: %s with the assistant's turn: it is not sent, and is kept as the reference", path, countOf(f.cut, "end", "ends")))
	}
	if f.half > 0 {
		notes = append(notes, fmt.Sprintf("%s: %s half a surrogate pair (such as \\ud83d without the other half), which no UTF-8 has: � is sent in its place", path, countOf(f.half, "have", "has")))
	}
	return notes
}

// countOf is "1 entry has", "3 entries have".
func countOf(n int, several, single string) string {
	if n == 1 {
		several = single
	}
	return wording.Count(n, "entries") + " " + several
}

// rule adds to an identity what makes the same bytes other requests than before it was read so.
func (f *fieldCounts) rule(rule map[string]any) {
	var names []any
	for _, x := range f.sent {
		if !slices.Contains(names, any(x.Name)) {
			names = append(names, x.Name)
		}
	}
	if len(names) > 0 {
		rule["sent"] = names
	}
	if f.cut > 0 {
		rule["last_answer"] = "reference"
	}
	if f.parts > 0 {
		rule["text_parts"] = "lines"
	}
}
