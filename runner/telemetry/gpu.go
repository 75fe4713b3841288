package telemetry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// ErrNoNVML says that no GPU can be read here: no driver, or a platform without NVML.
var ErrNoNVML = errors.New("no NVML")

// NotBuilt is what a person is told where there is a driver and Built is false.
const NotBuilt = "this machine has an NVIDIA driver, and this program cannot load NVML (it does on Linux for amd64 and arm64, unless it was built with -tags nonvml)"

// Driver reports whether this machine has an NVIDIA driver.
func Driver() bool {
	_, err := os.Stat("/dev/nvidiactl")
	return err == nil
}

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

// gpuReader is what is asked of NVML; a fake stands in for it in the tests.
type gpuReader interface {
	// System tells what does not change.
	System() gpuSystem
	// Read takes device i's figures now. PCIe traffic costs 40 ms and is read on request only.
	Read(i int, pcie bool) gpuReading
	// Close gives NVML back.
	Close()
}

// gpuSystem is what NVML says once.
type gpuSystem struct {
	Driver, CUDA string // "580.159.04", "13.0"
	Devices      []gpuDevice
}

// gpuDevice is what does not change while we run; a limit that is not told is nil.
type gpuDevice struct {
	UUID, Name  string
	PowerLimitW *float64
}

// gpuReading is one device's figures; nil = this device or driver does not tell.
type gpuReading struct {
	MemTotal, MemUsed       *float64 // bytes
	Util, MemUtil           *float64 // 0–1
	PowerW, EnergyJ         *float64
	SMClockHz, MemClockHz   *float64
	TempC                   *float64
	Throttle                *float64 // bit mask
	PCIeTx, PCIeRx          *float64 // bytes/s
	Processes               []GPUProcess
	ProcessesKnown          bool // false: the driver would not list them (WSL2), which is not "none"
	ProcessMemoryUnreadable bool // listed without their memory
}

// GPUs lists the devices, or ErrNoNVML.
func GPUs() ([]GPU, error) {
	reader, err := openGPU()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return listGPUs(reader), nil
}

// listGPUs is one reading of all GPUs, with who has memory on them.
func listGPUs(reader gpuReader) []GPU {
	devices := reader.System().Devices
	gpus := make([]GPU, len(devices))
	for i, d := range devices {
		now := reader.Read(i, false)
		gpus[i] = GPU{Index: i, UUID: d.UUID, Name: d.Name, Processes: now.Processes}
		if now.MemTotal != nil && now.MemUsed != nil {
			gpus[i].MemoryTotal, gpus[i].MemoryUsed = int64(*now.MemTotal), int64(*now.MemUsed)
		}
	}
	return gpus
}

// gpuAbsence is the one warning about missing GPU figures.
func gpuAbsence(err error) string {
	switch {
	case !Driver() && errors.Is(err, ErrNoNVML):
		return "no NVIDIA driver here: GPU figures are null"
	case !Built():
		return NotBuilt + ": GPU figures are null"
	default:
		return fmt.Sprintf("NVML cannot be used (%v): GPU figures are null", err)
	}
}

// gpuProbe reads the devices that are watched. pids are the engine's processes.
func (r *Recorder) gpuProbe(reader gpuReader, pids func() []int, pcie bool) probe {
	devices := reader.System().Devices
	return func(ctx context.Context, _ bool) []Sample {
		ours := pids()
		var all []Sample
		for i, d := range devices {
			if ctx.Err() != nil {
				break
			}
			if r.gpus != nil && !slices.Contains(r.gpus, d.UUID) {
				continue
			}
			at := time.Now()
			now := reader.Read(i, pcie)
			if !now.ProcessesKnown {
				r.warn("the driver does not list the processes on the GPU: memory per process is null")
			}
			all = append(all, gpuSamples(at, d.UUID, now, ours)...)
		}
		return all
	}
}

// gpuSamples turns one reading into samples; a figure that is nil makes none.
func gpuSamples(at time.Time, uuid string, now gpuReading, ours []int) []Sample {
	s := reading{at: at, source: "nvml:" + uuid}
	for _, m := range []struct {
		name  string
		value *float64
	}{
		{"memory_total_bytes", now.MemTotal},
		{"memory_used_bytes", now.MemUsed},
		{"process_memory_bytes", processMemory(now, ours)},
		{"gpu_util_ratio", now.Util},
		{"memory_util_ratio", now.MemUtil},
		{"power_w", now.PowerW},
		{"energy_j", now.EnergyJ},
		{"sm_clock_hz", now.SMClockHz},
		{"memory_clock_hz", now.MemClockHz},
		{"temperature_c", now.TempC},
		{"throttle_reasons", now.Throttle},
		{"pcie_tx_bytes_per_s", now.PCIeTx},
		{"pcie_rx_bytes_per_s", now.PCIeRx},
	} {
		if m.value != nil {
			s.add(m.name, *m.value)
		}
	}
	return s.out
}

// processMemory adds up the memory that the engine's processes hold. In a container NVML may speak of
// the host's process ids, which match none of ours: then processes are there and none is the engine's, and
// the honest figure is none rather than 0.
func processMemory(now gpuReading, ours []int) *float64 {
	if !now.ProcessesKnown || now.ProcessMemoryUnreadable {
		return nil
	}
	sum, matched := 0.0, false
	for _, p := range now.Processes {
		if slices.Contains(ours, p.PID) {
			sum += float64(p.Bytes)
			matched = true
		}
	}
	if !matched && len(now.Processes) > 0 {
		return nil
	}
	return &sum
}
