package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"matrix/experiments/textfile"
	"strconv"
	"strings"
	"unicode/utf8"
)

// hinted is an entry's fault with advice.
type hinted struct{ reason, hint string }

// Error leaves the advice out: hintOf gives it.
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

// given reports a value that is there: null counts as absent, as exporters write it for an empty column.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(bytes.TrimSpace(raw)) != "null" }

// firstGiven is the first that is there.
func firstGiven(all ...json.RawMessage) json.RawMessage {
	for _, raw := range all {
		if given(raw) {
			return raw
		}
	}
	return nil
}

// whole reads a number of tokens: 16, and 16.0 as pandas makes it of a column with gaps, also as text; 0 = none.
func whole(name string, raw json.RawMessage) (int, error) {
	text := strings.TrimSpace(scalar(raw))
	if text == "" || strings.EqualFold(text, "nan") || strings.EqualFold(text, "none") {
		return 0, nil
	}
	x, err := strconv.ParseFloat(text, 64)
	quoted := bytes.HasPrefix(bytes.TrimSpace(raw), []byte(`"`))
	if i := strings.IndexByte(text, '.'); quoted && i > 0 && len(text)-i == 4 {
		return 0, hinted{fmt.Sprintf("%s is %.40q: is that %s thousand?", name, text, text[:i]), "Write whole numbers without separators."}
	}
	switch {
	case err != nil && quoted && strings.ContainsAny(text, "0123456789"):
		return 0, hinted{fmt.Sprintf("%s is %.40q; it must be a whole number", name, text), "Write whole numbers without separators."}
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s must be a whole number, not %s", name, kindOf(raw))
	case x == -1: // as llama.cpp and Ollama write "no cap of its own": the experiment's holds
		return 0, nil
	case x != math.Trunc(x) || x < 1 || x > math.MaxInt32:
		return 0, fmt.Errorf("%s is %.40s; it must be a whole number, 1 at least", name, text)
	}
	return int(x), nil
}

// kindOf names what a JSON value is.
func kindOf(raw json.RawMessage) string {
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0:
		return "nothing"
	case raw[0] == '"':
		return "string"
	case raw[0] == '{':
		return "object"
	case raw[0] == '[':
		return "list"
	case raw[0] == 't' || raw[0] == 'f':
		return "bool"
	}
	return "number"
}

// content is a message's text: a string, or a list of text parts, each on a line of its own as vLLM joins them.
// n is how many texts there were. null is no text, as of an assistant that only calls tools.
func content(raw json.RawMessage) (text string, n int, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", 0, nil
	}
	if json.Unmarshal(raw, &text) == nil {
		return text, 1, nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return "", 0, errors.New("content must be a string or a list of text parts")
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		if p.Type != "text" {
			return "", 0, fmt.Errorf("content of type %.40q; only text is measured", p.Type)
		}
		texts[i] = p.Text
	}
	return strings.Join(texts, "\n"), len(parts), nil
}

// scalar is a string as it is, and any other value as its JSON text.
// An id may be a number, and a reference an object: their JSON text is what can be compared.
func scalar(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if !given(raw) {
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
	reason, hint := textfile.JSONFault(err)
	reason = strings.TrimPrefix(reason, "ask.") // the embedded struct
	if hint != "" {
		return hinted{reason, hint}
	}
	return errors.New(reason)
}

// halfPair reports an escape of half a UTF-16 surrogate pair, of which encoding/json makes � without a word: the text has one, and its JSON
// holds neither the letter nor the letter's escape.
func halfPair(raw []byte, text string) bool {
	return strings.ContainsRune(text, utf8.RuneError) && !bytes.ContainsRune(raw, utf8.RuneError) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`))
}
