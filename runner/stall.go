package runner

import (
	"fmt"
	"time"
)

const (
	// stallAfter is how long an answer that has begun may bring nothing before that is said, and silentAfter how long none of
	// all that are with the engine may: those that wait for their turn are silent in good health.
	stallAfter  = 10 * time.Second
	silentAfter = 30 * time.Second
)

// sight is what is seen of the requests under way.
type sight struct {
	told   bool      // their client tells how far they are
	n      int       // with the engine
	chunks int64     // events with text, of all
	last   time.Time // when something last came, of any
	oldest int64     // the request that began its answer and has been silent longest
	since  time.Time // … since when; zero: there is none
}

func (b *ledger) sight() (s sight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for seq, a := range b.open {
		s.chunks += a.flight.Chunks()
		at, spoke, ok := a.flight.Silent()
		if !ok {
			continue
		}
		s.told = true
		s.n++
		if at.After(s.last) {
			s.last = at
		}
		if spoke && (s.since.IsZero() || at.Before(s.since)) {
			s.oldest, s.since = seq, at
		}
	}
	return s
}

// stalled is what stands still, "" while nothing does; since is when it began to.
func (s sight) stalled(now time.Time) (what string, since time.Time) {
	switch {
	case !s.told:
		return "", time.Time{}
	case now.Sub(s.last) >= silentAfter && (s.n > 1 || s.since.IsZero()):
		return "all that is in flight", s.last
	case !s.since.IsZero() && now.Sub(s.since) >= stallAfter:
		return fmt.Sprintf("request %d", s.oldest), s.since
	}
	return "", time.Time{}
}

// stall says once which request stands still, since when, and what ends it.
func (m *measured) stall(what string, since time.Time) {
	if m.told {
		return
	}
	m.told = true
	limit := "no timeout ends it: load.timeout is not set"
	if t := m.l.cell.Load.Timeout; t > 0 {
		limit = fmt.Sprintf("load.timeout (%s) ends it", t)
	}
	m.l.warn(fmt.Sprintf("%s stalled: without a token since %s; %s", what, since.Format(time.TimeOnly), limit))
}
