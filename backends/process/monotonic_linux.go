package process

import "golang.org/x/sys/unix"

// Monotonic reads CLOCK_MONOTONIC in nanoseconds, which all processes of a host share (Python's time.monotonic() is one); Go
// keeps its own reading of it to itself. 0 = it is not to be had here.
func Monotonic() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return t.Nano()
}
