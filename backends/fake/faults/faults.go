package faults

import (
	"slices"
	"time"

	"matrix/backends"
)

// Fault is one way to misbehave and what a client must make of it.
type Fault struct {
	Name     string          // unique; of the subtest
	Play     func(*Conn)     // nil: nobody listens
	Status   backends.Status // that a client must report
	Class    string          // error class, "" with ok
	Timeout  time.Duration   // that the request needs to come to its end, 0 = the caller's
	Retries  int             // that the request asks for
	Attempts int             // sends to be reported by a client that cannot ask whether the server is well; 0 = 1
	Lost     int             // how often a client that can ask, and is told yes, connects anew; it ends as Recovers
	Recovers bool            // … as a good answer
	Flag     string          // that an answer carries, "" = none
	Counted  bool            // the token counts are told and believed
	Heavy    bool            // megabytes; not for a thousand requests
}

// short is the timeout of what never ends by itself.
const short = 300 * time.Millisecond

// All lists every fault, the good answer first.
func All() []Fault {
	return slices.Concat(good(), refusals(), broken(), lies(), malformed())
}

// good are answers that a client must take as they come, however strange their framing.
func good() []Fault {
	return []Fault{
		{Name: "good", Status: backends.OK, Counted: true, Play: (*Conn).Good},
		{Name: "one_write", Status: backends.OK, Counted: true, Play: func(c *Conn) { c.Head(); c.Say(c.Body()); c.End() }},
		{Name: "close_delimited", Status: backends.OK, Counted: true, Play: func(c *Conn) { c.HeadBare(); c.Say(c.Body()) }},
		{Name: "crlf", Status: backends.OK, Counted: true, Play: playCRLF},
		{Name: "one_byte_segments", Status: backends.OK, Counted: true, Play: playBytes},
		{Name: "torn_utf8", Status: backends.OK, Counted: true, Play: playTorn},
		{Name: "torn_utf8_events", Status: backends.OK, Counted: true, Play: playTornEvents},
		{Name: "gzip", Status: backends.OK, Counted: true, Play: playGzip},
		{Name: "trailers", Status: backends.OK, Counted: true, Play: playTrailers},
		{Name: "stall_after_done", Status: backends.OK, Counted: true, Play: func(c *Conn) { c.Head(); c.Say(c.Body()); c.Stall() }},
		{Name: "reset_after_done", Status: backends.OK, Counted: true, Play: playResetAfterDone},
		{Name: "long_line", Status: backends.OK, Counted: true, Heavy: true, Play: func(c *Conn) { playLongLine(c, 10<<20) }},
		{Name: "usage_missing", Status: backends.OK, Play: func(c *Conn) { c.Head(); c.Tokens(); c.Say(c.Finish("") + c.Done("")); c.End() }},
		{Name: "usage_zero", Status: backends.OK, Play: func(c *Conn) { playUsage(c, 0, 0) }},
		{Name: "usage_too_large", Status: backends.OK, Flag: backends.FlagBadCount, Play: func(c *Conn) { playUsage(c, 7, 9_999_999) }},
		{Name: "usage_negative", Status: backends.OK, Flag: backends.FlagBadCount, Play: func(c *Conn) { playUsage(c, -7, -1) }},
		{Name: "usage_overflows", Status: backends.OK, Flag: backends.FlagBadCount, Play: playOverflow},
		{Name: "one_token_more", Status: backends.OK, Flag: backends.FlagOverMax, Play: func(c *Conn) { playUsage(c, 7, 17) }},
		{Name: "no_done_after_usage", Status: backends.OK, Counted: true, Play: playNoDone},
		{Name: "finish_stop", Status: backends.OK, Counted: true, Play: playFinish("stop")},
		{Name: "finish_tool_calls", Status: backends.OK, Counted: true, Play: playFinish("tool_calls")},
		{Name: "finish_unknown", Status: backends.OK, Counted: true, Flag: backends.FlagUnknownFinish, Play: playFinish("because")},
	}
}

