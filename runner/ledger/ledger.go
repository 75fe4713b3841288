package ledger

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
)

// Ledger sees to it that each request of a phase ends as exactly one row, whatever the engine answers: twice, under a
// number that nobody asked, or not at all. Safe for concurrent use.
type Ledger struct {
	write func(PendingRequest, backends.Reply) error // one row; called once for each seq
	Trip  func(c Counts, inFlight int64)             // after each row; may stop the load
	Fatal func(error)                                // the first row that could not be written

	mu       sync.Mutex
	open     map[int64]PendingRequest // handed over and not answered
	ended    bits                     // seqs that have their row
	closed   bool                     // what comes now comes too late
	counts   Counts
	spoke    time.Time // the last token of all that have ended
	failures Failures
	flags    Failures       // of what is odd, by flag
	loads    int            // answers that waited for the model to be loaded
	loadS    float64        // … s together
	strange  map[string]int // replies that were dropped, by why
	broken   error
}

// Counts is how far a phase is. What we stopped ourselves is neither done nor failed.
type Counts struct {
	Done, OK, Failed int64
	Tokens           int64 // output
	Events           int64 // of streams
	Input, Cached    int64 // prompt tokens, of requests that tell both
	Thought          int64 // answers with reasoning
	First, Last      time.Time
	// firstToken is when the first token of all arrived; where the engine streams none, the first answer.
	FirstToken time.Time
	Reconnects int64
}

// New is the ledger of planned requests; write is called for each that ended, one at a time.
func New(planned int, write func(PendingRequest, backends.Reply) error) *Ledger {
	return &Ledger{write: write, open: map[int64]PendingRequest{}, ended: newBits(planned), strange: map[string]int{},
		failures: Failures{}, flags: Failures{},
		Trip: func(Counts, int64) {}, Fatal: func(error) {}}
}

// Begin notes a request that is handed over.
func (b *Ledger) Begin(req backends.Request, scheduled time.Time) {
	a := Pend(req, scheduled)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[req.Seq] = a
}

// End writes the row of an answer.
func (b *Ledger) End(r backends.Reply) {
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
	if r.LastToken.After(b.spoke) {
		b.spoke = r.LastToken
	}
	b.notice(&r)
	c, inFlight := b.counts, int64(len(b.open))
	b.mu.Unlock()
	b.put(a, r)
	b.Trip(c, inFlight)
}

// put is called without the lock: write may have to wait.
func (b *Ledger) put(a PendingRequest, r backends.Reply) {
	if err := b.write(a, r); err != nil {
		b.Fail(err)
	}
}

// Fail notes that a row could not be written.
func (b *Ledger) Fail(err error) {
	b.mu.Lock()
	first := b.broken == nil
	if first {
		b.broken = fmt.Errorf("write a request's row: %w", err)
	}
	b.mu.Unlock()
	if first {
		b.Fatal(b.broken)
	}
}

// add takes one reply in; the ledger's lock is held.
func (c *Counts) add(r backends.Reply) {
	if r.Status == backends.Canceled || r.Status == backends.NotSent {
		return
	}
	c.Done++
	c.Reconnects += int64(r.Reconnects)
	c.Events += int64(r.Chunks)
	switch r.Status {
	case backends.OK:
		c.OK++
	case backends.Repeated: // elsewhere it would go on to max_tokens, and be ok
	default:
		c.Failed++
	}
	if r.OutputTokens != nil {
		c.Tokens += *r.OutputTokens
	}
	if r.InputTokens != nil && r.CachedTokens != nil {
		c.Input, c.Cached = c.Input+*r.InputTokens, c.Cached+*r.CachedTokens
	}
	if r.Thought {
		c.Thought++
	}
	if !r.Sent.IsZero() && (c.First.IsZero() || r.Sent.Before(c.First)) {
		c.First = r.Sent
	}
	if r.Done.After(c.Last) {
		c.Last = r.Done
	}
	token := r.FirstToken
	if token.IsZero() {
		token = r.Done
	}
	if r.Status == backends.OK && (c.FirstToken.IsZero() || token.Before(c.FirstToken)) {
		c.FirstToken = token
	}
}

