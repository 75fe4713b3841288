package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"matrix/backends"
)

const (
	backoffFirst = 250 * time.Millisecond // before the second send; it doubles from there
	backoffMost  = 10 * time.Second
	// LongestAsked is the longest Retry-After that is sat out; one beyond ends the request.
	LongestAsked = 10 * time.Minute
	// endPatience is how long a server may keep an answer open behind its end mark.
	endPatience = 500 * time.Millisecond
	// errorPatience is how long the text of an error may take to come.
	errorPatience = 5 * time.Second
)

// attempts sends until an answer stands, retries are used up or time is.
func (c *Client) attempts(ctx context.Context, call *Call) backends.Reply {
	ctx, cancel := backends.Within(ctx, call.Request.Timeout, errTimeout)
	defer cancel()
	reply, after, anew := c.connected(ctx, call)
	first := reply.Sent
	if first.IsZero() {
		return reply
	}
	sends := 1 + anew
	for n := 1; n <= call.Request.Retries && again(&reply) && wait(ctx, n, after); n++ {
		next, nextAfter, nextAnew := c.connected(ctx, call)
		if next.Sent.IsZero() {
			break // time was up
		}
		next.Sent = first
		reply, after = next, nextAfter
		anew, sends = anew+nextAnew, sends+1+nextAnew
	}
	reply.Attempts, reply.Reconnects = sends, anew
	return reply
}

// again reports whether the same request may go better a moment later.
func again(r *backends.Reply) bool {
	if !r.FirstToken.IsZero() || r.ErrorClass == "prompt_too_long" {
		return false
	}
	switch r.Status {
	case backends.Rejected, backends.Disconnected:
		return true
	case backends.Failed:
		return r.HTTPStatus >= 500
	}
	return false
}

// wait sits a backoff out: what the server asks for, else twice as long each time. It does not begin a wait that
// would end after the request's deadline: the answer that is there says more than a timeout.
func wait(ctx context.Context, attempt int, asked time.Duration) bool {
	pause := asked
	if pause > LongestAsked {
		return false
	}
	if pause <= 0 {
		pause = min(backoffFirst<<min(attempt-1, 10), backoffMost)
		pause = pause/2 + rand.N(pause/2) // so that thousands do not come back at one moment
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false
	}
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
		return false
	}
}

// once is one exchange. after is how long the server asks to stay away.
//
// What breaks on a kept connection before a byte of the answer may never have been read, and we learn from it: see reuse.
func (c *Client) once(ctx context.Context, call *Call) (reply backends.Reply, after time.Duration) {
	reply, after, reused := c.exchange(ctx, call)
	c.reuse.book(reused, reply.HTTPStatus == 0 && reply.Status == backends.Disconnected)
	stopped(&reply, ctx)
	return reply, after
}

// reuse learns whether a server keeps its connections.
type reuse struct{ kept, stale atomic.Int64 }

// book leaves new connections out: that one breaks says nothing of kept ones.
func (r *reuse) book(reused, broken bool) {
	switch {
	case reused && broken:
		r.stale.Add(1)
	case reused:
		r.kept.Add(1)
	}
}

// hopeless: more kept connections broke than worked, so each request gets its own.
func (r *reuse) hopeless() bool {
	stale := r.stale.Load()
	return stale > 2 && stale > r.kept.Load()
}

