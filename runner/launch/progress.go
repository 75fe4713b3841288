package launch

import (
	"fmt"
	"math"
	"time"

	"matrix/runner/events"
	"matrix/runner/plan"
)

const (
	progressEvery = 200 * time.Millisecond
	rateWindow    = 5 * time.Second  // over which tokens per second are counted
	saveEvery     = 10 * time.Second // between saves of the run, for an attempt that is killed
)

// progress reports about five times a second until the returned function is called.
func (m *measurement) progress() (stop func()) {
	return beside(func(over <-chan struct{}) {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		window := rate{span: rateWindow}
		window.add(m.base, 0)
		saved := time.Now()
		for {
			waited, ended := time.Now(), false
			select {
			case <-over:
				ended = true
			case <-tick.C:
			}
			m.stood += stood(waited, time.Now())
			m.report(&window)
			if ended {
				return
			}
			if time.Since(saved) >= saveEvery {
				saved = time.Now()
				m.save()
			}
		}
	})
}

// save stores how far the segment is, so that a killed one still has its duration.
func (m *measurement) save() {
	c, _ := m.book.Now()
	m.j.mu.Lock()
	m.j.seg.DurationS = c.Duration()
	m.j.mu.Unlock()
	if err := m.j.attempt.SaveRun(m.j.snapshot()); err != nil {
		m.j.warn("the run could not be saved: " + plan.OneLine(err))
	}
}

// report tells how far a measurement is. It is told several times a second, so all that it reads is counted already.
func (m *measurement) report(window *rate) {
	c, inFlight := m.book.Now()
	now := time.Now()
	// Where the client does not tell more, tokens are counted as answers end: where one takes 20 s, the time between two must not read as a standstill.
	seen := m.book.Sight()
	if c.Done > 0 && !seen.Told {
		window.span = max(rateWindow, 4*now.Sub(m.base)/time.Duration(c.Done))
	}
	p := events.Progress{Planned: int64(m.j.planned), Done: m.before + c.Done, Failed: c.Failed, InFlight: inFlight,
		OutputTokens: c.Tokens, TokensPerSecond: window.add(now, c.Tokens+seen.Chunks), Elapsed: now.Sub(m.base)}
	idle := p.Elapsed
	if c.Done > 0 {
		idle = now.Sub(c.Last)
	}
	m.eta(&p, c.OK, idle) // failures are no progress
	if what, since := seen.Stalled(now); what != "" {
		m.stall(what, since)
		p.Stalled = fmt.Sprintf("%s silent for %s", what, now.Sub(since).Round(time.Second))
		p.CellETA, p.PlanETA, p.PlanLow, p.PlanHigh = nil, nil, nil, nil // what stands still has no end that is known
	}
	m.j.mu.Lock()
	m.j.now.measured = &p
	m.j.mu.Unlock()
	m.j.emit(events.Event{Kind: events.CellProgress, Progress: p})
}

// rate is a count's growth a second over the last span.
type rate struct {
	span time.Duration // that is looked back over
	seen []reading     // oldest first; the first may lie before the span
}

// reading is a count at a time.
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

// stall says once which request stands still, since when, and what ends it.
func (m *measurement) stall(what string, since time.Time) {
	if m.told {
		return
	}
	m.told = true
	limit := "no timeout ends it: load.timeout is not set"
	if t := m.j.cell.Load.Timeout; t > 0 {
		limit = fmt.Sprintf("load.timeout (%s) ends it", t)
	}
	m.j.warn(fmt.Sprintf("%s stalled: without a token since %s; %s", what, since.Format(time.TimeOnly), limit))
}

// cellETA is how long a measured phase still takes: at first what the model says of all of it, then ever more what this
// launch has shown. modelled is the whole phase, s, 0 = unknown; elapsed and done are this segment's, left what it has
// still to do of planned. It is nil while nothing is known, and never less than the time in which nothing has ended: what
// stands still is not about to be done.
func cellETA(modelled float64, elapsed, idle time.Duration, done, left, planned int64) *time.Duration {
	if left <= 0 {
		return new(time.Duration)
	}
	share := float64(done) / float64(done+left)
	var shown float64
	if done > 0 {
		shown = elapsed.Seconds() * float64(left) / float64(done)
	}
	if modelled <= 0 {
		if done == 0 {
			return nil
		}
		return new(max(idle, seconds(shown)))
	}
	// Where the model's time is up and the phase is not, what is left takes at least its part of it.
	phase := modelled * float64(done+left) / float64(planned)
	expected := math.Max(phase-elapsed.Seconds(), (1-share)*math.Min(elapsed.Seconds(), phase))
	return new(max(idle, seconds(share*shown+(1-share)*expected)))
}

// eta fills in how long the cell and the plan still take; nil = unknown. done are the requests of this segment, idle is
// how long ago the last of them ended.
func (m *measurement) eta(p *events.Progress, done int64, idle time.Duration) {
	modelled, half := m.j.site.Estimates.Phase(m.j.item)
	p.CellETA = cellETA(modelled, p.Elapsed, idle, done, p.Planned-p.Done, p.Planned)
	rest := m.following()
	if p.CellETA == nil || rest == nil {
		return
	}
	all := withCell(*rest, *p.CellETA, half*float64(p.Planned-p.Done)/float64(max(p.Planned, 1)))
	p.PlanETA, p.PlanLow, p.PlanHigh = &all.Took, &all.Low, &all.High
}

// withCell is what follows and the cell before it, whose end may be wrong by so much, in logarithms: what its model may be, less with each
// request that is done. The ends of both add up: a machine that is slow now is so afterwards.
func withCell(rest plan.Remainder, cell time.Duration, half float64) plan.Remainder {
	wrong := math.Exp(half)
	return plan.Remainder{Took: rest.Took + cell, Low: rest.Low + seconds(cell.Seconds()/wrong), High: rest.High + seconds(cell.Seconds()*wrong)}
}

// seconds is a duration of a float's seconds.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
