//go:build linux

package main

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"matrix/runner/calibrate"
)

// used is what this process has used so far.
type used struct {
	cpu      time.Duration
	resident int64
}

func resources() used {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // cannot fail for self
	return used{time.Duration(u.Utime.Nano() + u.Stime.Nano()), resident("self")}
}

func (u used) since(before used) calibrate.Cost {
	return calibrate.Cost{CPUS: (u.cpu - before.cpu).Seconds(), RSSBefore: before.resident, RSSBytes: max(u.resident, before.resident)}
}

// resident is a process's memory in bytes, 0 when it is gone.
func resident(pid string) int64 {
	text, _ := os.ReadFile("/proc/" + pid + "/statm")
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// watchMemory looks at a process group ten times a second until the returned function is called; that returns the most
// that its members held together. Pages that they share count for each of them.
func watchMemory(group int) func() int64 {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, groupResident(group))
			case <-stop:
				most <- peak
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}

func groupResident(group int) (sum int64) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if of, err := unix.Getpgid(pid); err == nil && of == group {
			sum += resident(e.Name())
		}
	}
	return sum
}
