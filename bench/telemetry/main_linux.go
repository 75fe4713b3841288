// Command telemetry measures what sampling itself costs: the CPU time of this process while a recorder watches a tree of
// ten processes, a server's metrics, the host and its GPUs once a second. The goal is 1% of a core.
//
//	go run ./bench/telemetry [-seconds 20] [-hz 1]
package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"matrix/runner/telemetry"
)

// treeSize is the number of watched processes: an API server, an engine core, workers.
const treeSize = 10

func main() {
	seconds := flag.Float64("seconds", 20, "to watch")
	hz := flag.Float64("hz", 1, "samples a second; the cost is printed for 1")
	role := flag.String("role", "", "for processes that this command starts: server")
	flag.Parse()
	if *role == "server" {
		serve()
		return
	}
	if err := measure(time.Duration(*seconds*float64(time.Second)), *hz); err != nil {
		fmt.Fprintln(os.Stderr, "telemetry:", err)
		os.Exit(1)
	}
}

// measure runs the parts one after the other: each alone, then all together.
func measure(length time.Duration, hz float64) error {
	tree, err := startTree()
	if err != nil {
		return err
	}
	defer tree.stop()
	parts := []struct {
		name   string
		target telemetry.Target
	}{
		{"host and GPUs", telemetry.Target{}},
		{"… and a tree of 10", telemetry.Target{PIDs: tree.roots}},
		{"… and metrics of 50 KB", telemetry.Target{PIDs: tree.roots, Metrics: func() (string, string) { return tree.url, "vllm:" }}},
	}
	fmt.Printf("%-24s  %8s  %14s  %16s\n", "watched", "samples", "CPU ms a round", "% of a core, 1 Hz")
	for _, p := range parts {
		var samples atomic.Int64
		before := cpuTime()
		r := telemetry.Start(p.target, time.Duration(float64(time.Second)/hz), func(batch []telemetry.Sample) { samples.Add(int64(len(batch))) })
		time.Sleep(length)
		warnings := r.Stop()
		used := (cpuTime() - before).Seconds()
		rounds := length.Seconds()*hz + 2 // the first and the last come on top
		fmt.Printf("%-24s  %8d  %14.3f  %16.3f\n", p.name, samples.Load(), used/rounds*1e3, used/rounds*100)
		for _, w := range warnings {
			fmt.Println("  ", w)
		}
	}
	return nil
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail for ourselves
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// family is a process tree with a server of metrics at its root.
type family struct {
	root *exec.Cmd
	url  string
}

func (f *family) roots() []int { return []int{f.root.Process.Pid} }

func (f *family) stop() {
	_ = syscall.Kill(-f.root.Process.Pid, syscall.SIGKILL)
	_ = f.root.Wait() // it was killed
}

// startTree starts this program as the root, which starts the rest.
func startTree() (*family, error) {
	root := exec.Command("/proc/self/exe", "-role", "server")
	root.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := root.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := root.Start(); err != nil {
		return nil, err
	}
	f := &family{root: root}
	if _, err := fmt.Fscanln(out, &f.url); err != nil {
		f.stop()
		return nil, fmt.Errorf("start a process tree: %w", err)
	}
	return f, nil
}

// serve is the root: it serves metrics of vLLM's size until it is killed.
func serve() {
	for range treeSize - 1 {
		child := exec.Command("sleep", "3600")
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := child.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var count atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, metrics(count.Add(1)))
	}))
	fmt.Println(server.URL)
	select {}
}

// metrics is a document of 50 KB as vLLM writes it: gauges, counters, histograms of 25 buckets.
func metrics(n int64) string {
	var b strings.Builder
	for i := range 20 {
		name := fmt.Sprintf("vllm:histogram_%d_seconds", i)
		fmt.Fprintf(&b, "# HELP %s Histogram of something in seconds.\n# TYPE %s histogram\n", name, name)
		for bucket := range 25 {
			fmt.Fprintf(&b, "%s_bucket{engine=\"0\",le=\"%d.0\",model_name=\"matrix-01k\"} %d.0\n", name, bucket, n+int64(bucket))
		}
		fmt.Fprintf(&b, "%s_count{engine=\"0\",model_name=\"matrix-01k\"} %d.0\n%s_sum{engine=\"0\",model_name=\"matrix-01k\"} %d.5\n", name, n, name, n)
	}
	for i := range 60 {
		name := fmt.Sprintf("vllm:counter_%d_total", i)
		fmt.Fprintf(&b, "# HELP %s Count of something.\n# TYPE %s counter\n%s{engine=\"0\",model_name=\"matrix-01k\"} %d.0\n", name, name, name, n)
	}
	return b.String()
}
