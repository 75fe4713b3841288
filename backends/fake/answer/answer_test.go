package answer

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"matrix/backends/wire"
)

// event is what any of the protocols may say.
type event struct {
	Model    string
	Response string
	Message  struct{ Content string }
	Done     bool
	Reason   string `json:"done_reason"`
	Out      int64  `json:"eval_count"`
	Decode   int64  `json:"eval_duration"`
	Choices  []struct {
		Text   string
		Delta  struct{ Role, Content string }
		Finish *string `json:"finish_reason"`
	}
	Usage *struct {
		Out    int64 `json:"completion_tokens"`
		Detail *struct {
			Cached int64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
	Error json.RawMessage
}

func (e event) text() string {
	text := e.Response + e.Message.Content
	for _, c := range e.Choices {
		text += c.Text + c.Delta.Content
	}
	return text
}

// events reads what a form wrote, and whether SSE's end mark stands last.
func events(t *testing.T, p wire.Protocol, stream string) (all []event, marked bool) {
	t.Helper()
	separator := "\n"
	if p.SSE() {
		separator = "\n\n"
	}
	for text := range strings.SplitSeq(strings.TrimSuffix(stream, separator), separator) {
		data, ok := strings.CutPrefix(text, "data: ")
		if ok != p.SSE() || marked {
			t.Errorf("%s: %q", p, text)
		}
		if marked = data == "[DONE]"; marked {
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%s: %v in %q", p, err, data)
		}
		all = append(all, e)
	}
	return all, marked
}

// TestForms: in each protocol an answer is its texts, one reason, its counts and its end mark, in that order.
func TestForms(t *testing.T) {
	for _, p := range wire.Protocols() {
		f := New(p, "id", "m", 7)
		stream := f.Role() + f.Text(`"a \"b\""`) + f.Text(`" c"`) + f.End("stop", Counts{Input: 5, Output: 2, Cached: 3, Decode: time.Second})
		all, marked := events(t, p, stream)
		text, reason, last := "", "", all[len(all)-1]
		for _, e := range all {
			text += e.text()
			if len(e.Choices) > 0 && e.Choices[0].Finish != nil {
				reason += *e.Choices[0].Finish
			}
			if e.Model != "m" || e.Done != (e.Reason != "") {
				t.Errorf("%s: %+v", p, e)
			}
			reason += e.Reason
		}
		if text != `a "b" c` || reason != "stop" || marked != p.SSE() {
			t.Errorf("%s: text %q, reason %q, marked %v", p, text, reason, marked)
		}
		switch {
		case p.SSE() && (last.Usage == nil || last.Usage.Out != 2 || last.Usage.Detail.Cached != 3 || len(last.Choices) != 0):
			t.Errorf("%s: the counts are %+v", p, last)
		case !p.SSE() && (last.Out != 2 || last.Decode != 1e9 || !last.Done):
			t.Errorf("%s: the counts are %+v", p, last)
		}
		if told, _ := events(t, p, f.Error("it broke")); len(told) != 1 || !strings.Contains(string(told[0].Error), "it broke") {
			t.Errorf("%s: an error is %+v", p, told)
		}
	}
}
