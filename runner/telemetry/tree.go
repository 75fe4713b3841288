package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"
)

// stat is what one process has used so far.
type stat struct {
	PID, Parent, Group int
	Start              uint64  // tells two processes of one id apart
	CPU                float64 // s, its own
	Reaped             float64 // s, of children that it has waited for, and theirs
	RSS                int64   // bytes
	Threads            int
}

// table reads the processes of this machine.
type table interface {
	// list gives every process id.
	list() ([]int, error)
	// read gives one process, false when it is gone or a zombie.
	read(pid int) (stat, bool)
}

// tree follows the descendants of some roots and adds up what they used.
type tree struct {
	roots func() []int
	table table

	mu      sync.Mutex
	known   map[int]stat     // members at the last walk
	foreign map[int]struct{} // not ours at the last walk: not read again while they live
	seen    []int            // roots at the last walk
	counted map[int]float64  // parent → seconds of its ended children that are in cpu already
	cpu     float64          // s, all that members have ever used
}

// usage is the sum over a tree.
type usage struct {
	CPU                float64 // s
	RSS                int64   // bytes
	Threads, Processes int
}

// newTree follows the processes below roots, which may change while it is used.
func newTree(roots func() []int) *tree {
	if roots == nil {
		roots = func() []int { return nil }
	}
	return &tree{
		roots: roots, table: newTable(),
		known: map[int]stat{}, foreign: map[int]struct{}{}, counted: map[int]float64{},
	}
}

// pids lists the members as of the last walk.
func (t *tree) pids() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]int, 0, len(t.known))
	for pid := range t.known {
		all = append(all, pid)
	}
	return all
}

// lastRoots are the roots of the last walk.
func (t *tree) lastRoots() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

// walk finds the members and adds up their use. Only members and processes that are new since the last
// walk are read: a machine has thousands of others, and a sample must stay cheap.
func (t *tree) walk() (usage, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	roots := t.roots()
	if !slices.Equal(roots, t.seen) {
		clear(t.foreign)
		t.seen = slices.Clone(roots)
	}
	all, err := t.table.list()
	if err != nil {
		return usage{}, err
	}
	members := t.members(t.readNew(all), roots)
	t.account(members)
	t.known = members
	var u usage
	for _, s := range members {
		u.RSS += s.RSS
		u.Threads += s.Threads
	}
	u.CPU, u.Processes = t.cpu, len(members)
	return u, nil
}

// readNew reads every process that is not known to be foreign, and forgets the foreign ones that ended.
func (t *tree) readNew(all []int) map[int]stat {
	read := map[int]stat{}
	foreign := make(map[int]struct{}, len(all))
	for _, pid := range all {
		if _, ok := t.foreign[pid]; ok {
			foreign[pid] = struct{}{}
		} else if s, ok := t.table.read(pid); ok {
			read[pid] = s
		}
	}
	t.foreign = foreign
	return read
}

// members picks the roots, their descendants, the members of a root's process group (a child whose parent
// died is handed to another parent, but keeps its group), and whoever was a member before.
func (t *tree) members(read map[int]stat, roots []int) map[int]stat {
	verdict := make(map[int]bool, len(read))
	var member func(pid int) bool
	member = func(pid int) bool {
		if v, ok := verdict[pid]; ok {
			return v
		}
		s, ok := read[pid]
		if !ok {
			return false
		}
		verdict[pid] = false // a cycle of parents cannot be, but ids are reused
		was, before := t.known[pid]
		verdict[pid] = slices.Contains(roots, pid) || slices.Contains(roots, s.Group) ||
			before && was.Start == s.Start || member(s.Parent)
		return verdict[pid]
	}
	members := map[int]stat{}
	for pid, s := range read {
		if member(pid) {
			members[pid] = s
		} else {
			t.foreign[pid] = struct{}{}
		}
	}
	return members
}

// account adds what was used since the last walk. A child that ended is known by its last reading and, once
// its parent has waited for it, by the parent's sum, which also has what it used after that reading; only
// the excess over the reading is added. The parent may wait much later, so the reading is remembered.
func (t *tree) account(members map[int]stat) {
	for pid, was := range t.known {
		if now, ok := members[pid]; !ok || now.Start != was.Start {
			delete(t.counted, pid)
			t.counted[was.Parent] += was.CPU + was.Reaped
		}
	}
	for pid, now := range members {
		was := t.known[pid]
		if was.Start != now.Start {
			was = stat{}
		}
		reaped := max(0, now.Reaped-was.Reaped)
		known := min(reaped, t.counted[pid])
		t.counted[pid] -= known
		t.cpu += max(0, now.CPU-was.CPU) + reaped - known
	}
	for pid := range t.counted {
		if _, ok := members[pid]; !ok {
			delete(t.counted, pid)
		}
	}
}

// processProbe reads the engine's processes: by their cgroup where they have one of their own, else by /proc.
func (r *Recorder) processProbe(t *tree, g groups) probe {
	var group *cgroup
	var seen []int
	offset := 0.0 // of the group's CPU counter against the one so far
	return func(_ context.Context, _ bool) []Sample {
		at := time.Now()
		u, err := t.walk() // also with a cgroup: the GPU's processes are told apart by it
		if roots := t.lastRoots(); group == nil && !slices.Equal(roots, seen) {
			seen = roots
			group, offset = g.ofAll(roots, u.CPU)
		}
		version := 0
		if group != nil {
			if gu, gerr := group.usage(); gerr == nil {
				gu.CPU += offset
				u, err, version = gu, nil, group.version
			}
		}
		if err != nil {
			r.warn("the process table cannot be read: " + err.Error())
			return nil
		}
		if u.Processes == 0 {
			return nil // nothing is launched, or it has ended: no figure rather than 0
		}
		s := reading{at: at, source: "process"}
		s.add("cgroup_version", float64(version))
		s.add("rss_bytes", float64(u.RSS))
		s.add("cpu_s", u.CPU)
		s.add("threads", float64(u.Threads))
		s.add("processes", float64(u.Processes))
		return s.out
	}
}
