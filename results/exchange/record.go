package exchange

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// mapped reads one record by the map; the first thing that is not what it should be stays in err.
type mapped struct {
	g   *grouping
	r   record
	err error
}

// value is what stands at a column's field, nil where the map has no such column or the record no value.
func (m *mapped) value(column string) any {
	f, ok := m.g.m[column]
	if !ok {
		return nil
	}
	v := m.r.at(f.Path)
	if v != nil {
		m.g.used[column] = true
	}
	return v
}

func (m *mapped) text(column string) string {
	switch v := m.value(column).(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case map[string]any, []any:
		doc, _ := json.Marshal(v) // it came out of JSON
		return string(doc)
	default:
		return fmt.Sprint(v)
	}
}

func (m *mapped) number(column string) *float64 {
	v := m.value(column)
	if v == nil {
		return nil
	}
	var x float64
	var err error
	switch v := v.(type) {
	case float64:
		x = v
	case int64:
		x = float64(v)
	case string:
		x, err = strconv.ParseFloat(strings.TrimSpace(v), 64)
	default:
		err = fmt.Errorf("is no number")
	}
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		if m.err == nil {
			m.err = fmt.Errorf("%s = %v is no number (mapped to %s)", m.g.m[column].Path, v, column)
		}
		return nil
	}
	x *= m.g.m[column].Factor
	return &x
}

func (m *mapped) count(column string) *int64 {
	x := m.number(column)
	if x == nil {
		return nil
	}
	if *x < 0 || *x != math.Trunc(*x) {
		if m.err == nil {
			m.err = fmt.Errorf("%s = %v is no count (mapped to %s)", m.g.m[column].Path, *x, column)
		}
		return nil
	}
	n := int64(*x)
	return &n
}

func (m *mapped) whole(column string) int {
	if n := m.count(column); n != nil {
		return int(*n)
	}
	return 0
}

func (m *mapped) request(seq int64) Request {
	r := newRequest(seq)
	r.PromptID, r.Text, r.FinishReason = m.text("prompt_id"), m.text("text"), m.text("finish_reason")
	r.tokens(&r.InputTokens, m.count("input_tokens"))
	r.tokens(&r.OutputTokens, m.count("output_tokens"))
	r.CachedTokens = m.count("cached_tokens")
	if n := m.count("max_tokens"); n != nil {
		r.MaxTokens = *n
	}
	if n := m.count("http_status"); n != nil {
		r.HTTPStatus = ptr(int32(*n))
	}
	for column, into := range map[string]**float64{
		"scheduled_s": &r.ScheduledS, "sent_s": &r.SentS, "first_chunk_s": &r.FirstChunkS, "first_token_s": &r.FirstTokenS,
		"last_token_s": &r.LastTokenS, "done_s": &r.DoneS, "ttft_s": &r.TTFTS, "ttft_first_chunk_s": &r.TTFTFirstChunkS,
		"tpot_s": &r.TPOTS, "e2e_s": &r.E2ES, "e2e_closed_s": &r.E2EClosedS,
	} {
		if x := m.number(column); x != nil {
			*into = x
		}
	}
	m.status(&r)
	return r
}

// succeeded are words that other tools use for our ok.
var succeeded = map[string]bool{"": true, "ok": true, "success": true, "succeeded": true, "completed": true, "complete": true, "true": true, "200": true, "1": true, "done": true}

func (m *mapped) status(r *Request) {
	word, text := strings.ToLower(m.text("status")), m.text("error")
	bad := r.HTTPStatus != nil && *r.HTTPStatus >= 400
	switch {
	case word == "timed_out" || word == "timeout":
		r.fail("timed_out", "imported", text)
	case !succeeded[word] || bad || word == "" && text != "":
		r.fail("failed", "imported", text)
	}
}
