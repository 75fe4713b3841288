package load

import (
	"context"
	"errors"
	"sync"
	"time"

	"matrix/backends"
)

const (
	// examination is the longest that admission is held while an engine is asked whether it lives. vLLM's server answers
	// for some hundred milliseconds after its EngineCore is dead, then closes its port, and ends later.
	examination = 5 * time.Second
	// wellFor is how long an engine must say that it is well.
	wellFor  = time.Second
	askEvery = 100 * time.Millisecond
	askFor   = 2 * time.Second // one question
	// doubtful is how many answers in a row must be bad for another examination, after one that the engine has passed. It
	// doubles with each: an engine that only fails much is not to be slowed down by us.
	doubtful = 3
)

// doubt finds out whether an engine is dead when an answer looks like it. Without it a closed load burns the whole rest
// of a batch on a dead port, and the attempt ends before the exit is seen.
type doubt struct {
	engine backends.Engine // asked where it is a Prober

	mu     sync.Mutex
	bad    int           // answers in a row
	passed int           // examinations
	asking chan struct{} // closed with the verdict; nil = nobody asks
	dead   error
}

// suspicious reports an end that a dying engine gives its requests.
func suspicious(r *backends.Reply) bool {
	switch r.Status {
	case backends.Disconnected, backends.Truncated:
		return true
	case backends.Failed:
		return r.HTTPStatus >= 500 || r.ErrorClass == "error_event"
	}
	return false
}

// saw takes one end in. It returns why the engine is dead, nil where it is not, after asking when the end gives reason to.
func (d *doubt) saw(ctx context.Context, r *backends.Reply) error {
	if !suspicious(r) {
		if r.Status == backends.OK {
			d.mu.Lock()
			d.bad = 0
			d.mu.Unlock()
		}
		return nil
	}
	d.mu.Lock()
	d.bad++
	enough := d.passed == 0 || d.bad >= doubtful<<min(d.passed-1, 20) || d.asking != nil
	d.mu.Unlock()
	if !enough {
		return nil
	}
	return d.verdict(ctx)
}

// left reports that the last ends were bad ones about which nobody has asked.
func (d *doubt) left() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bad > 0 && d.dead == nil
}

// verdict asks, or waits for who does.
func (d *doubt) verdict(ctx context.Context) error {
	d.mu.Lock()
	if d.dead != nil {
		defer d.mu.Unlock()
		return d.dead
	}
	if wait := d.asking; wait != nil {
		d.mu.Unlock()
		<-wait // bounded by the examination
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.dead
	}
	asking := make(chan struct{})
	d.asking = asking
	d.mu.Unlock()
	dead := examine(ctx, d.engine)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead, d.asking = dead, nil
	if dead == nil {
		d.bad, d.passed = 0, d.passed+1
	}
	close(asking)
	return dead
}

// settled waits while the engine is asked, and reports that it lives.
func (d *doubt) settled() bool {
	d.mu.Lock()
	asking := d.asking
	d.mu.Unlock()
	if asking != nil {
		<-asking
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead == nil
}

// errEnded means that there is no need to ask any more.
var errEnded = errors.New("its process has ended")

// examine asks an engine until it has been well for a while, or is dead, or has not been well for the whole examination.
// A question without an answer tells nothing: the engine may be busy, and its requests have timeouts of their own.
func examine(ctx context.Context, e backends.Engine) error {
	began := time.Now()
	var well time.Time
	for {
		err := Well(ctx, e)
		now := time.Now()
		switch {
		case errors.Is(err, errEnded):
			return err
		case err != nil:
			well = time.Time{}
		case well.IsZero():
			well = now
		}
		if ctx.Err() != nil || !well.IsZero() && now.Sub(well) >= wellFor {
			return nil
		}
		if now.Sub(began) >= examination {
			return err
		}
		select {
		case <-e.Done():
		case <-ctx.Done():
		case <-time.After(askEvery):
		}
	}
}

// Well asks an engine once: nil = it is well, or does not say.
func Well(ctx context.Context, e backends.Engine) error {
	if backends.Ended(e) {
		return errEnded
	}
	p, can := e.(backends.Prober)
	if !can {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	if err := p.Health(bounded); err != nil && !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return err
	}
	return nil
}
