package backends

import (
	"sync/atomic"
	"time"
)

// Traffic counts the requests of a phase while they are under way. Safe for concurrent use.
type Traffic struct {
	base       time.Time // all times count from it
	inFlight   gauge
	unanswered gauge
	lastIn     atomic.Int64 // ns since base; 0 = none yet
}

// NewTraffic begins to count now.
func NewTraffic() *Traffic { return &Traffic{base: time.Now()} }

// MostInFlight is how many requests were with the engine at once, at most: each on a connection of its own.
func (t *Traffic) MostInFlight() int64 { return t.inFlight.most.Load() }

// MostUnanswered is how many of them had no byte of an answer, at most.
func (t *Traffic) MostUnanswered() int64 { return t.unanswered.most.Load() }

// LastIn is how long after the beginning the last request came onto a connection for the first time; 0 = none did.
func (t *Traffic) LastIn() time.Duration { return time.Duration(t.lastIn.Load()) }

// Flight makes the record of one request.
func (t *Traffic) Flight() *Flight { return &Flight{traffic: t} }

// gauge is a number with the highest that it ever was.
type gauge struct{ now, most atomic.Int64 }

// add tries again where another has raised most meanwhile: no lock stands in the way of what is measured.
func (g *gauge) add(n int64) {
	now := g.now.Add(n)
	for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
	}
}

// Flight is what is seen of one request while it is under way: its client writes, whoever waits for it reads. The methods
// do nothing on nil.
type Flight struct {
	traffic *Traffic
	sent    atomic.Int64 // ns since the traffic's base, 1 at least; 0 = not yet on a connection
	heard   atomic.Int64 // likewise, of the last bytes that came
	chunks  atomic.Int64 // events with text
	state   atomic.Int32
}

const (
	grounded int32 = iota // not on a connection
	asked                 // on one, no byte back
	answered              // bytes have come
)

// since is 1 at least, as 0 stands for never.
func (f *Flight) since(at time.Time) int64 { return max(int64(at.Sub(f.traffic.base)), 1) }

// Connected: the request has a connection and goes out on it.
func (f *Flight) Connected(at time.Time) {
	if f == nil || !f.state.CompareAndSwap(grounded, asked) {
		return
	}
	f.traffic.inFlight.add(1)
	f.traffic.unanswered.add(1)
	now := f.since(at)
	if f.sent.CompareAndSwap(0, now) { // a request that is sent again was in already
		for last := f.traffic.lastIn.Load(); now > last && !f.traffic.lastIn.CompareAndSwap(last, now); last = f.traffic.lastIn.Load() {
		}
	}
}

// Answered: the answer's first byte is here.
func (f *Flight) Answered(at time.Time) {
	if f == nil {
		return
	}
	f.heard.Store(f.since(at))
	if f.state.CompareAndSwap(asked, answered) {
		f.traffic.unanswered.add(-1)
	}
}

// Spoke: an event with text came.
func (f *Flight) Spoke(at time.Time) {
	if f == nil {
		return
	}
	f.heard.Store(f.since(at))
	f.chunks.Add(1)
}

// Landed: this try has ended, whichever way.
func (f *Flight) Landed() {
	if f == nil {
		return
	}
	switch f.state.Swap(grounded) {
	case asked:
		f.traffic.unanswered.add(-1)
		f.traffic.inFlight.add(-1)
	case answered:
		f.traffic.inFlight.add(-1)
	}
}

// Chunks is how many events with text have come.
func (f *Flight) Chunks() int64 {
	if f == nil {
		return 0
	}
	return f.chunks.Load()
}

// Silent is since when nothing came of a request that is with the engine; false where there is none, or it is not told.
func (f *Flight) Silent() (since time.Time, spoke bool, ok bool) {
	if f == nil || f.state.Load() == grounded {
		return time.Time{}, false, false
	}
	last := max(f.sent.Load(), f.heard.Load())
	return f.traffic.base.Add(time.Duration(last)), f.chunks.Load() > 0, true
}
