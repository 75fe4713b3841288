package telemetry

import (
	"maps"
	"slices"
	"testing"
)

// fakeTable is a process table that the tests edit; it counts reads.
type fakeTable struct {
	live  map[int]stat
	reads map[int]int
}

func (f *fakeTable) list() ([]int, error) { return slices.Collect(maps.Keys(f.live)), nil }

func (f *fakeTable) read(pid int) (stat, bool) {
	f.reads[pid]++
	s, ok := f.live[pid]
	s.PID = pid
	return s, ok
}

func fakeTree(roots []int, live map[int]stat) (*tree, *fakeTable) {
	f := &fakeTable{live: live, reads: map[int]int{}}
	t := newTree(func() []int { return roots })
	t.table = f
	return t, f
}

func mustWalk(t *testing.T, tr *tree) usage {
	t.Helper()
	u, err := tr.walk()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestTreeAddsDescendants(t *testing.T) {
	tr, f := fakeTree([]int{10}, map[int]stat{
		1:  {Start: 1, CPU: 100, RSS: 1 << 30},
		10: {Parent: 1, Group: 10, Start: 5, CPU: 1, RSS: 100, Threads: 2},
		11: {Parent: 10, Group: 10, Start: 6, CPU: 2, RSS: 200, Threads: 3},
		12: {Parent: 11, Group: 12, Start: 7, CPU: 4, RSS: 400, Threads: 1}, // in a group of its own
		13: {Parent: 1, Group: 10, Start: 8, CPU: 8, RSS: 800, Threads: 1},  // orphaned, in the root's group
		14: {Parent: 1, Group: 14, Start: 9, CPU: 16, RSS: 1600},            // a stranger
	})
	want := usage{CPU: 15, RSS: 1500, Threads: 7, Processes: 4}
	for range 2 {
		if got := mustWalk(t, tr); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	if f.reads[14] != 1 || f.reads[11] != 2 {
		t.Errorf("a stranger was read %d times, a member %d times in two walks; want 1 and 2", f.reads[14], f.reads[11])
	}
}

func TestTreeKeepsAnOrphan(t *testing.T) {
	tr, f := fakeTree([]int{10}, map[int]stat{
		10: {Parent: 1, Group: 10, Start: 5, CPU: 1},
		11: {Parent: 10, Group: 10, Start: 6, CPU: 1},
		12: {Parent: 11, Group: 12, Start: 7, CPU: 1},
	})
	mustWalk(t, tr)
	delete(f.live, 11)
	f.live[12] = stat{Parent: 1, Group: 12, Start: 7, CPU: 3} // its parent died: handed to init
	if got := mustWalk(t, tr); got.Processes != 2 || got.CPU != 5 {
		t.Errorf("got %+v, want 2 processes and 5 s", got)
	}
	f.live[12] = stat{Parent: 1, Group: 12, Start: 99, CPU: 50} // the id was given to a stranger
	if got := mustWalk(t, tr); got.Processes != 1 || got.CPU != 5 {
		t.Errorf("got %+v, want 1 process and 5 s", got)
	}
}

func TestTreeCountsEndedChildrenOnce(t *testing.T) {
	tr, f := fakeTree([]int{10}, map[int]stat{
		10: {Start: 5, CPU: 1},
		11: {Parent: 10, Start: 6, CPU: 4},
	})
	if got := mustWalk(t, tr).CPU; got != 5 {
		t.Fatalf("got %v s, want 5", got)
	}
	delete(f.live, 11) // ended after 6 s in all, its parent has not waited for it
	if got := mustWalk(t, tr).CPU; got != 5 {
		t.Errorf("before the wait: got %v s, want 5", got)
	}
	f.live[10] = stat{Start: 5, CPU: 1, Reaped: 6}
	if got := mustWalk(t, tr).CPU; got != 7 {
		t.Errorf("after the wait: got %v s, want 7", got)
	}
	// A child that came and went between two walks shows only in its parent's sum.
	f.live[10] = stat{Start: 5, CPU: 2, Reaped: 9}
	if got := mustWalk(t, tr).CPU; got != 11 {
		t.Errorf("short-lived child: got %v s, want 11", got)
	}
}

func TestTreeFollowsItsRoots(t *testing.T) {
	roots := []int{}
	f := &fakeTable{live: map[int]stat{20: {Start: 1, CPU: 3}}, reads: map[int]int{}}
	tr := newTree(func() []int { return roots })
	tr.table = f
	if got := mustWalk(t, tr); got.Processes != 0 {
		t.Fatalf("without roots: %+v", got)
	}
	roots = []int{20}
	if got := mustWalk(t, tr); got.Processes != 1 || got.CPU != 3 {
		t.Errorf("got %+v, want the new root", got)
	}
	if got := tr.pids(); !slices.Equal(got, []int{20}) {
		t.Errorf("pids %v", got)
	}
}