// refusals are answers that are none, and what a second send makes of them.
func refusals() []Fault {
	plain := func(status int, body string, lines ...string) func(*Conn) {
		return func(c *Conn) { c.Plain(status, body, lines...) }
	}
	once := func(bad func(*Conn)) func(*Conn) {
		return func(c *Conn) {
			if c.Attempt == 1 {
				bad(c)
			} else {
				c.Good()
			}
		}
	}
	busy := `{"error":"server busy, please try again.  maximum pending requests exceeded"}`
	tooLong := `{"error":{"message":"This model's maximum context length is 2048 tokens.","code":400}}`
	return []Fault{
		{Name: "refused", Status: backends.Disconnected, Class: "connection_refused"}, // no Play: nobody listens
		{Name: "refused_again", Status: backends.Disconnected, Class: "connection_refused", Retries: 1, Attempts: 2},
		{Name: "http_400_too_long", Status: backends.Failed, Class: "prompt_too_long", Retries: 1, Play: plain(400, tooLong)},
		{Name: "http_404", Status: backends.Failed, Class: "http_404", Retries: 1, Play: plain(404, "<html>nothing here</html>")},
		{Name: "http_500", Status: backends.Failed, Class: "http_500", Play: plain(500, `{"detail":"engine dead"}`)},
		{Name: "http_500_oom", Status: backends.Failed, Class: "oom", Play: plain(500, `{"error":"an error was encountered while running the model: CUDA out of memory"}`)},
		{Name: "http_503", Status: backends.Rejected, Class: "http_503", Play: plain(503, busy, "Retry-After: 1")},
		{Name: "http_429", Status: backends.Rejected, Class: "http_429", Play: plain(429, "", "Retry-After: 1")},
		{Name: "redirect", Status: backends.Failed, Class: "http_302", Play: plain(302, "", "Location: http://127.0.0.1:1/")},
		{Name: "retry_after_500", Status: backends.OK, Counted: true, Retries: 1, Attempts: 2, Play: once(plain(500, "", "Retry-After: 0.01"))},
		{Name: "retry_after_503", Status: backends.OK, Counted: true, Retries: 2, Attempts: 2, Play: once(plain(503, busy, "Retry-After: 0.01"))},
		{Name: "retry_after_reset", Status: backends.OK, Counted: true, Retries: 1, Attempts: 2, Lost: 1, Play: once((*Conn).Reset)},
		{Name: "reset_once", Status: backends.Disconnected, Class: "connection_reset", Lost: 1, Recovers: true, Play: once((*Conn).Reset)},
		{Name: "closed_once", Status: backends.Disconnected, Class: "connection_closed", Lost: 1, Recovers: true, Play: once((*Conn).Hangup)},
		{Name: "retry_much_too_late", Status: backends.Rejected, Class: "http_503", Retries: 3, Attempts: 1,
			Play: plain(503, busy, "Retry-After: 1e300")},
		{Name: "retry_too_late", Status: backends.Rejected, Class: "http_503", Timeout: time.Second, Retries: 3, Attempts: 1,
			Play: plain(503, busy, "Retry-After: 3600")},
	}
}

