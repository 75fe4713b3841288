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
