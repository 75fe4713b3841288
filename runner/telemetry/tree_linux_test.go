package telemetry

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	line := "4242 (a (bad) name) S 17 4242 4242 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 7 0 987654 1000 25 18446744073709551615 1 1"
	got, ok := parseStat([]byte(line))
	want := stat{PID: 4242, Parent: 17, Group: 4242, Start: 987654, CPU: 2, Reaped: 0.5, Threads: 7, RSS: 25 * pageSize}
	if !ok || got != want {
		t.Errorf("got %+v %v, want %+v", got, ok, want)
	}
	for name, bad := range map[string]string{
		"empty":       "",
		"no name":     "4242 S 17",
		"cut":         "4242 (x) S 17 4242",
		"zombie":      "4242 (x) Z 17 4242 4242 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 7 0 987654 0 0 0 1 1",
		"parenthesis": ") (",
	} {
		if s, ok := parseStat([]byte(bad)); ok {
			t.Errorf("%s: got %+v", name, s)
		}
	}
}

func TestProcessProbeOfARealProcess(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	r := newRecorder()
	probe := r.processProbe(newTree(func() []int { return []int{child.Process.Pid} }), groups{root: cgroupRoot, proc: "/proc"})
	got := map[string]float64{}
	for deadline := time.Now().Add(10 * time.Second); got["rss_bytes"] == 0 && time.Now().Before(deadline); {
		for _, s := range probe(context.Background(), false) { // a process in the midst of exec has no memory yet
			if s.Source != "process" || time.Since(s.At) > time.Minute {
				t.Errorf("%+v", s)
			}
			got[s.Metric] = s.Value
		}
	}
	if got["processes"] != 1 || got["threads"] != 1 || got["rss_bytes"] <= 0 {
		t.Errorf("got %v", got)
	}
	if _, ok := got["cpu_s"]; !ok {
		t.Error("cpu_s is missing")
	}
}

func TestCgroupOfEitherVersion(t *testing.T) {
	for _, tt := range []struct {
		root, path string
		version    int
		want       usage
	}{
		{"testdata/cgroup2", "/system/engine", 2, usage{CPU: 2.5, RSS: 1052672, Threads: 3, Processes: 2}},
		{"testdata/cgroup2", "testdata/cgroup2/system/engine", 2, usage{CPU: 2.5, RSS: 1052672, Threads: 3, Processes: 2}},
		{"testdata/cgroup1", "engine", 1, usage{CPU: 1.5, RSS: 3072, Threads: 2, Processes: 1}},
	} {
		g := findCgroup(tt.root, tt.path)
		if g == nil || g.version != tt.version {
			t.Errorf("%s in %s: %+v", tt.path, tt.root, g)
			continue
		}
		if got, err := g.usage(); err != nil || got != tt.want {
			t.Errorf("%s in %s: %+v, %v, want %+v", tt.path, tt.root, got, err, tt.want)
		}
	}
	for _, path := range []string{"", "/nowhere"} {
		if g := findCgroup("testdata/cgroup2", path); g != nil {
			t.Errorf("%q: found %+v", path, g)
		}
	}
}

// TestCgroupOfItsOwn: a group counts when the engine's processes are in it and we are not; what a counter has said before
// it was found stays in it.
func TestCgroupOfItsOwn(t *testing.T) {
	g := groups{root: "testdata/cgroup2", proc: "testdata/proc"}
	for pid, version := range map[int]int{10: 0, 20: 2, 30: 0} { // ours; its own; gone
		if found := g.of(pid); (found != nil) != (version > 0) || found != nil && found.version != version {
			t.Errorf("process %d: %+v, want version %d", pid, found, version)
		}
	}
	if found := (groups{root: "testdata/cgroup1", proc: "testdata/proc1"}).of(20); found == nil || found.version != 1 {
		t.Errorf("version 1: %+v", found)
	}
	roots := []int{10}
	tr, f := fakeTree([]int{10}, map[int]stat{10: {Start: 1, CPU: 4}, 20: {Start: 2, CPU: 1}})
	tr.roots = func() []int { return roots }
	probe := newRecorder().processProbe(tr, g)
	read := func() map[string]float64 {
		got := map[string]float64{}
		for _, s := range probe(context.Background(), false) {
			got[s.Metric] = s.Value
		}
		return got
	}
	if got := read(); got["cpu_s"] != 4 || got["cgroup_version"] != 0 {
		t.Errorf("by its processes: %v", got)
	}
	roots = []int{20}
	f.live[10] = stat{Start: 1, CPU: 5}
	if got := read(); got["cpu_s"] != 6 || got["cgroup_version"] != 2 { // 5 + 1 so far; the group's 2.5 s are its beginning
		t.Errorf("by its cgroup: %v", got)
	}
}
