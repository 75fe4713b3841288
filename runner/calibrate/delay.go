package calibrate

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"matrix/backends/fake/stamped"
)

// Delay is how late something was, in seconds.
type Delay struct {
	N    int64   `json:"n"` // how many were measured
	P50S float64 `json:"p50_s"`
	P99S float64 `json:"p99_s"`
	MaxS float64 `json:"max_s"`
}

// delays collects any number in a fixed space: 1 ns to a minute, three digits.
type delays struct{ h *hdrhistogram.Histogram }

// newDelays has the bounds in nanoseconds.
func newDelays() *delays { return &delays{hdrhistogram.New(1, int64(time.Minute), 3)} }

// add takes one in. What is early by the clocks' own error counts as on time.
func (d *delays) add(by time.Duration) {
	_ = d.h.RecordValue(max(1, min(int64(by), int64(time.Minute)))) // within its bounds
}

// summary is nil when there were none.
func (d *delays) summary() *Delay {
	if d.h.TotalCount() == 0 {
		return nil
	}
	s := func(ns int64) float64 { return float64(ns) / 1e9 }
	return &Delay{N: d.h.TotalCount(), P50S: s(d.h.ValueAtQuantile(50)), P99S: s(d.h.ValueAtQuantile(99)), MaxS: s(d.h.Max())}
}

// Summarize is nil when there were none.
func Summarize(all []time.Duration) *Delay {
	d := newDelays()
	for _, by := range all {
		d.add(by)
	}
	return d.summary()
}

// clock relates Go's readings to those of the mock.
type clock struct {
	here  time.Time // one moment by Go's clock …
	there int64     // … and by the mock's, ns
}

// newClock takes the reading with the least time between two of Go's, so that it is right within 0.1 µs or so.
func newClock() clock {
	var best clock
	least := time.Hour
	for range 50 {
		before := time.Now()
		there := stamped.Now()
		if took := time.Since(before); took < least {
			least, best = took, clock{before.Add(took / 2), there}
		}
	}
	return best
}

// of is a moment by the mock's clock, ns.
func (c clock) of(t time.Time) int64 { return c.there + int64(t.Sub(c.here)) }

// nextMoment reads a number off the front of a text and returns the rest.
func nextMoment(text string) (moment int64, rest string) {
	i := 0
	for i < len(text) && text[i] == ' ' {
		i++
	}
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		moment = moment*10 + int64(text[i]-'0')
		i++
	}
	return moment, text[i:]
}
