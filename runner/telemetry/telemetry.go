// Package telemetry owns what is read off the machine while a launch runs: GPU
// (NVML), the engine's process tree, the host, the engine's own metrics. It
// decides nothing and writes no file.
package telemetry

import (
	"context"
	"errors"
	"time"

	"matrix/results"
)

// Sample is one reading. Metric carries its unit: rss_bytes, cpu_s, power_w, gpu_util_ratio.
type Sample struct {
	At             time.Time
	Source, Metric string
	Value          float64
}

// Target is what is watched.
type Target struct {
	PIDs       func() []int // roots of the engine's process tree
	Cgroup     string       // "" = none
	MetricsURL string       // Prometheus text, "" = none
	Prefix     string       // of the engine's metrics, "vllm:"
}

// Recorder samples a target until it is stopped.
type Recorder struct{}

// Start samples at once and then every interval (100 ms at least); sink is called from one goroutine.
func Start(t Target, interval time.Duration, sink func([]Sample)) *Recorder { return &Recorder{} }

// Stop takes a last sample and waits for the goroutine. Warnings says what could not be read, each once.
func (r *Recorder) Stop() (warnings []string) { return nil }

// Machine tells what this machine is; parts that cannot be read stay empty and are named in warnings.
func Machine(ctx context.Context) (m results.Machine, warnings []string) { return m, nil }

// ErrNoNVML says that no GPU can be read here: no driver, or a binary built without NVML.
var ErrNoNVML = errors.New("no NVML")

// Built reports whether this binary can load NVML (cgo); Driver whether this machine has an NVIDIA driver.
func Built() bool  { return false }
func Driver() bool { return false }

// GPU is one device as NVML sees it now.
type GPU struct {
	Index                   int
	UUID, Name              string
	MemoryTotal, MemoryUsed int64 // bytes, memory v2
	Processes               []GPUProcess
}

// GPUProcess is a process with memory on a GPU.
type GPUProcess struct {
	PID     int
	Name    string
	Bytes   int64
	Compute bool // false: graphics
}

// GPUs lists the devices, or ErrNoNVML.
func GPUs() ([]GPU, error) { return nil, ErrNoNVML }

// Scrape reads a Prometheus endpoint: sum over label sets by metric name (histograms as name_sum, name_count).
func Scrape(ctx context.Context, url string) (map[string]float64, error) { return nil, nil }
