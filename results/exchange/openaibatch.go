package exchange

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"matrix/experiments/textfile"
)

// maxLine bounds a line of a JSONL file, in bytes.
// A line with a long answer and its log-probabilities is some megabytes.
const maxLine = 64 << 20

// batchLine is a line of a batch job's output or error file: OpenAI's batch API, and `vllm run-batch`, whose errors are
// text. What a failed request lacks may be null; a custom_id may be a number.
type batchLine struct {
	CustomID json.RawMessage `json:"custom_id"` // the asker's name of the request
	Response *struct {
		Status json.RawMessage `json:"status_code"` // of HTTP; 0 or absent = nobody answered
		Body   json.RawMessage `json:"body"`
	} `json:"response"`
	Error json.RawMessage `json:"error"`
}

// batchBody is what was answered.
// Of chat and of plain completions: text is the latter's.
type batchBody struct {
	Model   string `json:"model"`
	Choices []struct {
		Text    string `json:"text"`
		Finish  string `json:"finish_reason"`
		Message struct {
			Content json.RawMessage `json:"content"`
		} `json:"message"`
	} `json:"choices"`
	Usage *struct {
		Prompt     *float64  `json:"prompt_tokens"`
		Completion *float64  `json:"completion_tokens"`
		Details    *struct { // only where a prefix cache is told of
			Cached *float64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	} `json:"usage"`
}

// readOpenAIBatch reads a batch job's output: answers and counts of tokens, and no time at all.
func readOpenAIBatch(in io.Reader) ([]*Set, error) {
	s := newSet()
	s.Mode = "batch"
	s.warn("a batch job's output has no times: no throughput, no latency; requests that failed may stand in its error file, which is given behind it")
	for _, name := range []string{"duration_s", "batch_s", "request_throughput", "output_throughput", "total_token_throughput"} {
		s.Untold[name] = "imported: a batch job's output has no times"
	}
	// models that answered
	unlike := map[string]bool{}
	note, err := eachLine(in, func(doc []byte, line int) error {
		var l batchLine
		if err := json.Unmarshal(doc, &l); err != nil {
			return err
		}
		if l.Response == nil && !some(l.Error) {
			return fmt.Errorf("neither response nor error: is this the output file of a batch?")
		}
		r, model := l.request(int64(len(s.Requests)))
		s.Requests = append(s.Requests, r)
		if model != "" {
			unlike[model] = true
			if s.Labels.Model == "" {
				s.Labels.Model = labelOf(model)
			}
		}
		return nil
	})
	if len(unlike) > 1 {
		s.warn("the answers are of %d models: %s", len(unlike), strings.Join(sorted(unlike), ", "))
	}
	if note != "" {
		s.warn("%s", note)
	}
	return []*Set{s}, err
}

// some reports a value that is there and not null.
func some(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// text is a JSON string as it is, any other value as its JSON text; null is "".
func text(raw json.RawMessage) string {
	var s string
	switch {
	case !some(raw):
		return ""
	case json.Unmarshal(raw, &s) == nil:
		return s
	}
	return string(bytes.TrimSpace(raw))
}

// request is one row, and the model that answered, "" = not told. Of an error and an answer beside it the error counts.
func (l *batchLine) request(seq int64) (r Request, model string) {
	r = newRequest(seq)
	r.PromptID = text(l.CustomID)
	if some(l.Error) {
		r.fail("failed", "batch_error", text(l.Error))
		var e struct {
			Code    json.RawMessage `json:"code"`
			Message json.RawMessage `json:"message"`
		}
		if json.Unmarshal(l.Error, &e) == nil && (some(e.Code) || some(e.Message)) {
			r.fail("failed", text(e.Code), text(e.Message))
		}
	}
	if l.Response == nil {
		return r, ""
	}
	var status float64
	if json.Unmarshal(l.Response.Status, &status) == nil && status >= 0 && status <= 999 {
		r.HTTPStatus = new(int32(status))
	}
	var body batchBody
	err := json.Unmarshal(l.Response.Body, &body)
	switch {
	case r.Status != "ok":
	case status >= 400:
		r.fail("failed", fmt.Sprintf("http_%d", int(status)), errorOf(l.Response.Body))
	case err != nil || len(body.Choices) == 0:
		r.fail("malformed", "malformed_answer", "the answer has no choices")
	}
	if err != nil {
		return r, ""
	}
	if u := body.Usage; u != nil {
		r.tokens(&r.InputTokens, tokenCount(u.Prompt))
		r.tokens(&r.OutputTokens, tokenCount(u.Completion))
		if u.Details != nil {
			r.CachedTokens = tokenCount(u.Details.Cached)
		}
	}
	if len(body.Choices) > 0 {
		c := body.Choices[0]
		r.Text = c.Text + said(c.Message.Content)
		r.ended(c.Finish)
	}
	return r, body.Model
}

// tokenCount is a count as a file has it, -1 where it cannot be one: sane makes null of that, and says so.
// Counts are read as floats, for some tools write 12.0; −1 stands out in sane, and nil would be silent.
func tokenCount(x *float64) *int64 {
	switch {
	case x == nil:
		return nil
	case *x != math.Trunc(*x) || !(*x >= 0 && *x <= maxTokens):
		return new(int64(-1))
	}
	return new(int64(*x))
}

// said is a message's text: a string, or a list of parts.
func said(raw json.RawMessage) string {
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return text(raw)
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// errorOf finds the message in a failed answer's body.
// OpenAI has error.message, FastAPI detail, others message.
func errorOf(body json.RawMessage) string {
	var e struct {
		Error   json.RawMessage `json:"error"`
		Message json.RawMessage `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &e) != nil {
		return text(body)
	}
	var inner struct {
		Message json.RawMessage `json:"message"`
	}
	if json.Unmarshal(e.Error, &inner) == nil && some(inner.Message) {
		return text(inner.Message)
	}
	return text(e.Error) + text(e.Message) + text(e.Detail)
}

// eachLine calls f for every line that is not empty. A line that cannot be read is left out and noted; where that is most
// of them, it is the error.
// doc is f's only until it returns; numbers count from 1, empty lines too, as an editor shows them.
func eachLine(in io.Reader, f func(doc []byte, line int) error) (note string, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	o := odd{what: "line"}
	n := 0
	for lines.Scan() {
		n++
		doc := bytes.TrimSpace(lines.Bytes())
		if len(doc) == 0 {
			continue
		}
		err := f(textfile.Finite(doc), n)
		if err != nil {
			err = textfile.PlainJSON(err)
		}
		o.see(n, err)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return "", fmt.Errorf("line %d is longer than %d MiB", n+1, maxLine>>20)
	case err != nil:
		return "", err
	}
	return o.note(), o.refused()
}
