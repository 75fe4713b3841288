package telemetry

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cgroupRoot is where the cgroup file systems are mounted.
const cgroupRoot = "/sys/fs/cgroup"

// cgroup reads what one control group has used; version 2 and version 1 differ in every file name.
type cgroup struct {
	version int
	usage   func() (usage, error)
}

// groups finds the control groups of processes.
type groups struct{ root, proc string }

// ofAll is the group that the first of some processes is in, if it is the engine's own, and what is to be added to the
// group's counter of CPU seconds so that it goes on from so far.
func (g groups) ofAll(pids []int, soFar float64) (*cgroup, float64) {
	if len(pids) == 0 {
		return nil, 0
	}
	group := g.of(pids[0])
	if group == nil {
		return nil, 0
	}
	u, err := group.usage()
	if err != nil {
		return nil, 0
	}
	return group, soFar - u.CPU
}

// of is a process's group; nil when we are in the same one, as everything is then that is started from this session. An
// engine has its own when its command is wrapped (systemd-run --scope, a container). We make none: that takes a delegated
// hierarchy, and a group that we are killed in would stay behind.
func (g groups) of(pid int) *cgroup {
	ours, theirs := g.paths("self"), g.paths(strconv.Itoa(pid))
	for _, controller := range []string{"", "cpuacct"} { // version 2, version 1
		if path := theirs[controller]; path != "" && path != ours[controller] {
			if found := findCgroup(g.root, path); found != nil {
				return found
			}
		}
	}
	return nil
}

// paths are a process's groups by controller; version 2 has the empty one.
func (g groups) paths(pid string) map[string]string {
	data, err := os.ReadFile(filepath.Join(g.proc, pid, "cgroup"))
	if err != nil {
		return nil
	}
	paths := map[string]string{}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			paths[controller] = parts[2]
		}
	}
	return paths
}

// findCgroup opens a group given by its path below the mount (or with it); nil when there is none to read.
func findCgroup(root, path string) *cgroup {
	if path == "" {
		return nil
	}
	path = strings.TrimPrefix(path, root)
	for _, dir := range []string{filepath.Join(root, path), filepath.Join(root, "unified", path)} {
		g := &cgroup{version: 2, usage: func() (usage, error) { return cgroup2(dir) }}
		if _, err := g.usage(); err == nil {
			return g
		}
	}
	g := &cgroup{version: 1, usage: func() (usage, error) {
		return cgroup1(filepath.Join(root, "cpuacct", path), filepath.Join(root, "memory", path))
	}}
	if _, err := g.usage(); err == nil {
		return g
	}
	return nil
}

// cgroup2 reads a group of the unified hierarchy. CPU is in seconds and RSS in bytes, of all that ever ran in it: what
// ended stays counted, which a sum over living processes would lose.
func cgroup2(dir string) (usage, error) {
	cpu, err1 := keyed(filepath.Join(dir, "cpu.stat"))
	memory, err2 := keyed(filepath.Join(dir, "memory.stat"))
	processes, err3 := lines(filepath.Join(dir, "cgroup.procs"))
	threads, err4 := lines(filepath.Join(dir, "cgroup.threads"))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return usage{}, err
	}
	return usage{
		CPU:     float64(cpu["usage_usec"]) / 1e6,
		RSS:     memory["anon"] + memory["file_mapped"], // memory.current would count the page cache too
		Threads: threads, Processes: processes,
	}, nil
}

// cgroup1 is cgroup2 of the older hierarchies, where processor time and memory lie in folders of their own.
func cgroup1(cpuDir, memoryDir string) (usage, error) {
	text, err1 := os.ReadFile(filepath.Join(cpuDir, "cpuacct.usage"))
	ns, err2 := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	memory, err3 := keyed(filepath.Join(memoryDir, "memory.stat"))
	processes, err4 := lines(filepath.Join(cpuDir, "cgroup.procs"))
	threads, err5 := lines(filepath.Join(cpuDir, "tasks"))
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return usage{}, err
	}
	return usage{
		CPU: float64(ns) / 1e9, RSS: memory["total_rss"] + memory["total_mapped_file"],
		Threads: threads, Processes: processes,
	}, nil
}

// keyed reads a file of "name number" lines.
func keyed(path string) (map[string]int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values := map[string]int64{}
	for line := range strings.Lines(string(data)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		values[name] = n
	}
	return values, nil
}

// lines counts the lines of a file that has an ID a line.
func lines(path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		n++
	}
	return n, scan.Err()
}
