//go:build !linux

package telemetry

import (
	"slices"

	"github.com/shirou/gopsutil/v4/process"
)

// sysTable reads processes through gopsutil. There are no sums of waited-for children here, so the CPU
// seconds of a child that ends between two samples are lost.
type sysTable struct{}

func newTable() table { return sysTable{} }

// list is every process.
func (sysTable) list() ([]int, error) {
	pids, err := process.Pids()
	if err != nil {
		return nil, err
	}
	all := make([]int, len(pids))
	for i, pid := range pids {
		all[i] = int(pid)
	}
	return all, nil
}

// read is one process, false where it ended meanwhile. What this system does not tell of it stays 0.
func (sysTable) read(pid int) (stat, bool) {
	p := &process.Process{Pid: int32(pid)}
	parent, err := p.Ppid()
	if err != nil {
		return stat{}, false
	}
	if state, err := p.Status(); err == nil && slices.Contains(state, process.Zombie) {
		return stat{}, false
	}
	s := stat{PID: pid, Parent: int(parent)}
	if began, err := p.CreateTime(); err == nil {
		s.Start = uint64(began)
	}
	if times, err := p.Times(); err == nil {
		s.CPU = times.User + times.System
	}
	if memory, err := p.MemoryInfo(); err == nil {
		s.RSS = int64(memory.RSS)
	}
	if threads, err := p.NumThreads(); err == nil {
		s.Threads = int(threads)
	}
	return s, true
}
