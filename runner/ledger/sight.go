package ledger

import (
	"fmt"
	"time"
)

// sight is what is seen of the requests under way.
type sight struct {
	Told   bool      // their client tells how far they are
	n      int       // with the engine
	Chunks int64     // events with text, of all
	last   time.Time // when something last came, of any
	oldest int64     // the request that began its answer and has been silent longest
	since  time.Time // … since when; zero: there is none
}

// Sight looks at what is under way: how much text has come, and who has been silent longest.
func (b *Ledger) Sight() (s sight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.last = b.spoke // those that waited behind what has ended are not silent for longer
	for seq, a := range b.open {
		s.Chunks += a.flight.Chunks()
		at, spoke, ok := a.flight.Silent()
		if !ok {
			continue
		}
		s.Told = true
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

// Stalled is what stands still, "" while nothing does; since is when it began to.
func (s sight) Stalled(now time.Time) (what string, since time.Time) {
	switch {
	case !s.Told:
		return "", time.Time{}
	case now.Sub(s.last) >= silentAfter && (s.n > 1 || s.since.IsZero()):
		return "all that is in flight", s.last
	case !s.since.IsZero() && now.Sub(s.since) >= stallAfter:
		return fmt.Sprintf("request %d", s.oldest), s.since
	}
	return "", time.Time{}
}

const (
	// stallAfter is how long an answer that has begun may bring nothing before that is said, and silentAfter how long none of
	// all that are with the engine may: those that wait for their turn are silent in good health.
	stallAfter  = 10 * time.Second
	silentAfter = 30 * time.Second
)
