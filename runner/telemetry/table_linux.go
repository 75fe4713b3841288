package telemetry

import (
	"bytes"
	"os"
	"strconv"

	"matrix/backends/process"
)

// procTable reads /proc. gopsutil would open five files a process; this opens one.
type procTable struct{ buf []byte }

// newTable has a buffer that a line of /proc/PID/stat fits into.
func newTable() table { return &procTable{make([]byte, 4096)} }

// list is every process.
func (t *procTable) list() ([]int, error) { return process.PIDs() }

// read is one process, false where it ended meanwhile. All readings share one buffer.
func (t *procTable) read(pid int) (stat, bool) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	defer f.Close()
	n, err := f.Read(t.buf)
	if err != nil {
		return stat{}, false
	}
	return parseStat(t.buf[:n])
}

// clockTick is USER_HZ. It is 100 on every architecture that Go runs Linux on.
const clockTick = 100

// pageSize is the unit, in bytes, of what /proc says of memory.
var pageSize = int64(os.Getpagesize())

// parseStat reads /proc/PID/stat. The name stands in parentheses and may itself hold spaces and parentheses.
func parseStat(line []byte) (stat, bool) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return stat{}, false
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(line[:open])))
	fields := bytes.Fields(line[end+1:])
	if err != nil || len(fields) < 22 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return stat{}, false
	}
	number := func(i int) int64 { // i counts from the state, field 3 of proc(5)
		n, _ := strconv.ParseInt(string(fields[i-3]), 10, 64)
		return n
	}
	return stat{
		PID: pid, Parent: int(number(4)), Group: int(number(5)), Start: uint64(number(22)),
		CPU:     float64(number(14)+number(15)) / clockTick,
		Reaped:  float64(number(16)+number(17)) / clockTick,
		Threads: int(number(20)), RSS: number(24) * pageSize,
	}, true
}
