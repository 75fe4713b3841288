package stamped

import (
	"sync"
	"time"

	"matrix/backends/process"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// tally counts what the server sees.
type tally struct {
	guard  sync.Mutex // guards all below
	seen   Counts
	area   float64                 // requests × ns
	change int64                   // when in-flight last changed
	delays *hdrhistogram.Histogram // ns
	cpu    float64                 // s, at the beginning
}

// begin forgets all but what is still in flight.
func (t *tally) begin() {
	t.guard.Lock()
	defer t.guard.Unlock()
	t.seen = Counts{InFlight: t.seen.InFlight}
	t.area, t.change, t.cpu = 0, 0, process.CPUSeconds()
	t.delays = hdrhistogram.New(1, int64(time.Minute), 3)
}

// enter counts a request that came, at a time in nanoseconds.
func (t *tally) enter(now int64) {
	t.guard.Lock()
	defer t.guard.Unlock()
	if t.seen.Requests == 0 {
		t.seen.FirstNs, t.change = now, now
	}
	t.shift(now)
	t.seen.Requests++
	t.seen.InFlight++
	t.seen.MostAtOnce = max(t.seen.MostAtOnce, t.seen.InFlight)
}

// leave counts one that is over; whole: its answer went out to the end.
func (t *tally) leave(now int64, whole bool) {
	t.guard.Lock()
	defer t.guard.Unlock()
	t.shift(now)
	t.seen.InFlight--
	t.seen.LastNs = now
	if whole {
		t.seen.Completed++
	}
}

// shift adds the time since the last change at the number that were in flight. Moments of two connections may come in
// the wrong order by a few microseconds.
func (t *tally) shift(now int64) {
	if now > t.change {
		t.area += float64(t.seen.InFlight) * float64(now-t.change)
		t.change = now
	}
}

// late counts by how much a write came after its time.
func (t *tally) late(by time.Duration) {
	t.guard.Lock()
	defer t.guard.Unlock()
	_ = t.delays.RecordValue(max(1, min(int64(by), int64(time.Minute)))) // within its bounds
}

// counts is the tally so far; the mean in flight is weighted by time.
func (t *tally) counts() Counts {
	t.guard.Lock()
	defer t.guard.Unlock()
	c := t.seen
	if span := c.LastNs - c.FirstNs; span > 0 {
		c.MeanAtOnce = t.area / float64(span)
	}
	c.CPUS = process.CPUSeconds() - t.cpu
	c.LateP99S = float64(t.delays.ValueAtQuantile(99)) / 1e9
	return c
}
