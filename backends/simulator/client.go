package simulator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/fake/queueing"
)

// Generate asks for one answer as a batch of one.
// The reply is that of a dead engine until an answer says otherwise: a stream that just ends tells nothing.
func (e *batchEngine) Generate(ctx context.Context, req backends.Request) backends.Reply {
	sent := time.Now()
	reply := backends.Reply{Seq: req.Seq, Status: backends.Disconnected, ErrorClass: "engine_died", Sent: sent, Attempts: 1}
	one := func(yield func(backends.Request) bool) { yield(req) }
	answered := false
	err := e.GenerateAll(ctx, one, func(r backends.Reply) { reply, answered = r, true })
	if answered {
		return reply
	}
	reply.Done = time.Now()
	if err != nil {
		reply.Error = err.Error()
	}
	if ctx.Err() != nil {
		reply.Status, reply.ErrorClass = backends.Canceled, "canceled"
	}
	return reply
}

// GenerateAll hands the whole batch to the server over one connection and reports answers as they come.
func (e *batchEngine) GenerateAll(ctx context.Context, reqs iter.Seq[backends.Request], done func(backends.Reply)) error {
	body, feed := io.Pipe()
	flying := &flight{sent: map[int64]time.Time{}}
	var feeding sync.WaitGroup
	feeding.Go(func() { feed.CloseWithError(flying.feed(feed, reqs)) })
	defer feeding.Wait()                    // nobody draws from reqs once we have returned
	defer body.CloseWithError(errBatchOver) // and this ends the feeding
	err := e.exchange(ctx, body, flying, done)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	select {
	case <-e.proc.Done():
		return fmt.Errorf("the simulated engine died in the midst of a batch: %s", e.proc.Exit())
	case <-time.After(time.Second): // the stream breaks before the process is known to have ended
		return err
	}
}

// errBatchOver is what the feeder's writes get once nobody reads; nobody is shown it.
var errBatchOver = errors.New("the batch is over")

// exchange sends a batch and hands on its answers while it is still being sent. That the stream ends is no sign that all is
// answered: what is missing is an error.
func (e *batchEngine) exchange(ctx context.Context, body io.Reader, flying *flight, done func(backends.Reply)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.base+"/batch", body)
	if err != nil {
		return fmt.Errorf("send the batch: %w", err)
	}
	resp, err := plain.Do(req)
	if err != nil {
		return fmt.Errorf("send the batch: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("send the batch: %s", resp.Status)
	}
	lines := json.NewDecoder(bufio.NewReaderSize(resp.Body, 64<<10))
	for {
		var a queueing.BatchAnswer
		switch err := lines.Decode(&a); {
		case errors.Is(err, io.EOF):
			return flying.missing()
		case err != nil:
			return fmt.Errorf("read the batch's answers: %w", err)
		}
		done(flying.land(a))
	}
}

// flight holds when each request that is not yet answered was handed over.
type flight struct {
	mu   sync.Mutex          // the feeder adds, the reader takes
	sent map[int64]time.Time // by seq
}

// feed writes the requests as lines until there are no more or nobody reads them.
func (f *flight) feed(w io.Writer, reqs iter.Seq[backends.Request]) error {
	out := bufio.NewWriterSize(w, 64<<10)
	encode := json.NewEncoder(out)
	for req := range reqs {
		f.mu.Lock()
		f.sent[req.Seq] = time.Now()
		f.mu.Unlock()
		if err := encode.Encode(lineOf(req)); err != nil {
			return err
		}
	}
	return out.Flush()
}

// lineOf is a request as the server's batch protocol has it.
// Its fields are those of an OpenAI request, with two of our own.
func lineOf(req backends.Request) map[string]any {
	g := req.Generate
	line := map[string]any{
		"seq": req.Seq, "max_tokens": req.MaxTokens, "min_tokens": g.MinTokens, "ignore_eos": g.IgnoreEOS,
		"temperature": g.Temperature, "seed": g.Seed, "timeout_s": req.Timeout.Seconds(),
	}
	for _, name := range []string{"response_format", "structured_outputs"} {
		if value, there := req.Fields()[name]; there {
			line[name] = value
		}
	}
	if len(g.Stop) > 0 {
		line["stop"] = g.Stop
	}
	if len(req.Messages) > 0 {
		line["messages"] = req.Messages
	} else {
		line["prompt"] = req.Prompt
	}
	return line
}

// missing complains about requests that the server never answered.
func (f *flight) missing() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.sent) == 0 {
		return nil
	}
	return fmt.Errorf("the engine ended the batch with %d requests unanswered", len(f.sent))
}

// statuses of the classes that the server gives.
var statuses = map[string]backends.Status{
	"prompt_too_long": backends.Failed, "bad_request": backends.Failed, "http_500": backends.Failed,
	"timeout": backends.TimedOut,
}

// land turns an answer into a reply. The times at the engine follow from its durations, which all start
// when the request was handed over; they are held within what the client itself saw.
func (f *flight) land(a queueing.BatchAnswer) backends.Reply {
	now := time.Now()
	f.mu.Lock()
	sent := f.sent[a.Seq]
	delete(f.sent, a.Seq)
	f.mu.Unlock()
	r := backends.Reply{Seq: a.Seq, Status: backends.OK, Attempts: 1, Sent: sent, Done: now}
	if a.Class != "" {
		r.Status, r.ErrorClass, r.Error, r.TokenSource = statuses[a.Class], a.Class, a.Error, "none"
		return r
	}
	within := func(s float64) time.Time {
		at := sent.Add(queueing.Seconds(s))
		if at.After(now) {
			return now
		}
		return at
	}
	r.FirstToken = within(a.QueueS + a.PrefillS)
	r.LastToken = within(a.QueueS + a.PrefillS + a.DecodeS)
	r.InputTokens, r.OutputTokens, r.TokenSource = &a.InputTokens, &a.OutputTokens, "engine"
	r.ServerQueue, r.ServerPrefill, r.ServerDecode = &a.QueueS, &a.PrefillS, &a.DecodeS
	r.FinishReason, r.Text, r.Chunks = a.FinishReason, a.Text, 1
	return r
}
