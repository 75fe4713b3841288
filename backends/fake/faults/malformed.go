package faults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strconv"
	"strings"
	"time"

	"matrix/backends"
)

// malformed are answers that break the protocol: what is in them cannot be trusted, whole as it may look.
func malformed() []Fault {
	say := func(texts ...string) func(*Conn) {
		return func(c *Conn) {
			c.Head()
			c.Say(c.Event(Pieces[0]) + c.Event(Pieces[1]))
			for _, text := range texts {
				c.Say(text)
			}
			c.Close()
		}
	}
	return []Fault{
		{Name: "done_twice", Status: backends.Malformed, Class: "done_twice", Play: func(c *Conn) {
			usage := c.Usage(InputTokens, OutputTokens)
			c.Head()
			c.Say(c.Body() + c.Done(usage))
			c.End()
		}},
		{Name: "events_after_done", Status: backends.Malformed, Class: "event_after_done", Play: func(c *Conn) {
			c.Head()
			c.Say(c.Body() + c.Event("more"))
			c.End()
		}},
		{Name: "done_alone", Status: backends.Malformed, Class: "empty_answer", Play: playDoneAlone},
		{Name: "html", Status: backends.Malformed, Play: func(c *Conn) { c.Plain(200, "<html><body>It works!</body></html>\n") }},
		{Name: "bad_json", Status: backends.Malformed, Class: "malformed_json", Play: func(c *Conn) {
			say(strings.Replace(c.Event("x"), `"x"`, `"x`, 1))(c)
		}},
		{Name: "bad_escape", Status: backends.Malformed, Class: "malformed_json", Play: func(c *Conn) { say(c.EventOf(Model, `"\q"`))(c) }},
		{Name: "text_is_a_number", Status: backends.Malformed, Class: "malformed_event", Play: func(c *Conn) { say(c.EventOf(Model, "5"))(c) }},
		{Name: "half_an_event", Status: backends.Malformed, Class: "malformed_json", Play: func(c *Conn) {
			c.Head()
			event := c.Event(Pieces[0])
			c.Say(event + event[:len(event)/2])
			c.End()
		}},
		{Name: "line_too_long", Status: backends.Malformed, Class: "line_too_long", Heavy: true, Play: func(c *Conn) { playLongLine(c, 17<<20) }},
		{Name: "bad_chunk", Status: backends.Malformed, Class: "bad_framing", Play: func(c *Conn) {
			c.Head()
			c.Say(c.Event(Pieces[0]))
			c.Raw("zz\r\nnonsense\r\n")
			c.Hangup()
		}},
		{Name: "unknown_encoding", Status: backends.Malformed, Class: "content_encoding", Play: func(c *Conn) {
			c.Head("Content-Encoding: br")
			c.Say("\x8b\x02\x80")
			c.End()
		}},
		{Name: "no_http", Status: backends.Malformed, Class: "no_http", Play: func(c *Conn) { c.Raw("SSH-2.0-OpenSSH_9.2\r\n"); c.Hangup() }},
	}
}

// playDoneAlone ends without an event before. Ollama's end mark is an event itself, so there it is a second one.
func playDoneAlone(c *Conn) {
	c.Head()
	if !c.protocol.SSE() {
		c.Say(`{"model":"m"}` + "\n")
	}
	c.Say(c.Done(""))
	c.End()
}

// playCRLF: SSE allows both ends of a line, and proxies change them.
func playCRLF(c *Conn) {
	c.Head()
	c.Say(strings.ReplaceAll(c.Body(), "\n", "\r\n"))
	c.End()
}

// playBytes has each byte in a segment of its own, so that every token of HTTP and of the answer is cut somewhere.
func playBytes(c *Conn) {
	c.HeadBare()
	for _, b := range []byte(c.Body()) {
		c.Raw(string([]byte{b}))
	}
}

// playTorn cuts HTTP chunks in the midst of characters.
func playTorn(c *Conn) {
	c.Head()
	body := c.Body()
	for len(body) > 0 {
		n := min(len(body), 3)
		if i := strings.IndexFunc(body, func(r rune) bool { return r > 0x7f }); i >= 0 {
			n = i + 1
		} else {
			n = max(n, len(body))
		}
		c.Say(body[:n])
		body = body[n:]
	}
	c.End()
}

