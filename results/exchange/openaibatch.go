package exchange

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// maxLine bounds a line of a JSONL file, in bytes.
const maxLine = 64 << 20

// batchLine is a line of a batch job's output or error file (OpenAI's batch API; `vllm run-batch` writes the same).
type batchLine struct {
	ID       string `json:"id"`
	CustomID string `json:"custom_id"`
	Response *struct {
		Status int `json:"status_code"`
		Body   struct {
			Model   string `json:"model"`
			Choices []struct {
				Text    string `json:"text"`
				Finish  string `json:"finish_reason"`
				Message struct {
					Content string `json:"content"`
				} `json:"message"`
			} `json:"choices"`
			Usage *struct {
				Prompt     *int64 `json:"prompt_tokens"`
				Completion *int64 `json:"completion_tokens"`
			} `json:"usage"`
		} `json:"body"`
	} `json:"response"`
	Error *struct {
		Code    any    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func readOpenAIBatch(in io.Reader) ([]*Set, error) {
	s := &Set{Given: map[string]float64{}, Mode: "batch"}
	s.Warnings = []string{"a batch job's output has no times: no throughput, no latency"}
	err := eachLine(in, func(doc []byte, line int) error {
		var l batchLine
		if err := json.Unmarshal(doc, &l); err != nil {
			return err
		}
		if l.Response == nil && l.Error == nil {
			return fmt.Errorf("neither response nor error: is this the output file of a batch?")
		}
		s.Requests = append(s.Requests, l.request(s))
		return nil
	})
	return []*Set{s}, err
}

func (l *batchLine) request(s *Set) Request {
	r := newRequest(int64(len(s.Requests)))
	r.PromptID = l.CustomID
	if l.Error != nil {
		r.fail("failed", fmt.Sprint(l.Error.Code), l.Error.Message)
	}
	if l.Response == nil {
		return r
	}
	if l.Response.Status != 0 {
		r.HTTPStatus = ptr(int32(l.Response.Status))
	}
	body := l.Response.Body
	if s.Labels.Model == "" {
		s.Labels.Model = labelOf(body.Model)
	}
	if l.Response.Status >= 400 && l.Error == nil {
		r.fail("failed", fmt.Sprintf("http_%d", l.Response.Status), "")
	}
	if u := body.Usage; u != nil {
		r.tokens(&r.InputTokens, u.Prompt)
		r.tokens(&r.OutputTokens, u.Completion)
	}
	if len(body.Choices) > 0 {
		c := body.Choices[0]
		r.Text, r.FinishReason = c.Text+c.Message.Content, c.Finish
	}
	return r
}

// eachLine calls f for every line that is not empty; its error gets the line's number.
func eachLine(in io.Reader, f func(doc []byte, line int) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := f(lines.Bytes(), n); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}
