package stamped

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"matrix/backends/fake/answer"
	"matrix/backends/wire"
)

// stampDigits is the width of a moment in an event's text, so that every event of an answer has the same length.
const stampDigits = 19

// forms are how each protocol's endpoint is answered.
var forms = func() map[string]answer.Form {
	m := map[string]answer.Form{}
	for _, p := range wire.Protocols() {
		m[p.Path()] = answer.New(p, "cmpl-87d1e2e1278da695", "mock", 1795463908)
	}
	return m
}()

// pattern is an answer as bytes, one HTTP chunk an event as uvicorn and Go's server send them, with blank moments.
type pattern struct {
	bytes  []byte
	stamps []int // where each event's moment stands; the first event has a second one behind it, the request's arrival
	ends   []int // of each event's chunk; the last is the end of all
}

// makePattern is a whole answer with blanks for its time stamps. It is copied and filled in: encoding each event anew would
// take the processor time that is to be the client's.
func makePattern(f answer.Form, tokens int) *pattern {
	p := &pattern{bytes: fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nserver: mock\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n", f.ContentType())}
	if role := f.Role(); role != "" {
		p.chunk(role)
	}
	blank := fmt.Sprintf("%0*d", stampDigits, 0)
	for i := range tokens {
		text := blank
		if i == 0 {
			text += " " + blank
		}
		event := f.Text(`" ` + text + `"`)
		begin := p.chunk(event)
		p.stamps = append(p.stamps, begin+strings.Index(event, text))
		p.ends = append(p.ends, len(p.bytes))
	}
	p.chunk(f.End("length", answer.Counts{
		Input: 12, Output: int64(tokens), Total: 2600 * time.Millisecond, Load: time.Millisecond, Prefill: 20 * time.Millisecond, Decode: 2500 * time.Millisecond,
	}))
	p.bytes = append(p.bytes, "0\r\n\r\n"...)
	p.ends = append(p.ends, len(p.bytes))
	return p
}

// chunk appends one HTTP chunk and returns where its contents begin.
func (p *pattern) chunk(text string) int {
	p.bytes = fmt.Appendf(p.bytes, "%x\r\n", len(text))
	begin := len(p.bytes)
	p.bytes = append(append(p.bytes, text...), "\r\n"...)
	return begin
}

// stamp writes a moment into event i of an answer.
func (p *pattern) stamp(own []byte, i int, now int64) { putMoment(own[p.stamps[i]:], now) }

// arrived writes the request's arrival into the first event.
func (p *pattern) arrived(own []byte, at int64) {
	if len(p.stamps) > 0 {
		putMoment(own[p.stamps[0]+stampDigits+1:], at)
	}
}

// putMoment writes a time in nanoseconds into its blank, right-aligned.
func putMoment(dst []byte, at int64) {
	var digits [stampDigits]byte
	text := strconv.AppendInt(digits[:0], at, 10)
	copy(dst[stampDigits-len(text):], text)
}
