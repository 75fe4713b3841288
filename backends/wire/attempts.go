package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"matrix/backends"
)

const (
	backoffFirst = 250 * time.Millisecond
	backoffMost  = 10 * time.Second
	// endPatience is how long a server may keep an answer open behind its end mark.
	endPatience = 500 * time.Millisecond
	// errorPatience is how long the text of an error may take to come.
	errorPatience = 5 * time.Second
)

// attempts sends until an answer stands, retries are used up or time is.
func (c *Client) attempts(ctx context.Context, call *Call) backends.Reply {
	if call.Request.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, call.Request.Timeout, errTimeout)
		defer cancel()
	}
	reply, after := c.once(ctx, call)
	first := reply.Sent
	if first.IsZero() {
		return reply
	}
	reply.Attempts = 1
	for n := 1; n <= call.Request.Retries && again(&reply) && wait(ctx, n, after); n++ {
		next, nextAfter := c.once(ctx, call)
		if next.Sent.IsZero() {
			break // time was up
		}
		next.Sent, next.Attempts = first, n+1
		reply, after = next, nextAfter
	}
	return reply
}

// again reports whether the same request may go better a moment later.
func again(r *backends.Reply) bool {
	if !r.FirstToken.IsZero() || r.ErrorClass == "prompt_too_long" {
		return false
	}
	switch r.Status {
	case backends.Rejected:
		return true
	case backends.Disconnected:
		return r.ErrorClass != "fd_limit" && r.ErrorClass != "dns"
	case backends.Failed:
		return r.HTTPStatus >= 500
	}
	return false
}

// wait sits a backoff out: what the server asks for, else twice as long each time. It does not begin a wait that
// would end after the request's deadline: the answer that is there says more than a timeout.
func wait(ctx context.Context, attempt int, asked time.Duration) bool {
	pause := asked
	if pause <= 0 {
		pause = min(backoffFirst<<min(attempt-1, 10), backoffMost)
		pause = pause/2 + rand.N(pause/2) // so that thousands do not come back at one moment
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// once is one exchange. after is how long the server asks to stay away.
//
// What breaks on a kept connection before a byte of the answer may never have been read, and browsers send it again.
// We do not: a server that drops requests could hide behind it. But we learn from it.
func (c *Client) once(ctx context.Context, call *Call) (reply backends.Reply, after time.Duration) {
	reply, after, reused := c.exchange(ctx, call)
	c.reuse.book(reused, reply.HTTPStatus == 0 && reply.Status == backends.Disconnected)
	stopped(&reply, ctx)
	return reply, after
}

// reuse learns whether a server keeps its connections.
type reuse struct{ kept, stale atomic.Int64 }

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
	defer hangUp()
	var kept atomic.Bool
	request, err := c.request(httptrace.WithClientTrace(line, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { kept.Store(info.Reused) },
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
	reply.Sent = time.Now()
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		unsent(&reply, err)
		reply.Done = time.Now()
		stopped(&reply, ctx)
		return reply, 0, kept.Load()
	}
	defer response.Body.Close()
	reply.HTTPStatus = response.StatusCode
	if response.StatusCode != http.StatusOK {
		patience := time.AfterFunc(errorPatience, hangUp)
		refused(&reply, response)
		patience.Stop()
		reply.Done = time.Now()
		return reply, retryAfter(response.Header, time.Now()), kept.Load()
	}
	answer(response, call, &reply, hangUp)
	return reply, 0, kept.Load()
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

func (c *Client) request(ctx context.Context, call *Call) (*http.Request, error) {
	target, err := url.Parse(call.URL)
	if err != nil {
		return nil, err
	}
	request := &http.Request{
		Method: http.MethodPost, URL: target, Host: target.Host, Header: make(http.Header, len(call.Header)+3),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Close: c.reuse.hopeless(),
		Body:  io.NopCloser(bytes.NewReader(call.Body)), ContentLength: int64(len(call.Body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(call.Body)), nil },
	}
	for name, values := range call.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	request.Header["Content-Type"] = []string{"application/json"}
	request.Header["User-Agent"] = []string{"matrix"}
	if c.apiKey != "" {
		request.Header["Authorization"] = []string{"Bearer " + c.apiKey}
	}
	return request.WithContext(ctx), nil
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

// retryAfter reads both forms of Retry-After: seconds, or a date.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if n, err := strconv.ParseFloat(value, 64); err == nil && n > 0 && n < 1e6 {
		return time.Duration(n * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
