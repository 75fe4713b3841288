package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"time"

	"matrix/results/store"
)

// Feed is what happens on a tree, told to all who look on: those who have been told the same share a watcher, so that many tabs cost
// little more than one. It has no goroutine: who asks for the next batch first looks, for all, and nobody looks when all have gone.
// Safe for concurrent use.
type Feed struct {
	store *store.Store

	mu   sync.Mutex // held while a watcher looks
	last *place     // where one who has come later may join; nobody has gone on from it
}

// NewFeed is for one tree.
func NewFeed(store *store.Store) *Feed { return &Feed{store: store} }

// Batch is what a look has found.
type Batch struct {
	Text string // as server-sent events; "" = nothing new

	at     time.Time
	behind bool // there is more at once
	place  *place
}

// place is how far a watcher has told.
// Each batch leads to the next, so that what the slowest has not taken is kept, and nothing else.
type place struct {
	watcher *Watcher
	next    *Batch // nil = nobody has looked yet
}

const (
	// the board is written every second
	lookEvery = 500 * time.Millisecond
	// Patience is how long one may take for what others have been told meanwhile, which is kept for that long.
	Patience = 30 * time.Second
)

// ErrSlow is what one gets who has taken too long. To begin anew tells all.
var ErrSlow = errors.New("told too slowly")

// Next is what follows a batch, all from the beginning for nil. It waits for the next moment to look.
// ErrSlow, or the error of ctx.
func (f *Feed) Next(ctx context.Context, b *Batch) (*Batch, error) {
	wait := time.Duration(0)
	if b != nil && !b.behind {
		// All look at the same moments, so that one who has come later is soon found to know what the others do. The clock may be set back.
		wait = min(lookEvery, time.Until(b.at.Truncate(lookEvery).Add(lookEvery)))
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(wait):
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if b == nil {
		b = &Batch{place: &place{watcher: New(f.store)}}
	}
	p := b.place
	switch {
	case p.next == nil:
		next, err := f.look(p.watcher)
		if err != nil {
			return nil, err
		}
		p.next = next
	case time.Since(b.at) > Patience:
		return nil, ErrSlow
	}
	return p.next, nil
}

// look has a watcher look. One that has told the same as another gives way to it.
func (f *Feed) look(w *Watcher) (*Batch, error) {
	b := &Batch{at: time.Now(), place: &place{watcher: w}}
	var text []byte
	for _, m := range w.Look(b.at) {
		data, err := json.Marshal(m.Data)
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "event: %s\ndata: %s\n\n", m.Event, data)
	}
	b.Text, b.behind = string(text), w.Behind()
	switch {
	case f.last == nil || f.last.watcher == w:
		f.last = b.place
	case f.last.watcher.agrees(w):
		b.place = f.last
	case !b.behind: // one who still catches up is nobody's to join
		f.last = b.place
	}
	return b, nil
}

// agrees reports whether two have told the same, and so will tell the same.
func (w *Watcher) agrees(o *Watcher) bool {
	if w.shape != o.shape || w.last != o.last || len(w.sources) != len(o.sources) {
		return false
	}
	for name, s := range w.sources {
		if other := o.sources[name]; other == nil || !s.journal.agrees(other.journal) || !reflect.DeepEqual(s.launch, other.launch) {
			return false
		}
	}
	return true
}

// agrees goes by the file, not by its name: another apply's has the same.
func (j journal) agrees(o journal) bool {
	return j.handed == o.handed && (j.file == nil) == (o.file == nil) && (j.file == nil || os.SameFile(j.file, o.file))
}