// Close ends the phase: every request that was handed over and not answered gets its row now, with the given end.
func (b *Ledger) Close(end backends.Reply) {
	b.mu.Lock()
	b.closed = true
	left := b.open
	b.open = map[int64]PendingRequest{}
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

// NotSent writes the row of a request that never left.
func (b *Ledger) NotSent(a PendingRequest, seq int64, class, text string) {
	b.mu.Lock()
	known := b.ended.has(seq)
	b.ended.set(seq)
	b.mu.Unlock()
	if !known {
		b.put(a, backends.Reply{Seq: seq, Status: backends.NotSent, ErrorClass: class, Error: text})
	}
}

// Has tells whether a request ended, now or in an earlier segment.
func (b *Ledger) Has(seq int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended.has(seq)
}

// Now is what ended so far, and how many are under way.
func (b *Ledger) Now() (c Counts, inFlight int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts, int64(len(b.open))
}

// Err is the first error of write: rows are lost, and the measurement must end.
func (b *Ledger) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// Duration is first dispatch → last completion, failures included.
func (c Counts) Duration() float64 {
	if c.First.IsZero() || c.Last.Before(c.First) {
		return 0
	}
	return c.Last.Sub(c.First).Seconds()
}

// bits is a set of seqs: 25 KB for 200,000 requests, where a map would take 8 MB.
type bits []uint64

// newBits has room for 0 ≤ seq < n.
func newBits(n int) bits { return make(bits, (n+63)/64) }

// has is false for a seq out of range, and set does nothing: an engine may answer what it was not asked.
func (b bits) has(i int64) bool {
	return i >= 0 && int(i/64) < len(b) && b[i/64]&(1<<(i%64)) != 0
}

// set is not safe for concurrent use.
func (b bits) set(i int64) {
	if i >= 0 && int(i/64) < len(b) {
		b[i/64] |= 1 << (i % 64)
	}
}

// Tripped decides whether a cell is doomed: its failures exceed the limit whatever comes, or they do so far and enough
// requests have ended to tell. What is in flight may yet do well: failures come at once where answers take minutes.
func Tripped(c Counts, inFlight, before, planned int64, limit float64) bool {
	const enough = 50
	done, failed := c.Done+before, float64(c.Failed)
	return limit < 1 && (failed > limit*float64(planned) || done >= enough && failed > limit*float64(done+inFlight))
}

// PendingRequest is what is kept of a request while its answer is awaited: not the prompt, of which 50,000 may be in flight.
type PendingRequest struct {
	PromptID  string
	Hash      [16]byte
	MaxTokens int
	Scheduled time.Time            // zero: no schedule
	Format    *cell.ResponseFormat // of its entry's own; nil: what the cell asks of all
	flight    *backends.Flight
}

// Pend takes of a request what its row needs once it ends, so that the request itself can go: a batch of 100,000 prompts
// would be held otherwise.
func Pend(req backends.Request, scheduled time.Time) PendingRequest {
	a := PendingRequest{PromptID: req.PromptID, Hash: PromptHash(req), MaxTokens: req.MaxTokens, Scheduled: scheduled, flight: req.Flight}
	for _, name := range cell.FormatFields {
		if _, own := req.Extra[name]; own {
			format := cell.FormatOf(req.Extra)
			a.Format = &format
			break
		}
	}
	return a
}

// PromptHash is the first half of SHA-256 over what was sent: the text, or the messages as JSON in their order; and behind
// them what else the entry has.
func PromptHash(req backends.Request) [16]byte {
	text := []byte(req.Prompt)
	if len(req.Messages) > 0 {
		text, _ = json.Marshal(req.Messages) // of what was JSON: it cannot fail
	}
	if len(req.Extra) > 0 {
		more, _ := json.Marshal(req.Extra)
		text = append(text, more...)
	}
	return ShortHash(text)
}

// ShortHash is half a SHA-256: enough to tell texts apart, in half the room.
func ShortHash(text []byte) (h [16]byte) {
	sum := sha256.Sum256(text)
	copy(h[:], sum[:])
	return h
}
