package vllm

import (
	"golang.org/x/sys/unix"
)

// readClock reads the clock that Python's time.monotonic() reads, in seconds.
func readClock() (float64, bool) {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil { // Go does not show its own reading of it
		return 0, false
	}
	return float64(ts.Sec) + float64(ts.Nsec)/1e9, true
}