// exchange sends once over one connection; reused tells of one that has carried an answer before.
func (c *Client) exchange(ctx context.Context, call *Call) (reply backends.Reply, after time.Duration, reused bool) {
	line, hangUp := context.WithCancel(ctx)
	defer hangUp() // it also frees a connection whose answer was not read to its end
	var kept atomic.Bool
	through := sync.OnceFunc(c.gate.arrived) // once: with the connection, or at the end without
	request, err := c.request(httptrace.WithClientTrace(line, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			kept.Store(info.Reused)
			through()
			call.Request.Flight.Connected(time.Now())
		},
	}), call)
	if err != nil {
		setEnd(&reply, backends.NotSent, "bad_url", err.Error())
		return reply, 0, false
	}
	if ctx.Err() != nil {
		setEnd(&reply, backends.NotSent, "canceled", context.Cause(ctx).Error())
		if errors.Is(context.Cause(ctx), errTimeout) { // this machine was too busy to send it
			reply.ErrorClass = "timeout"
		}
		return reply, 0, false
	}
	flight := call.Request.Flight
	defer flight.Landed()
	reply.Sent = time.Now() // before the gate: that the server takes no connection is part of its latency
	response, err := c.roundTrip(ctx, request, through)
	if err != nil {
		reply.Done = time.Now()
		unsent(&reply, err)
		stopped(&reply, ctx)
		return reply, 0, kept.Load()
	}
	defer response.Body.Close()
	flight.Answered(time.Now())
	reply.HTTPStatus = response.StatusCode
	if response.StatusCode != http.StatusOK {
		patience := time.AfterFunc(errorPatience, hangUp)
		refused(&reply, response)
		patience.Stop()
		reply.Done = time.Now()
		return reply, RetryAfter(response.Header, time.Now()), kept.Load()
	}
	answer(response, call, &reply, hangUp)
	return reply, 0, kept.Load()
}

// roundTrip sends a request when the server has room for its connection, and waits for the headers.
func (c *Client) roundTrip(ctx context.Context, request *http.Request, through func()) (*http.Response, error) {
	if err := c.gate.enter(ctx); err != nil {
		return nil, fmt.Errorf("wait for a connection: %w", err)
	}
	defer through() // it got none
	return c.transport.RoundTrip(request)
}

// answer reads a stream that began well.
func answer(response *http.Response, call *Call, reply *backends.Reply, hangUp func()) {
	body, err := decoded(response)
	if err != nil {
		setEnd(reply, backends.Malformed, "content_encoding", err.Error())
		reply.Done = time.Now()
		return
	}
	var patience *time.Timer
	read(body, call, reply, func() { patience = time.AfterFunc(endPatience, hangUp) })
	if patience != nil {
		patience.Stop()
	}
}

// request is the HTTP request of a call. The transport may send it once more on another connection: its body can be read again.
func (c *Client) request(ctx context.Context, call *Call) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, call.URL, bytes.NewReader(call.Body))
	if err != nil {
		return nil, err
	}
	request.Close = c.reuse.hopeless()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "matrix")
	if c.apiKey != "" {
		request.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	return request, nil
}

// decoded undoes a compression that we never asked for.
func decoded(response *http.Response) (io.Reader, error) {
	switch encoding := response.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return response.Body, nil
	case "gzip", "x-gzip":
		return gzip.NewReader(response.Body)
	default:
		return nil, malformed("content_encoding", "the answer is encoded as "+excerpt([]byte(encoding)))
	}
}

// RetryAfter reads both forms of Retry-After: seconds, or a date.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if n, err := strconv.ParseFloat(value, 64); (err == nil || errors.Is(err, strconv.ErrRange)) && n > 0 {
		return time.Duration(min(n, 1e9) * float64(time.Second)) // 1e9 s are beyond any wait, and fit
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// mostReconnects is how often one request goes out anew because the transport lost it: a server that drops
// everything must not be asked for ever.
const mostReconnects = 3

// lost reports an exchange that the transport lost before the engine said a word.
func lost(r *backends.Reply) bool {
	if r.Status != backends.Disconnected || r.HTTPStatus != 0 {
		return false
	}
	switch r.ErrorClass {
	case "connection_reset", "connection_closed", "connection_timeout", "connection_broken", "connection_refused":
		return true
	}
	return false
}

// connected is once, and once more for each time that the transport loses the request though the engine is well. It
// returns how often it was sent beyond the first.
func (c *Client) connected(ctx context.Context, call *Call) (reply backends.Reply, after time.Duration, reconnects int) {
	reply, after = c.once(ctx, call)
	first := reply.Sent
	for ; reconnects < mostReconnects && lost(&reply) && c.health.well(ctx) && wait(ctx, reconnects+1, 0); reconnects++ {
		next, nextAfter := c.once(ctx, call)
		if next.Sent.IsZero() {
			break // time was up
		}
		next.Sent = first
		reply, after = next, nextAfter
	}
	return reply, after, reconnects
}
