package vllm

import (
	"time"

	"matrix/backends/process"
)

// clock turns times of the driver (seconds of its monotonic clock) into readings of ours.
type clock struct {
	at time.Time // the same moment on our clock
	s  float64   // and on the driver's, s
}

// newClock pairs both clocks now. greeting is the driver's own reading, used where its clock cannot be read here.
func newClock(greeting float64) clock {
	before := time.Now()
	if ns := process.Monotonic(); ns != 0 {
		after := time.Now()
		return clock{at: before.Add(after.Sub(before) / 2), s: float64(ns) / 1e9} // the middle: off by half of the reading at most
	}
	return clock{at: before, s: greeting}
}

// time is zero for a reading that never came.
func (c clock) time(s *float64) time.Time {
	if s == nil {
		return time.Time{}
	}
	return c.at.Add(time.Duration((*s - c.s) * float64(time.Second)))
}
