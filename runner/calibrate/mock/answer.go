package mock

import (
	"fmt"
	"strconv"
)

// stampDigits is the width of a moment in an event's text, so that every event of an answer has the same length.
const stampDigits = 19

// dialect is one API's form of an answer. Forms are those of vLLM 0.32 and Ollama 0.33.
type dialect struct {
	contentType string
	first       string // event before any text, "" = none
	text        string // event with a text in place of %s
	last        string // events behind the text; %[1]d is the number of tokens
}

const (
	completionHead = `data: {"id":"cmpl-87d1e2e1278da695","object":"text_completion","created":1795463908,"model":"mock","choices":[`
	chatHead       = `data: {"id":"chatcmpl-87d1e2e1278da695","object":"chat.completion.chunk","created":1795463908,"model":"mock","choices":[`
	usageTail      = `],"usage":{"prompt_tokens":12,"total_tokens":140,"completion_tokens":%[1]d}}` + "\n\ndata: [DONE]\n\n"
	ollamaHead     = `{"model":"mock","created_at":"2026-11-23T20:53:07.123456789Z",`
	ollamaTail     = `,"done":true,"done_reason":"length","total_duration":2600000000,"load_duration":1000000,"prompt_eval_count":12,"prompt_eval_duration":20000000,"eval_count":%[1]d,"eval_duration":2500000000}` + "\n"
)

var dialects = map[string]dialect{
	"/v1/completions": {
		contentType: "text/event-stream; charset=utf-8",
		text:        completionHead + `{"index":0,"text":" %s","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}` + "\n\n",
		last:        completionHead + `{"index":0,"text":"","logprobs":null,"finish_reason":"length","stop_reason":null}]}` + "\n\n" + completionHead + usageTail,
	},
	"/v1/chat/completions": {
		contentType: "text/event-stream; charset=utf-8",
		first:       chatHead + `{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}` + "\n\n",
		text:        chatHead + `{"index":0,"delta":{"content":" %s"},"logprobs":null,"finish_reason":null,"token_ids":null}]}` + "\n\n",
		last:        chatHead + `{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"length","stop_reason":null}]}` + "\n\n" + chatHead + usageTail,
	},
	"/api/generate": {
		contentType: "application/x-ndjson",
		text:        ollamaHead + `"response":" %s","done":false}` + "\n",
		last:        ollamaHead + `"response":""` + ollamaTail,
	},
	"/api/chat": {
		contentType: "application/x-ndjson",
		text:        ollamaHead + `"message":{"role":"assistant","content":" %s"},"done":false}` + "\n",
		last:        ollamaHead + `"message":{"role":"assistant","content":""}` + ollamaTail,
	},
}

// pattern is an answer as bytes, one HTTP chunk an event as uvicorn and Go's server send them, with blank moments.
type pattern struct {
	bytes  []byte
	stamps []int // where each event's moment stands; the first event has a second one behind it, the request's arrival
	ends   []int // of each event's chunk; the last is the end of all
}

func makePattern(d dialect, tokens int) *pattern {
	p := &pattern{bytes: fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nserver: mock\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n", d.contentType)}
	if d.first != "" {
		p.chunk(d.first)
	}
	blank := fmt.Sprintf("%0*d", stampDigits, 0)
	at := indexOfText(d.text)
	for i := range tokens {
		text := blank
		if i == 0 {
			text += " " + blank
		}
		begin := p.chunk(fmt.Sprintf(d.text, text))
		p.stamps = append(p.stamps, begin+at)
		p.ends = append(p.ends, len(p.bytes))
	}
	p.chunk(fmt.Sprintf(d.last, tokens))
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

func indexOfText(format string) int {
	for i := range format {
		if format[i] == '%' {
			return i
		}
	}
	return -1
}

// stamp writes a moment into event i of an answer.
func (p *pattern) stamp(answer []byte, i int, now int64) { putMoment(answer[p.stamps[i]:], now) }

// arrived writes the request's arrival into the first event.
func (p *pattern) arrived(answer []byte, at int64) {
	if len(p.stamps) > 0 {
		putMoment(answer[p.stamps[0]+stampDigits+1:], at)
	}
}

func putMoment(dst []byte, at int64) {
	var digits [stampDigits]byte
	text := strconv.AppendInt(digits[:0], at, 10)
	copy(dst[stampDigits-len(text):], text)
}
