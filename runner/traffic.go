package runner

import (
	"net"
	"net/url"

	"matrix/experiments"
)

// traffic records what the client saw on its connections. Over segments a maximum is one and a count adds up.
func (m *measured) traffic(overflows int64, told bool) {
	l := m.l
	c, _ := m.book.now()
	after, toldAfter := l.a.host.overflows()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row.Reconnects = plus(l.row.Reconnects, c.reconnects)
	if told && toldAfter && here(l.cell) {
		l.row.ListenOverflows = plus(l.row.ListenOverflows, after-overflows)
	}
	most := l.traffic.MostInFlight()
	if most == 0 {
		return // it does not tell
	}
	l.row.InFlightMax = greater(l.row.InFlightMax, most)
	l.row.UnansweredMax = greater(l.row.UnansweredMax, l.traffic.MostUnanswered())
	if l.cell.Load.Mode == "batch" {
		in := max(l.traffic.LastIn().Seconds(), deref(l.row.BurstInS))
		l.row.BurstInS = &in
	}
}

// here reports whether the cell's engine listens on this machine.
func here(c *experiments.Cell) bool {
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

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func plus(p *int64, n int64) *int64 {
	sum := deref(p) + n
	return &sum
}

func greater(p *int64, n int64) *int64 {
	most := max(deref(p), n)
	return &most
}
