package launch

import (
	"fmt"
	"net"
	"net/url"
	"time"

	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/runner/ledger"
)

// clientLimited says why the client, and not the engine, may have been the limit of a stretch; "" = it was not. cpuS is
// what this process used in its wallS seconds, of which it did not run at all for stood; c is nil on a machine that was never calibrated.
func clientLimited(cpuS, wallS float64, stood time.Duration, counts ledger.Counts, cores int, c *record.Calibration) string {
	d := counts.Duration()
	if d <= 0 {
		return ""
	}
	if stood.Seconds() > stoodShare*wallS {
		return fmt.Sprintf("matrix did not run for %s of the %s that were measured: it was stopped (^Z, kill -STOP), or the machine was; nothing was asked meanwhile (client_limited)",
			format.Took(stood), format.Took(seconds(wallS)))
	}
	most := limitedShare * float64(cores)
	if used := cpuS / max(wallS, d); used > most {
		return fmt.Sprintf("matrix itself used %.1f of its %d cores, so it may have limited what it measured (client_limited)", used, cores)
	}
	if c == nil {
		return ""
	}
	requests, events := float64(counts.Done)/d, float64(counts.Events)/d
	if needs := c.CPUCores(requests, events); needs > most {
		return fmt.Sprintf("%.0f requests and %.0f events a second need %.1f of the client's %d cores by its calibration, so it may have limited what it measured (client_limited)",
			requests, events, needs, cores)
	}
	return ""
}

// limitedShare is the share of all its cores beyond which the client itself limits what it measures, stoodShare that of the time in which
// it did not run.
const limitedShare, stoodShare = 0.8, 0.01

// standstill is how long the client must do nothing at all to have been stopped. A machine that is merely busy gives each
// process a turn many times a second.
const standstill = 2 * time.Second

// stood is how long the client did not run between two turns, 0 where the second came about when it was due.
func stood(before, now time.Time) time.Duration {
	if d := now.Sub(before); d > standstill {
		return d
	}
	return 0
}

// recordTraffic records what the client saw on its connections. Over segments a maximum is one and a count adds up.
func (m *measurement) recordTraffic(overflows int64, told bool) {
	j := m.j
	c, _ := m.book.Now()
	after, toldAfter := j.site.Host.Overflows()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.row.Reconnects = plus(j.row.Reconnects, c.Reconnects)
	if told && toldAfter && here(j.cell) {
		j.row.ListenOverflows = plus(j.row.ListenOverflows, after-overflows)
	}
	most := m.traffic.MostInFlight()
	if most == 0 {
		return // it does not tell
	}
	j.row.InFlightMax = greater(j.row.InFlightMax, most)
	j.row.UnansweredMax = greater(j.row.UnansweredMax, m.traffic.MostUnanswered())
	if j.cell.Load.Mode == "batch" {
		j.row.BurstInS = new(max(m.traffic.LastIn().Seconds(), deref(j.row.BurstInS)))
	}
}

// here reports whether the cell's engine listens on this machine.
// Only then do this kernel's overflowed backlogs tell of it.
func here(c *cell.Cell) bool {
	if !c.Platform.Attached() {
		return true
	}
	u, err := url.Parse(c.Platform.URL)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// deref is what a pointer points to, the zero value of nil: nil is what no segment has told yet.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// plus adds to a count that may not be there. It makes a new one: a snapshot may hold the old.
func plus(p *int64, n int64) *int64 {
	return new(deref(p) + n)
}

// greater is the maximum likewise.
func greater(p *int64, n int64) *int64 {
	return new(max(deref(p), n))
}
