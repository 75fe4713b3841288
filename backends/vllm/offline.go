package vllm

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
	"time"

	"matrix/backends"
)

// offline is an LLM in a Python process: requests go in on one pipe, answers come out on another.
type offline struct {
	*engine
	in, out *os.File       // our ends of the pipes: in is written by write alone, out read by read alone
	clock   clock          // of read's goroutine
	ready   chan readiness // the driver's word that the model stands; buffered, so that read never waits for a launch
	lines   chan []byte    // to the pipe, one at a time
	wake    chan struct{}  // there is something to forget
	quit    chan struct{}  // Close was called
	ended   chan struct{}  // no more answers will come
	wg      sync.WaitGroup // write and read
	once    sync.Once      // of shut

	askedMu sync.Mutex      // guards what follows
	last    int64           // id given last; ids are never used again, so a late answer finds nobody
	open    map[int64]asker // requests without an answer
	forgets []byte          // lines for the driver
}

// asker is who waits for an answer.
type asker struct {
	seq    int64      // of the request, for its reply
	to     *collector // whose call it is
	thinks bool       // was told to think
}

// collector gathers the answers of one call.
type collector struct {
	replies chan backends.Reply // buffered, so that the reader seldom waits for a caller
	left    chan struct{}       // the call has returned
}

// launchOffline starts the driver and waits until it says that it is ready, ends, or has taken as long as limits.load
// allows.
func launchOffline(ctx context.Context, spec backends.Spec, i install) (backends.Engine, error) {
	cmd, err := Command(spec, i.python, 0, "")
	if err != nil {
		return nil, err
	}
	o, err := startOffline(ctx, spec, i, cmd)
	if err != nil {
		return nil, err
	}
	select {
	case r := <-o.ready:
		o.loaded(time.Now())
		o.learn(r)
		return o, nil
	case <-o.p.Done():
		err = fmt.Errorf("vllm ended while loading (%s)", o.p.Exit())
	case <-ctx.Done():
	}
	defer o.shut()
	return nil, o.failed(ctx, err)
}

// startOffline starts the driver with its two pipes.
// The child's ends are closed here once it has them: else a dead driver's pipe would never end for our reader.
func startOffline(ctx context.Context, spec backends.Spec, i install, cmd backends.Command) (*offline, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "file_limit", Err: err}
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		inR.Close()
		inW.Close()
		return nil, &backends.LaunchError{Environment: true, Class: "file_limit", Err: err}
	}
	e, err := start(ctx, spec, i, cmd, inR, outW)
	inR.Close()
	outW.Close()
	if err != nil {
		inW.Close()
		outR.Close()
		return nil, err
	}
	o := &offline{
		engine: e, in: inW, out: outR, ready: make(chan readiness, 1), lines: make(chan []byte), wake: make(chan struct{}, 1),
		quit: make(chan struct{}), ended: make(chan struct{}), open: map[int64]asker{}, clock: newClock(0),
	}
	o.wg.Go(o.write)
	o.wg.Go(o.read)
	return o, nil
}

// learn takes over what the engine tells of itself; what the log told before stays where the engine is silent.
func (o *offline) learn(r readiness) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.info.Version, o.info.MaxModelLen = r.Version, r.MaxModelLen
	o.info.DType, o.info.Tokenizer = r.DType, r.Tokenizer
	if r.KVTokens != nil {
		o.info.KVTokens = r.KVTokens
	}
	if r.Quantization != "" {
		o.info.Quantization = r.Quantization
	}
	if r.MetricsPort != 0 {
		o.info.MetricsURL = fmt.Sprintf("http://127.0.0.1:%d/metrics", r.MetricsPort)
	}
}

// GenerateAll hands over a batch. Requests are read as fast as the driver takes them, and an answer is passed on when
// it comes, so neither side holds the batch's outputs.
func (o *offline) GenerateAll(ctx context.Context, reqs iter.Seq[backends.Request], done func(backends.Reply)) error {
	c := &collector{replies: make(chan backends.Reply, 256), left: make(chan struct{})}
	var feeding sync.WaitGroup
	feed := make(chan int, 1)
	feedCtx, stop := context.WithCancel(ctx)
	feeding.Go(func() { feed <- o.feed(feedCtx, c, reqs) })
	defer func() {
		stop()
		feeding.Wait()
		// The feeder is awaited first: a request that it still registers would be left open for good.
		o.leave(c)
	}()
	sent, got := -1, 0
	for sent < 0 || got < sent {
		select {
		case r := <-c.replies:
			got++
			done(r)
		case sent = <-feed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-o.ended:
			for len(c.replies) > 0 {
				done(<-c.replies)
			}
			return o.lost()
		}
	}
	return nil
}

// feed writes requests until there are no more, or nobody reads them, and returns how many it wrote.
func (o *offline) feed(ctx context.Context, c *collector, reqs iter.Seq[backends.Request]) int {
	n := 0
	for req := range reqs {
		if o.ask(ctx, c, req) != nil {
			break
		}
		n++
	}
	return n
}

// Generate asks for one answer.
func (o *offline) Generate(ctx context.Context, req backends.Request) backends.Reply {
	c := &collector{replies: make(chan backends.Reply, 1), left: make(chan struct{})}
	defer o.leave(c)
	sent := time.Now()
	limit := req.Timeout
	if limit > 0 { // the driver watches it too, but a step of the engine may take long
		limit += 500 * time.Millisecond
	}
	ctx, cancel := backends.Within(ctx, limit, errTimeout)
	defer cancel()
	if err := o.ask(ctx, c, req); err != nil {
		return o.refused(ctx, req.Seq, sent)
	}
	select {
	case r := <-c.replies:
		return r
	case <-ctx.Done():
	case <-o.ended:
		if len(c.replies) > 0 {
			return <-c.replies
		}
	}
	return o.refused(ctx, req.Seq, sent)
}

// errTimeout is the cause by which a request's own deadline is told from the caller's.
var errTimeout = errors.New("no answer within the request's timeout")

// refused is the reply to a request that never got its answer, by what cut it off.
func (o *offline) refused(ctx context.Context, seq int64, sent time.Time) backends.Reply {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return unanswered(seq, backends.Disconnected, "engine_died", o.lost(), sent)
	case errors.Is(cause, errTimeout) || errors.Is(cause, context.DeadlineExceeded):
		return unanswered(seq, backends.TimedOut, "timeout", errTimeout, sent)
	}
	return unanswered(seq, backends.Canceled, "canceled", cause, sent)
}

// lost is why answers no longer come. The driver may still be ending.
func (o *offline) lost() error {
	select {
	case <-o.p.Done():
		return o.death()
	case <-time.After(grace):
		return errors.New("vllm's driver closed its pipe")
	}
}

// Close ends the driver and its engine.
func (o *offline) Close(ctx context.Context) error {
	err := o.engine.Close(ctx)
	o.shut()
	return err
}

// shut releases the pipes; the process is gone by now.
func (o *offline) shut() {
	o.once.Do(func() {
		close(o.quit)
		o.in.Close()
		o.wg.Wait()
		o.out.Close()
	})
}