// playTornEvents cuts a character in two events: neither is UTF-8 alone.
func playTornEvents(c *Conn) {
	c.Head()
	for _, piece := range Pieces {
		literal := strconv.Quote(piece)
		if cut := len(literal) - 3; piece == " 😀" {
			c.Say(c.EventOf(Model, literal[:cut]+`"`))
			literal = `"` + literal[cut:]
		}
		c.Say(c.EventOf(Model, literal))
	}
	c.Close()
}

// playGzip compresses the body though nobody asked for it.
func playGzip(c *Conn) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, c.Body())
	z.Close()
	c.Head("Content-Encoding: gzip")
	c.Say(b.String())
	c.End()
}

// playTrailers has a header behind the body, which HTTP/1.1 allows of chunks.
func playTrailers(c *Conn) {
	c.Head("Trailer: X-Time")
	c.Say(c.Body())
	c.Raw("0\r\nX-Time: 5\r\n\r\n")
}

// playResetAfterDone waits a moment, as a reset may overtake what was sent.
func playResetAfterDone(c *Conn) {
	c.Head()
	c.Say(c.Body())
	c.Pause(20 * time.Millisecond)
	c.Reset()
}

// playLongLine has one event with a text of n bytes, all but the end of Text in front of it.
func playLongLine(c *Conn, n int) {
	c.Head()
	c.Tokens()
	c.Say(c.Event(strings.Repeat("x", n)))
	c.Close()
}

// playUsage is a good answer with other counts, of which a client must tell which can be.
func playUsage(c *Conn, in, out int) {
	usage := c.Usage(in, out)
	c.Head()
	c.Tokens()
	c.Say(c.Finish(usage) + c.Done(usage))
	c.End()
}

// playOverflow has counts that no number of tokens is.
func playOverflow(c *Conn) {
	usage := strings.NewReplacer(":7", ":99999999999999999999", ":8", ":1e300").Replace(c.Usage(7, 8))
	c.Head()
	c.Tokens()
	c.Say(c.Finish(usage) + c.Done(usage))
	c.End()
}

// playNoDone ends in order behind finish_reason and usage. Ollama's counts stand in its end mark.
func playNoDone(c *Conn) {
	usage := c.Usage(InputTokens, OutputTokens)
	c.Head()
	c.Tokens()
	if c.protocol.SSE() {
		c.Say(c.Finish(usage) + "\n")
	} else {
		c.Say(c.Done(usage))
	}
	c.End()
}

// playFinish is a whole answer that ends for a reason of its own.
func playFinish(reason string) func(*Conn) {
	return func(c *Conn) {
		usage := c.Usage(InputTokens, OutputTokens)
		c.Head()
		c.Tokens()
		c.Say(strings.Replace(c.Finish(usage)+c.Done(usage), `"length"`, strconv.Quote(reason), 1))
		c.End()
	}
}

// playLoadOnly is Ollama's answer to a request without a prompt: no text, no counts, done_reason "load".
func playLoadOnly(c *Conn) {
	c.Head()
	c.Say(strings.Replace(c.Finish("")+c.Done(""), `"length"`, `"load"`, 1))
	c.End()
}

// playEventError names an event an error, and what stands in it does not look like one.
func playEventError(c *Conn) {
	c.Head()
	c.Say(c.Event(Pieces[0]))
	if c.protocol.SSE() {
		c.Say("event: error\ndata: {\"detail\":\"the queue is gone\"}\n\n" + c.Done(""))
	} else {
		c.Say(c.Error("the queue is gone"))
	}
	c.End()
}

// playSlowHeaders sends one byte after the other, so that no single read is ever late.
func playSlowHeaders(c *Conn) {
	head := "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Slow: 1\r\n", 1000)
	for i := range len(head) {
		c.Raw(head[i : i+1])
		if !c.Pause(20 * time.Millisecond) {
			break
		}
	}
	c.over = true
}

// playSlowBody never falls silent: only the request's whole time is over some day.
func playSlowBody(c *Conn) {
	c.Head()
	for c.Pause(20 * time.Millisecond) {
		c.Say(c.Event("."))
	}
	c.over = true
}

// playShortBody promises more than it sends. net/http reports io.ErrUnexpectedEOF.
func playShortBody(c *Conn) {
	c.Raw("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + c.Event(Pieces[0]))
	c.Hangup()
}
