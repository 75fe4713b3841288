package runner

import (
	"fmt"
	"time"
)

const (
	progressEvery = 200 * time.Millisecond
	rateWindow    = 5 * time.Second  // over which tokens per second are counted
	saveEvery     = 10 * time.Second // between saves of the run, for an attempt that is killed
)

// progress reports about five times a second until the returned function is called.
func (m *measured) progress() (stop func()) {
	over := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		window := rate{span: rateWindow}
		window.add(m.base, 0)
		saved := time.Now()
		for {
			select {
			case <-over:
				m.report(&window)
				return
			case <-tick.C:
			}
			m.report(&window)
			if time.Since(saved) >= saveEvery {
				saved = time.Now()
				m.save()
			}
		}
	}()
	return func() { close(over); <-ended }
}

// save stores how far the segment is, so that a killed one still has its duration.
func (m *measured) save() {
	c, _ := m.book.now()
	m.l.mu.Lock()
	m.l.seg.DurationS = c.duration()
	m.l.mu.Unlock()
	if err := m.l.attempt.SaveRun(m.l.snapshot()); err != nil {
		m.l.warn("the run could not be saved: " + oneLine(err))
	}
}

func (m *measured) report(window *rate) {
	c, inFlight := m.book.now()
	now := time.Now()
	// Where the client does not tell more, tokens are counted as answers end: where one takes 20 s, the time between two must not read as a standstill.
	seen := m.book.sight()
	if c.done > 0 && !seen.told {
		window.span = max(rateWindow, 4*now.Sub(m.base)/time.Duration(c.done))
	}
	p := Progress{Planned: int64(m.l.planned), Done: m.before + c.done, Failed: c.failed, InFlight: inFlight,
		OutputTokens: c.tokens, TokensPerSecond: window.add(now, c.tokens+seen.chunks), Elapsed: now.Sub(m.base)}
	idle := p.Elapsed
	if c.done > 0 {
		idle = now.Sub(c.last)
	}
	m.l.eta(&p, c.ok, idle) // failures are no progress
	if what, since := seen.stalled(now); what != "" {
		m.stall(what, since)
		p.Stalled = fmt.Sprintf("%s silent for %s", what, now.Sub(since).Round(time.Second))
		p.CellETA, p.PlanETA, p.PlanLow, p.PlanHigh = nil, nil, nil, nil // what stands still has no end that is known
	}
	m.l.mu.Lock()
	m.l.now.measured = &p
	m.l.mu.Unlock()
	m.l.emit(Event{Kind: CellProgress, Progress: p})
}

// rate is a count's growth a second over the last span.
type rate struct {
	span time.Duration
	seen []reading
}

type reading struct {
	at time.Time
	n  int64
}

// add takes a reading in and returns the rate over the span up to it.
func (r *rate) add(at time.Time, n int64) float64 {
	r.seen = append(r.seen, reading{at, n})
	for len(r.seen) > 2 && at.Sub(r.seen[1].at) >= r.span {
		r.seen = r.seen[1:]
	}
	first := r.seen[0]
	took := at.Sub(first.at).Seconds()
	if took <= 0 {
		return 0
	}
	return max(float64(n-first.n), 0) / took // an answer that failed takes its tokens with it
}
