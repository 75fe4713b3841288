package telemetry

import (
	"context"
	"os"
	"testing"
)

// BenchmarkRound is what one sample of everything but the engine's own metrics costs; at 1 Hz, 10 ms of CPU
// time would be 1% of a core.
func BenchmarkRound(b *testing.B) {
	r := newRecorder()
	t := newTree(func() []int { return []int{os.Getpid()} })
	probes := map[string]probe{"process": r.processProbe(t, groups{}), "host": r.hostProbe()}
	if reader, err := openGPU(); err == nil {
		defer reader.Close()
		probes["gpu"] = r.gpuProbe(reader, t.pids, false)
		probes["gpu_pcie"] = r.gpuProbe(reader, t.pids, true)
	}
	for name, p := range probes {
		b.Run(name, func(b *testing.B) {
			before, _ := hostLoad(context.Background())
			for b.Loop() {
				p(context.Background(), false)
			}
			if after, err := hostLoad(context.Background()); err == nil {
				b.ReportMetric((after.busy-before.busy)/float64(b.N)*1e9, "host-cpu-ns/op")
			}
		})
	}
}
