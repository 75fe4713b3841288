package vllm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"

	"matrix/backends"
)

// errEnded is what requests get when the driver is gone or about to go.
var errEnded = errors.New("vllm takes no more requests")

// ask registers a request and puts it on the pipe. On an error nobody will answer it.
func (o *offline) ask(ctx context.Context, c *collector, req backends.Request) error {
	_, thinks := req.Generate.ThinkingLevel()
	o.askedMu.Lock()
	o.last++
	id := o.last
	o.open[id] = asker{seq: req.Seq, to: c, thinks: thinks}
	o.askedMu.Unlock()
	line, err := encode(id, req)
	if err == nil {
		err = o.say(ctx, line)
	}
	if err != nil {
		o.take(id)
	}
	return err
}

// say puts a line on the way to the driver; it waits while the pipe is full, at most as long as ctx.
func (o *offline) say(ctx context.Context, line []byte) error {
	select {
	case o.lines <- line:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-o.ended:
		return errEnded
	case <-o.quit:
		return errEnded
	}
}

// take finds who asked and closes the request; an answer to one that was forgotten has nobody.
func (o *offline) take(id int64) (asker, bool) {
	o.askedMu.Lock()
	defer o.askedMu.Unlock()
	a, ok := o.open[id]
	delete(o.open, id)
	return a, ok
}

// leave ends a call: what it still waits for is forgotten, here and in the engine.
func (o *offline) leave(c *collector) {
	close(c.left)
	var ids []int64
	o.askedMu.Lock()
	for id, a := range o.open {
		if a.to == c {
			ids = append(ids, id)
			delete(o.open, id)
		}
	}
	o.askedMu.Unlock()
	if len(ids) == 0 {
		return
	}
	line, err := encodeLine(forget{ids})
	if err != nil {
		return
	}
	// Left to the writer: the pipe may be full while the engine computes, and that must not hold up a canceled call.
	o.askedMu.Lock()
	o.forgets = append(o.forgets, line...)
	o.askedMu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// takeForgets returns the lines that tell the driver what to forget.
func (o *offline) takeForgets() []byte {
	o.askedMu.Lock()
	defer o.askedMu.Unlock()
	lines := o.forgets
	o.forgets = nil
	return lines
}

// write owns the request pipe. Lines are gathered while more are at hand.
func (o *offline) write() {
	w := bufio.NewWriterSize(o.in, 64<<10)
	for {
		select {
		case line := <-o.lines:
			w.Write(line)
		case <-o.wake:
			w.Write(o.takeForgets())
		case <-o.quit:
			return
		case <-o.ended:
			return
		}
		for more := true; more; {
			select {
			case line := <-o.lines:
				w.Write(line)
			default:
				more = false
			}
		}
		if w.Flush() != nil {
			return // the driver is gone; ended says so to all
		}
	}
}

// read owns the answer pipe.
func (o *offline) read() {
	defer close(o.ended)
	lines := bufio.NewReaderSize(o.out, 256<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var s said
		if json.Unmarshal(line, &s) != nil {
			continue // not ours: some library writes to every descriptor that it finds
		}
		o.hear(&s)
	}
}

// hear hands one line of the driver to whom it concerns. An answer that nobody waits for any more is dropped, and a reader
// that is slow is waited for: the driver feels it by its full pipe and not by lost answers.
func (o *offline) hear(s *said) {
	switch {
	case s.ID != nil:
		if a, ok := o.take(*s.ID); ok {
			select {
			case a.to.replies <- s.reply(a, o.clock):
			case <-a.to.left:
			}
		}
	case s.Hello != nil:
		o.clock = newClock(s.Hello.Now)
	case s.Ready != nil:
		o.ready <- *s.Ready
	}
}
