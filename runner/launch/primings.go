package launch

import (
	"context"
	"sync"

	"matrix/runner/plan"
)

// Primings is who primes what in one apply. Safe for concurrent use.
type Primings struct {
	of map[*plan.Item]string // what its engine compiles, by which a start is like another; "" = nothing to prime

	mu   sync.Mutex
	done map[string]bool          // by the same; false where it failed
	busy map[string]chan struct{} // closed when it has ended
}

// NewPrimings takes what the engines of items compile.
func NewPrimings(of map[*plan.Item]string) *Primings {
	return &Primings{of: of, done: map[string]bool{}, busy: map[string]chan struct{}{}}
}

// claim says whether the caller is to prime; where another launch does so just now, it waits for it.
func (p *Primings) claim(ctx context.Context, key string) bool {
	for {
		p.mu.Lock()
		if key == "" || p.done[key] || ctx.Err() != nil {
			p.mu.Unlock()
			return false
		}
		ended := p.busy[key]
		if ended == nil {
			p.busy[key] = make(chan struct{})
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
}

// release ends what claim began. A priming that failed is left to the next launch.
func (p *Primings) release(key string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.busy[key])
	delete(p.busy, key)
	p.done[key] = ok
}
