package launch

import (
	"fmt"
	"sync"

	"matrix/backends"
	"matrix/results/format"
	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/validity"
	"matrix/runner/events"
	"matrix/runner/ledger"
)

// mostUnchecked is how many answers may wait to be checked. Beyond it whoever brings one waits: the texts of a batch of
// 200,000 are never in memory together.
const mostUnchecked = 1024

// checking holds answers against what was asked of them, and writes their rows, beside the load: whoever has an answer sends
// its next request at once.
type checking struct {
	m      *measurement
	checks validity.Checks
	queue  chan answered // bounded, so that add may wait
	quit   chan struct{} // nobody listens any more
	over   sync.WaitGroup

	reasons map[string]float64 // why answers that came cannot be used; of the one that checks

	mu        sync.Mutex
	unwritten int       // answers that were added and have no row yet
	written   sync.Cond // of unwritten
}

// answered is a request with its reply, while it waits to be checked.
type answered struct {
	ledger.PendingRequest
	reply backends.Reply
}

// startChecking begins to take answers; end must follow.
func startChecking(m *measurement) *checking {
	c := &checking{m: m, queue: make(chan answered, mostUnchecked), quit: make(chan struct{}), reasons: map[string]float64{}}
	c.written.L = &c.mu
	c.over.Go(func() {
		for {
			select {
			case a := <-c.queue:
				reason := c.invalid(a)
				if reason != "" && record.Answered(string(a.reply.Status)) {
					c.reasons[reason]++
				}
				if err := m.append(a.PendingRequest, a.reply, reason); err != nil {
					m.book.Fail(err)
				}
				c.count(-1)
			case <-c.quit:
				return
			}
		}
	})
	return c
}

// add hands a reply to the checkers; it waits while they have enough to do.
func (c *checking) add(a ledger.PendingRequest, r backends.Reply) {
	c.count(1)
	select {
	case c.queue <- answered{a, r}:
	case <-c.quit: // it came after the phase had ended
		c.count(-1)
	}
}

// count tells whoever waits for the last row when it is written.
func (c *checking) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unwritten += n; c.unwritten == 0 {
		c.written.Broadcast()
	}
}

// drain waits until every answer so far has its row.
func (c *checking) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.unwritten > 0 {
		c.written.Wait()
	}
}

// end takes no more answers. The ledger drops what comes after the phase; one that it let through just before is dropped here.
func (c *checking) end() {
	c.drain()
	close(c.quit)
	c.over.Wait()
}

// tell says of the answers that came why some cannot be used. Those without text the ledger counts. The attempt's row tells it
// by itself, of all segments (metrics.Summarize). It follows a drain.
func (c *checking) tell() {
	delete(c.reasons, validity.NoText)
	if n, text := metrics.Reasons(c.reasons); n > 0 {
		c.m.j.emit(events.Event{Kind: events.Warning, Message: fmt.Sprintf("%s answers cannot be used: %s (invalid_reason)", format.Whole(int64(n)), text)})
	}
}

// invalid is why an answer cannot be used, "" for one that can.
func (c *checking) invalid(a answered) string {
	format := c.m.j.cell.Generate.Format
	if a.Format != nil {
		format = *a.Format
	}
	r := a.reply
	return c.checks.Of(format).Invalid(validity.Answer{
		Status: string(r.Status), Finish: r.FinishReason, Text: r.Text, Thought: r.Thought, Called: r.Called, Refused: r.Refused, Repeats: backends.Repeats(r.Text),
	})
}
