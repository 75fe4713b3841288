package load

import (
	"context"
	"errors"
	"iter"
	"time"

	"matrix/backends"
)

// A request may outlive its timeout by less than a second: the engine is told after slack, and has grace to say how the
// request ended before its answer is given up.
const (
	slack = 300 * time.Millisecond
	grace = 500 * time.Millisecond
)

// batchGrace is how long a Batcher has to return once it was told to stop.
const batchGrace = 3 * time.Second

// ask sends one request and reports its end.
func (r *runner) ask(req backends.Request, scheduled time.Time) {
	r.job.Begin(req, scheduled)
	reply := r.guarded(req)
	reply.Seq = req.Seq
	if dead := r.doubt.saw(r.ctx, &reply); dead != nil {
		if reply.Status == backends.Disconnected {
			reply.ErrorClass = "engine_died"
		}
		r.died(dead)
	}
	r.job.Done(cutOff(r.ctx, reply))
}

// guarded is Generate with a bound on its time. The goroutine of an engine that ignores its context is left behind:
// waiting for it would hold up the cell for ever.
func (r *runner) guarded(req backends.Request) backends.Reply {
	ctx, cancel := r.ctx, func() {}
	if req.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, req.Timeout+slack)
	}
	defer cancel()
	sent := time.Now()
	answer := make(chan backends.Reply, 1)
	go func() { answer <- r.engine.Generate(ctx, req) }()
	select {
	case reply := <-answer:
		return reply
	case <-ctx.Done():
	}
	select {
	case reply := <-answer:
		return reply
	case <-time.After(grace):
	case <-r.job.Abandon:
	}
	return abandoned(req, sent)
}

// abandoned is the reply of an engine that did not come back.
func abandoned(req backends.Request, sent time.Time) backends.Reply {
	return backends.Reply{
		Seq: req.Seq, Status: backends.TimedOut, ErrorClass: "unresponsive",
		Error:    "the request did not end when it was told to",
		Attempts: 1, Sent: sent, Done: time.Now(), TokenSource: "none",
	}
}

// died tells the job that the engine is dead, once.
func (r *runner) died(why error) {
	r.mourned.Do(func() {
		if r.job.Dead != nil {
			r.job.Dead(why)
		}
	})
}

// cutOff lets the reason for which we stopped name the end of a request that did not end by itself.
func cutOff(ctx context.Context, reply backends.Reply) backends.Reply {
	var stop *Stop
	if reply.Status == backends.OK || ctx.Err() == nil || !errors.As(context.Cause(ctx), &stop) {
		return reply
	}
	if reply.Status == backends.Canceled || reply.Status == backends.TimedOut {
		reply.Status, reply.ErrorClass, reply.Error = stop.Status, stop.Class, stop.Text
	}
	return reply
}

// handOver gives a Batcher the whole batch. The timeout of a request is the engine's matter here: waiting inside the
// batch is how a batch works, and limits.cell bounds the whole.
func (r *runner) handOver(b backends.Batcher) error {
	ended := make(chan error, 1)
	go func() {
		ended <- b.GenerateAll(r.ctx, r.admitted(), func(reply backends.Reply) { r.job.Done(cutOff(r.ctx, reply)) })
	}()
	select {
	case err := <-ended:
		return err
	case <-r.ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(batchGrace):
	case <-r.job.Abandon:
	}
	return errors.New("the engine did not return its batch when it was told to stop")
}

// admitted is the job's requests while admission is open, each announced as it is handed over.
func (r *runner) admitted() iter.Seq[backends.Request] {
	return func(yield func(backends.Request) bool) {
		for req := range r.job.Requests {
			if r.over() {
				return
			}
			r.job.Begin(req, time.Time{})
			if !yield(req) {
				return
			}
		}
	}
}
