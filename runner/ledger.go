package runner

import (
	"fmt"
	"sync"
	"time"

	"matrix/backends"
	"matrix/results"
)

// ledger sees to it that each request of a phase ends as exactly one row, whatever the engine answers: twice, under a
// number that nobody asked, or not at all. Safe for concurrent use.
type ledger struct {
	write func(asked, backends.Reply) error // one row; called once for each seq
	trip  func(c counts, inFlight int64)    // after each row; may stop the load
	fatal func(error)                       // the first row that could not be written

	mu      sync.Mutex
	open    map[int64]asked // handed over and not answered
	ended   bits            // seqs that have their row
	closed  bool            // what comes now comes too late
	counts  counts
	ends    map[string]*end // of what failed, by class
	flags   map[string]*end // of what is odd, by flag
	loads   end             // answers that waited for the model to be loaded
	loadS   float64         // … together
	strange map[string]int  // replies that were dropped, by why
	broken  error
}

// counts is how far a phase is. What we stopped ourselves is neither done nor failed.
type counts struct {
	done, ok, failed int64
	tokens           int64 // output
	events           int64 // of streams
	input, cached    int64 // prompt tokens, of requests that tell both
	thought          int64 // answers with reasoning
	first, last      time.Time
	// firstToken is when the first token of all arrived; where the engine streams none, the first answer.
	firstToken time.Time
	reconnects int64
}

func newLedger(planned int, write func(asked, backends.Reply) error) *ledger {
	return &ledger{write: write, open: map[int64]asked{}, ended: newBits(planned), strange: map[string]int{},
		ends: map[string]*end{}, flags: map[string]*end{},
		trip: func(counts, int64) {}, fatal: func(error) {}}
}

// begin notes a request that is handed over.
func (b *ledger) begin(req backends.Request, scheduled time.Time) {
	a := ask(req, scheduled)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[req.Seq] = a
}

// end writes the row of an answer.
func (b *ledger) end(r backends.Reply) {
	if r.Status == "" { // a fault of the backend, which must not pass for an answer
		r.Status, r.ErrorClass = backends.Failed, "no_status"
	}
	b.mu.Lock()
	a, known := b.open[r.Seq]
	switch {
	case b.closed:
		b.strange["came after the phase had ended"]++
	case !known && b.ended.has(r.Seq):
		b.strange["answered a second time"]++
	case !known:
		b.strange["answered a request that was not asked"]++
	}
	if !known || b.closed {
		b.mu.Unlock()
		return
	}
	delete(b.open, r.Seq)
	b.ended.set(r.Seq)
	b.counts.add(r)
	b.notice(&r)
	c, inFlight := b.counts, int64(len(b.open))
	b.mu.Unlock()
	b.put(a, r)
	b.trip(c, inFlight)
}

func (b *ledger) put(a asked, r backends.Reply) {
	err := b.write(a, r)
	if err == nil {
		return
	}
	b.mu.Lock()
	first := b.broken == nil
	if first {
		b.broken = fmt.Errorf("write a request's row: %w", err)
	}
	b.mu.Unlock()
	if first {
		b.fatal(b.broken)
	}
}

// add takes one reply in; the ledger's lock is held.
func (c *counts) add(r backends.Reply) {
	if r.Status == backends.Canceled || r.Status == backends.NotSent {
		return
	}
	c.done++
	c.reconnects += int64(r.Reconnects)
	c.events += int64(r.Chunks)
	if r.Status == backends.OK {
		c.ok++
	} else {
		c.failed++
	}
	if r.OutputTokens != nil {
		c.tokens += *r.OutputTokens
	}
	if r.InputTokens != nil && r.CachedTokens != nil {
		c.input, c.cached = c.input+*r.InputTokens, c.cached+*r.CachedTokens
	}
	if r.Thought {
		c.thought++
	}
	if !r.Sent.IsZero() && (c.first.IsZero() || r.Sent.Before(c.first)) {
		c.first = r.Sent
	}
	if r.Done.After(c.last) {
		c.last = r.Done
	}
	token := r.FirstToken
	if token.IsZero() {
		token = r.Done
	}
	if r.Status == backends.OK && (c.firstToken.IsZero() || token.Before(c.firstToken)) {
		c.firstToken = token
	}
}

// close ends the phase: every request that was handed over and not answered gets its row now, with the given end.
func (b *ledger) close(end backends.Reply) {
	b.mu.Lock()
	b.closed = true
	left := b.open
	b.open = map[int64]asked{}
	for seq := range left {
		b.ended.set(seq)
		b.counts.add(end)
	}
	b.mu.Unlock()
	for seq, a := range left {
		end.Seq, end.Attempts = seq, 1
		end.Done = time.Now()
		b.put(a, end)
	}
}

// notSent writes the row of a request that never left.
func (b *ledger) notSent(a asked, seq int64, class, text string) {
	b.mu.Lock()
	known := b.ended.has(seq)
	b.ended.set(seq)
	b.mu.Unlock()
	if !known {
		b.put(a, backends.Reply{Seq: seq, Status: backends.NotSent, ErrorClass: class, Error: text})
	}
}

func (b *ledger) has(seq int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended.has(seq)
}

func (b *ledger) now() (c counts, inFlight int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts, int64(len(b.open))
}

func (b *ledger) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// duration is first dispatch → last completion, failures included.
func (c counts) duration() float64 {
	if c.first.IsZero() || c.last.Before(c.first) {
		return 0
	}
	return c.last.Sub(c.first).Seconds()
}

// bits is a set of seqs: 25 KB for 200,000 requests, where a map would take 8 MB.
type bits []uint64

func newBits(n int) bits { return make(bits, (n+63)/64) }

func (b bits) has(i int64) bool {
	return i >= 0 && int(i/64) < len(b) && b[i/64]&(1<<(i%64)) != 0
}

func (b bits) set(i int64) {
	if i >= 0 && int(i/64) < len(b) {
		b[i/64] |= 1 << (i % 64)
	}
}

// tripped decides whether a cell is doomed: its failures exceed the limit whatever comes, or they do so far and enough
// requests have ended to tell. What is in flight may yet do well: failures come at once where answers take minutes.
func tripped(c counts, inFlight, before, planned int64, limit float64) bool {
	const enough = 50
	done, failed := c.done+before, float64(c.failed)
	return limit < 1 && (failed > limit*float64(planned) || done >= enough && failed > limit*float64(done+inFlight))
}

// toOutput is the captured answer of a reply; nil = none.
func toOutput(a asked, r backends.Reply, segment int32) *results.OutputRow {
	if r.Text == "" {
		return nil
	}
	return &results.OutputRow{Seq: r.Seq, PromptID: a.promptID, Segment: segment, Text: r.Text}
}
