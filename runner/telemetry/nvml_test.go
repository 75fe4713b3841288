//go:build cgo && linux

package telemetry

import (
	"testing"
	"time"
)

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
