package exchange

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// mapped reads one record by the map; the first label that is not what it should be stays in err. A value that cannot be
// read is null and counted, and loses nothing else of its record.
// It lives for one record.
type mapped struct {
	g   *grouping
	r   fields
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

// text is a column's value as text, whatever it is there.
// Ids are numbers in some files.
func (m *mapped) text(column string) string {
	switch v := m.value(column).(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64) // a name such as 1000000, not 1e+06
	case map[string]any, []any:
		doc, _ := json.Marshal(v) // it came out of JSON
		return string(doc)
	default:
		return fmt.Sprint(v)
	}
}

// number is a column's number; why it is none otherwise, "" where there is no value.
func (m *mapped) number(column string) (x *float64, why string) {
	v := m.value(column)
	var number float64
	var err error
	switch v := v.(type) {
	case nil:
		return nil, ""
	case float64:
		number = v
	case int64:
		number = float64(v)
	case string, []byte:
		text := strings.TrimSpace(m.text(column))
		// no number, and too long to be shown
		if len(text) > 400 {
			err = fmt.Errorf("is no number")
			break
		}
		// words by which tools say that there is no number: null, and no fault
		switch strings.ToLower(text) {
		case "", "nan", "null", "none", "na", "n/a", "inf", "+inf", "-inf", "infinity":
			return nil, ""
		}
		number, err = m.g.parse(text)
	default:
		err = fmt.Errorf("is no number")
	}
	if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		return nil, fmt.Sprintf("%s = %s is no number (mapped to %s)", m.g.m[column].Path, shown(v), column)
	}
	m.g.read[column]++
	return new(number * m.g.m[column].Factor), ""
}

// shown is a value in a message: short, and without Go's marks.
func shown(v any) string {
	var text string
	switch v := v.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case []byte:
		text = string(v[:min(len(v), 41)])
	default:
		text = fmt.Sprint(v)
	}
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	return text
}

// real is a number that may be absent; one that is none is counted.
func (m *mapped) real(column string) *float64 {
	x, why := m.number(column)
	m.g.misread(column, why)
	return x
}

// count is a number of things.
func (m *mapped) count(column string) (*int64, string) {
	x, why := m.number(column)
	if x == nil {
		return nil, why
	}
	if *x < 0 || *x > math.MaxInt32*1024 || math.Abs(*x-math.Round(*x)) > 1e-6 {
		// number took it for read
		m.g.read[column]--
		return nil, fmt.Sprintf("%s = %s is no count (mapped to %s)", m.g.m[column].Path, strconv.FormatFloat(*x, 'g', -1, 64), column)
	}
	return new(int64(math.Round(*x))), ""
}

// tokens is a count that may be absent; one that is none is counted.
func (m *mapped) tokens(column string) *int64 {
	n, why := m.count(column)
	m.g.misread(column, why)
	return n
}

// whole is a label: without it, nobody knows to which cell the record belongs.
func (m *mapped) whole(column string) int {
	n, why := m.count(column)
	if why != "" && m.err == nil {
		m.err = fmt.Errorf("%s", why)
	}
	if n == nil {
		return 0
	}
	return int(*n)
}

// request is the record as a row, with what the map names of it.
func (m *mapped) request(seq int64) Request {
	r := newRequest(seq)
	r.PromptID, r.Text = m.text("prompt_id"), m.text("text")
	r.tokens(&r.InputTokens, m.tokens("input_tokens"))
	r.tokens(&r.OutputTokens, m.tokens("output_tokens"))
	r.CachedTokens = m.tokens("cached_tokens")
	if n := m.tokens("max_tokens"); n != nil {
		r.MaxTokens = *n
	}
	if n := m.tokens("http_status"); n != nil && *n <= 999 {
		r.HTTPStatus = new(int32(*n))
	}
	for column, into := range r.stamps() {
		*into = m.real(column)
	}
	for column, into := range r.durations() {
		*into = m.real(column)
	}
	m.status(&r)
	r.ended(m.text("finish_reason"))
	return r
}

// Words that other tools use for how a request ended.
var (
	succeeded = map[string]bool{"ok": true, "success": true, "successful": true, "succeeded": true, "completed": true, "complete": true,
		"true": true, "1": true, "done": true, "finished": true, "passed": true, "pass": true, "stop": true, "length": true}
	failed = map[string]bool{"failed": true, "fail": true, "failure": true, "error": true, "errored": true, "false": true, "0": true,
		"canceled": true, "cancelled": true, "aborted": true, "abort": true, "rejected": true, "timeout": true, "timed_out": true, "expired": true}
)

// httpCode is a status that is a number of HTTP, alone or with its reason: "200", "HTTP 429 Too Many Requests".
var httpCode = regexp.MustCompile(`^(?:http[_ ]?)?([1-5][0-9]{2})\b`)

// status takes a request for ok only where something says so. Success is a list of words; an unknown one is a failure, and
// is said.
// The order is from the surest sign to the weakest; a mapped status that is empty is a failure, for nobody said ok.
func (m *mapped) status(r *Request) {
	word, text := strings.ToLower(strings.TrimSpace(m.text("status"))), m.text("error")
	bad := r.HTTPStatus != nil && (*r.HTTPStatus >= 400 || *r.HTTPStatus < 200)
	_, told := m.g.m["status"]
	if code := httpCode.FindStringSubmatch(word); code != nil {
		bad, word = bad || code[1] >= "400" || code[1] < "200", "ok"
	}
	switch {
	case word == "timed_out" || word == "timeout":
		r.fail("timed_out", "imported", text)
	case bad || failed[word]:
		r.fail("failed", "imported", text)
	case succeeded[word]:
	case word != "":
		m.g.words[word]++
		r.fail("failed", "imported", strings.TrimSpace("status "+word+" "+text))
	case text != "":
		r.fail("failed", "imported", text)
	case told && r.HTTPStatus == nil:
		r.fail("failed", "no_status", "")
	}
}
