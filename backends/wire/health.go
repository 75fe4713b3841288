package wire

import (
	"context"
	"sync"
	"time"
)

const (
	// freshHealth is how long an answer about the server's health is believed: thousands of connections may break at once.
	freshHealth = time.Second
	// healthPatience is how long a busy server has to answer.
	healthPatience = 10 * time.Second
)

// health is what was last heard of the server's.
type health struct {
	ask func(context.Context) error // never nil

	mu sync.Mutex // held while it is asked: who comes meanwhile wants the same answer
	at time.Time  // of the last answer; zero: never asked
	ok bool       // of that answer
}

// well asks whether the server is well, at most once in freshHealth: when a thousand connections break at once, one
// question answers for all. A nil health knows nothing and says no.
func (h *health) well(ctx context.Context) bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at.IsZero() || time.Since(h.at) > freshHealth {
		bounded, cancel := context.WithTimeout(ctx, healthPatience)
		err := h.ask(bounded)
		cancel()
		if ctx.Err() != nil {
			return false // we stop; that says nothing of the server
		}
		h.ok, h.at = err == nil, time.Now()
	}
	return h.ok
}
