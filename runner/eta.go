package runner

import (
	"math"
	"time"

	"matrix/results"
)

// eta fills in how long the cell and the plan still take; nil = unknown. done are the requests of this segment, idle is
// how long ago the last of them ended.
func (l *launch) eta(p *Progress, done int64, idle time.Duration) {
	p.CellETA = cellETA(l.guessed(), p.Elapsed, idle, done, p.Planned-p.Done, p.Planned)
	rest := l.following()
	if p.CellETA == nil || rest == nil {
		return
	}
	plan, low, high := *p.CellETA+rest.took, *p.CellETA+rest.low, *p.CellETA+rest.high
	p.PlanETA, p.PlanLow, p.PlanHigh = &plan, &low, &high
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
		return new(max(idle, duration(shown)))
	}
	// Where the model's time is up and the phase is not, what is left takes at least its part of it.
	phase := modelled * float64(done+left) / float64(planned)
	expected := math.Max(phase-elapsed.Seconds(), (1-share)*math.Min(elapsed.Seconds(), phase))
	return new(max(idle, duration(share*shown+(1-share)*expected)))
}

// guessed is how long the model takes the cell's measured phase to be, s; 0 = unknown.
func (l *launch) guessed() float64 {
	l.a.mu.Lock()
	defer l.a.mu.Unlock()
	return l.a.est.launch(l.item).run
}

// rest is how long what follows takes.
type rest struct{ took, low, high time.Duration }

// sumFollowing estimates the launches after this one; nil = unknown.
func (l *launch) sumFollowing() *rest {
	l.a.mu.Lock()
	defer l.a.mu.Unlock()
	var t total
	walk(l.a.plan.Order, l.index+1, func(step LaunchStep, loads bool) { t.add(l.a.est.launch(step.Item), loads) })
	if t.unknown > 0 {
		return nil
	}
	low, high := t.interval()
	most := time.Duration(l.a.pool.most) // side by side, as far as that can be told
	return &rest{duration(t.seconds) / most, low / most, high / most}
}

// learnLoad takes in what a shared server's load was.
func (a *applying) learnLoad(l *launch, seconds float64) {
	m := l.attempt.Manifest()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.est.started(&results.Manifest{Experiment: m.Experiment, Platform: m.Platform, Model: m.Model, Identity: m.Identity}, seconds)
}
