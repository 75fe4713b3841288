package backendtest

import (
	"context"
	"testing"
	"time"

	"matrix/backends"
)

// servedCases are those of an engine that is asked one request at a time.
func (l *launched) servedCases(t *testing.T) {
	t.Run("OK", l.answers)
	t.Run("MaxTokens", l.maxTokens)
	if l.Can.IgnoreEOS {
		t.Run("IgnoreEOS", l.ignoreEOS)
	}
	t.Run("Concurrency16", l.concurrent)
	t.Run("Timeout", l.timesOut)
	t.Run("Cancel", l.cancels)
	if l.Can.Abort {
		t.Run("SlotsFreed", l.slotsFreed)
	}
	if l.TooLong != "" {
		t.Run("TooLong", l.tooLong)
	}
	t.Run("StillAnswers", l.answers)
}

func (l *launched) answers(t *testing.T) {
	req := l.request(l.cell, 1)
	checkOK(t, req, l.engine.Generate(l.within(t), req), l.Can.Streams)
}

// checkOK holds a good answer against the contract of Reply.
func checkOK(t *testing.T, req backends.Request, r backends.Reply, streams bool) {
	t.Helper()
	if r.Status != backends.OK {
		t.Fatalf("seq %d: %s (%s): %s", r.Seq, r.Status, r.ErrorClass, r.Error)
	}
	if r.Seq != req.Seq || r.Attempts != 1 || r.ErrorClass != "" || r.Error != "" {
		t.Errorf("seq %d of %d, %d attempts, error %q %q", r.Seq, req.Seq, r.Attempts, r.ErrorClass, r.Error)
	}
	if r.InputTokens == nil || *r.InputTokens <= 0 {
		t.Errorf("input tokens %v", r.InputTokens)
	}
	if r.OutputTokens == nil || *r.OutputTokens <= 0 || *r.OutputTokens > int64(req.MaxTokens) {
		t.Errorf("output tokens %v of at most %d", r.OutputTokens, req.MaxTokens)
	}
	if r.Text == "" || r.FinishReason == "" || r.TokenSource == "" {
		t.Errorf("text %q, finish reason %q, token source %q", r.Text, r.FinishReason, r.TokenSource)
	}
	if r.Sent.IsZero() || r.Done.Before(r.Sent) {
		t.Errorf("sent %v, done %v", r.Sent, r.Done)
	}
	if streams {
		checkTimes(t, r)
	}
}

// checkTimes holds the times of a streamed answer in order.
func checkTimes(t *testing.T, r backends.Reply) {
	t.Helper()
	times := []time.Time{r.Sent, r.FirstChunk, r.FirstToken, r.LastToken, r.Done}
	for i, at := range times {
		if at.IsZero() {
			t.Errorf("time %d of sent, first chunk, first token, last token, done never came", i)
		} else if i > 0 && at.Before(times[i-1]) {
			t.Errorf("time %d of sent, first chunk, first token, last token, done is %v before the one before it",
				i, times[i-1].Sub(at))
		}
	}
	if r.Chunks <= 0 {
		t.Errorf("%d chunks", r.Chunks)
	}
}

// maxTokens wants no answer longer than was asked for.
func (l *launched) maxTokens(t *testing.T) {
	for i, most := range []int{1, 5} {
		req := l.request(l.cell, int64(10+i))
		req.MaxTokens = most
		r := l.engine.Generate(l.within(t), req)
		if r.Status != backends.OK || r.OutputTokens == nil || *r.OutputTokens > int64(most) {
			t.Errorf("asked for at most %d tokens: %s with %s (%s)", most, r.Status, number(r.OutputTokens), r.Error)
		}
	}
}

// ignoreEOS wants answers of exactly the length that was asked for.
func (l *launched) ignoreEOS(t *testing.T) {
	reqs := make([]backends.Request, 4)
	for i := range reqs {
		reqs[i] = l.request(l.cell, int64(20+i))
		reqs[i].Generate.IgnoreEOS = true
		reqs[i].MaxTokens = 40
	}
	for _, r := range l.together(t, reqs) {
		if r.Status != backends.OK || r.OutputTokens == nil || *r.OutputTokens != 40 || r.FinishReason != "length" {
			t.Errorf("asked for 40 tokens: %s with %s, finish reason %q", r.Status, number(r.OutputTokens), r.FinishReason)
		}
	}
}

// concurrent wants good answers to many requests at once, each its own.
func (l *launched) concurrent(t *testing.T) {
	reqs := make([]backends.Request, 16)
	for i := range reqs {
		reqs[i] = l.request(l.cell, int64(100+i))
	}
	for i, r := range l.together(t, reqs) {
		checkOK(t, reqs[i], r, l.Can.Streams)
	}
}

// long is a request that is still running when it is stopped.
func (l *launched) long(seq int64) backends.Request {
	req := l.request(l.cell, seq)
	req.MaxTokens = l.LongTokens
	req.Generate.IgnoreEOS = l.Can.IgnoreEOS
	return req
}

// margin is how long a request may outlive what ends it. The promise is 1 s; the rest is for a machine
// that is busy with other tests.
const margin = 10 * time.Second

// timesOut wants the reply when the timeout passes, whatever the engine does meanwhile.
func (l *launched) timesOut(t *testing.T) {
	req := l.long(30)
	req.Timeout = 150 * time.Millisecond
	began := time.Now()
	r := l.engine.Generate(l.within(t), req)
	if r.Status != backends.TimedOut || r.Seq != req.Seq {
		t.Errorf("seq %d: %s (%s), want timed_out", r.Seq, r.Status, r.Error)
	}
	if took := time.Since(began); took > req.Timeout+margin {
		t.Errorf("the reply came %v after its timeout", took-req.Timeout)
	}
}

// cancels wants a request to end with its context.
func (l *launched) cancels(t *testing.T) {
	ctx, cancel := context.WithCancel(l.within(t))
	time.AfterFunc(150*time.Millisecond, cancel)
	began := time.Now()
	r := l.engine.Generate(ctx, l.long(31))
	if r.Status != backends.Canceled {
		t.Errorf("%s (%s), want canceled", r.Status, r.Error)
	}
	if took := time.Since(began); took > margin {
		t.Errorf("a canceled request took %v", took)
	}
}

// tooLong sends a prompt that the context has no room for.
func (l *launched) tooLong(t *testing.T) {
	req := l.request(l.cell, 32)
	if l.Chat {
		req.Messages[0].Content = l.TooLong
	} else {
		req.Prompt = l.TooLong
	}
	l.checkTooLong(t, l.engine.Generate(l.within(t), req))
}

// checkTooLong wants the engine's refusal recognised as what it is, or a cut prompt from an engine that cuts.
func (l *launched) checkTooLong(t *testing.T, r backends.Reply) {
	t.Helper()
	if l.Can.TooLongOK {
		if r.Status != backends.OK {
			t.Errorf("%s (%s), want ok with a cut prompt", r.Status, r.Error)
		}
		return
	}
	if r.Status != backends.Failed || r.ErrorClass != "prompt_too_long" || r.Error == "" {
		t.Errorf("%s, class %q, error %q: want failed, prompt_too_long and the engine's words",
			r.Status, r.ErrorClass, r.Error)
	}
}

func number(n *int64) any {
	if n == nil {
		return "no count"
	}
	return *n
}