// broken are answers that begin well or not at all, and never end.
func broken() []Fault {
	started := func(end func(*Conn)) func(*Conn) {
		return func(c *Conn) { c.Head(); c.Say(c.Event(Pieces[0])); c.Say(c.Event(Pieces[1])); end(c) }
	}
	spoken := func(end func(*Conn)) func(*Conn) {
		return func(c *Conn) { c.Head(); c.Tokens(); end(c) }
	}
	return []Fault{
		{Name: "silent", Status: backends.TimedOut, Class: "timeout", Timeout: short, Play: (*Conn).Stall},
		{Name: "slow_headers", Status: backends.TimedOut, Class: "timeout", Timeout: short, Play: playSlowHeaders},
		{Name: "slow_body", Status: backends.TimedOut, Class: "timeout", Timeout: short, Play: playSlowBody},
		{Name: "stall_mid_stream", Status: backends.TimedOut, Class: "timeout", Timeout: short, Play: started((*Conn).Stall)},
		{Name: "stall_before_done", Status: backends.TimedOut, Class: "timeout", Timeout: short, Play: spoken((*Conn).Stall)},
		{Name: "error_body_stalls", Status: backends.TimedOut, Class: "timeout", Timeout: short,
			Play: func(c *Conn) { c.Raw("HTTP/1.1 500 x\r\nContent-Length: 100\r\n\r\n{"); c.Stall() }},
		{Name: "reset_before_headers", Status: backends.Disconnected, Class: "connection_reset", Lost: 3, Play: (*Conn).Reset},
		{Name: "close_before_headers", Status: backends.Disconnected, Class: "connection_closed", Lost: 3, Play: (*Conn).Hangup},
		{Name: "reset_mid_stream", Status: backends.Disconnected, Class: "connection_reset", Retries: 2, Play: started((*Conn).Reset)},
		{Name: "close_mid_stream", Status: backends.Disconnected, Class: "connection_closed", Play: started((*Conn).Hangup)},
		{Name: "reset_before_done", Status: backends.Disconnected, Class: "connection_reset", Play: spoken((*Conn).Reset)},
		{Name: "short_body", Status: backends.Disconnected, Class: "connection_closed", Play: playShortBody},
		{Name: "no_done", Status: backends.Truncated, Class: "no_end_mark", Play: spoken((*Conn).End)},
		{Name: "no_done_after_finish", Status: backends.Truncated, Class: "no_end_mark",
			Play: spoken(func(c *Conn) { c.Say(c.Finish("") + "\n"); c.End() })},
		{Name: "empty_body", Status: backends.Truncated, Class: "no_end_mark", Play: func(c *Conn) { c.Head(); c.End() }},
	}
}

// lies are answers with status 200 that are errors.
func lies() []Fault {
	return []Fault{
		{Name: "error_event", Status: backends.Failed, Class: "error_event", Play: func(c *Conn) {
			c.Head()
			c.Say(c.Event(Pieces[0]))
			c.Say(c.Error("CUDA error: illegal address"))
			c.Say(c.Done(""))
			c.End()
		}},
		{Name: "error_event_first", Status: backends.Failed, Class: "prompt_too_long", Play: func(c *Conn) {
			c.Head()
			c.Say(c.Error("the input length exceeds the context length"))
			c.End()
		}},
		{Name: "error_object", Status: backends.Failed, Class: "error_event", Play: func(c *Conn) {
			c.Plain(200, `{"error":{"message":"no"}}`, "Content-Type: application/json")
		}},
		{Name: "finish_abort", Status: backends.Failed, Class: "finish_abort", Play: playFinish("abort")},
		{Name: "finish_error", Status: backends.Failed, Class: "finish_error", Play: playFinish("error")},
		{Name: "finish_content_filter", Status: backends.Failed, Class: "finish_content_filter", Play: playFinish("content_filter")},
		{Name: "finish_load_without_text", Status: backends.Failed, Class: "finish_load", Play: playLoadOnly},
		{Name: "event_error", Status: backends.Failed, Class: "error_event", Play: playEventError},
		{Name: "wrong_model", Status: backends.Malformed, Class: "wrong_model", Play: func(c *Conn) {
			c.Head()
			c.Say(c.EventOf("another", `"x"`))
			c.Close()
		}},
		{Name: "wrong_model_later", Status: backends.Malformed, Class: "wrong_model", Play: func(c *Conn) {
			c.Head()
			c.Say(c.Event("a") + c.Event("b") + c.EventOf("another", `"x"`))
			c.Close()
		}},
	}
}
