//go:build linux && (amd64 || arm64) && !nonvml

package telemetry

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestNVML reads a library with NVML's interface, and one that lacks what old drivers lack.
func TestNVML(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler")
	}
	open := func(flags ...string) gpuReader {
		t.Helper()
		file := filepath.Join(t.TempDir(), "nvml.so")
		args := append([]string{"-shared", "-fPIC", "-o", file, filepath.Join("testdata", "nvml.c")}, flags...)
		if out, err := exec.CommandContext(t.Context(), cc, args...).CombinedOutput(); err != nil {
			t.Fatalf("cc: %v\n%s", err, out)
		}
		reader, err := openNVML(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(reader.Close)
		return reader
	}
	full := gpuReading{
		MemTotal: ptr(150.0 * (1 << 30)), MemUsed: ptr(2.0 * (1 << 30)), Util: ptr(0.75), MemUtil: ptr(0.2), PowerW: ptr(412.5),
		EnergyJ: ptr(5000000000.123), SMClockHz: ptr(1.98e9), MemClockHz: ptr(3.201e9), TempC: ptr(61.0), Throttle: ptr(4.0),
		PCIeTx: ptr(10240.0), PCIeRx: ptr(20480.0), ProcessesKnown: true, ProcessMemoryUnreadable: true,
	}
	for i := range 50 {
		p := GPUProcess{PID: 40 + 2*i, Name: "Xorg", Bytes: int64(1000 + i), Compute: true}
		if i == 0 {
			p.Name = "VLLM::EngineCore"
		}
		full.Processes = append(full.Processes, p)
	}
	full.Processes = append(full.Processes, GPUProcess{PID: 41, Name: "Xorg"})
	old := full
	old.MemUsed, old.EnergyJ, old.Throttle, old.PCIeTx, old.PCIeRx = ptr(3.0*(1<<30)), nil, ptr(8.0), nil, nil
	old.Processes, old.ProcessesKnown, old.ProcessMemoryUnreadable = nil, false, false

	for name, c := range map[string]struct {
		reader gpuReader
		want   gpuReading
		limit  *float64
	}{"new": {open(), full, ptr(700.0)}, "old": {open("-DOLD"), old, nil}} {
		system := gpuSystem{Driver: "580.159.04", CUDA: "12.8", Devices: []gpuDevice{
			{UUID: "GPU-a", Name: "NVIDIA H200", PowerLimitW: c.limit}, {UUID: "GPU-b", Name: "NVIDIA H200"}}}
		if diff := cmp.Diff(system, c.reader.System()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for i, want := range []gpuReading{c.want, {}} {
			if diff := cmp.Diff(want, c.reader.Read(i, true), within); diff != "" {
				t.Errorf("%s, device %d (-want +got):\n%s", name, i, diff)
			}
		}
		if r := c.reader.Read(0, false); r.PCIeTx != nil || r.PCIeRx != nil {
			t.Errorf("%s: PCIe traffic was read unasked", name)
		}
	}
}

// within: a figure is a count times a unit, rounded.
var within = cmp.Comparer(func(a, b float64) bool { return fmt.Sprintf("%.12g", a) == fmt.Sprintf("%.12g", b) })

// TestNVMLHere reads the real devices, on a machine that has some.
func TestNVMLHere(t *testing.T) {
	reader, err := openGPU()
	if err != nil {
		t.Skipf("no GPU to read: %v", err)
	}
	defer reader.Close()
	system := reader.System()
	t.Logf("driver %s, CUDA %s, devices %+v", system.Driver, system.CUDA, system.Devices)
	for i, d := range system.Devices {
		if d.UUID == "" || d.Name == "" {
			t.Errorf("device %d has no name: %+v", i, d)
		}
		began := time.Now()
		reader.Read(i, false)
		lean := time.Since(began)
		now := reader.Read(i, true)
		t.Logf("a reading takes %v, with PCIe %v", lean, time.Since(began)-lean)
		if now.MemTotal == nil || now.MemUsed == nil || *now.MemTotal < *now.MemUsed || *now.MemTotal < 1<<30 {
			t.Errorf("device %d: memory %v of %v", i, now.MemUsed, now.MemTotal)
		}
		for _, s := range gpuSamples(time.Now(), d.UUID, now, nil) {
			t.Logf("%s = %v", s.Metric, s.Value)
		}
		t.Logf("processes (known: %v) %+v", now.ProcessesKnown, now.Processes)
	}
}
