package apply

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/results/record"
	"matrix/runner/machine"
	"matrix/runner/runnertest"
	"matrix/runner/telemetry"
)

// A machine that does not get free in time: the environment's failure names who holds it; a busy CPU only warns.
func TestDrainIsBounded(t *testing.T) {
	tests := map[string]struct {
		exclusive bool
		busy      float64
		gpus      func(look int) ([]telemetry.GPU, error)
		status    string
		text      string
	}{
		"busy CPU":            {false, 2, nil, record.Complete, "CPU did not become quiet"},
		"busy CPU, exclusive": {true, 2, nil, record.Complete, "CPU did not become quiet"},
		"quiet":               {true, 0.1, nil, record.Complete, ""},
		"GPU is taken": {false, 0, func(look int) ([]telemetry.GPU, error) {
			if look < 5 { // what is there, the baseline, and whether the apply may begin
				return oneGPU(0), nil
			}
			return oneGPU(9<<30, telemetry.GPUProcess{PID: 7, Name: "ollama", Bytes: 9 << 30, Compute: true}), nil
		}, record.EnvironmentFailed, "ollama (pid 7)"},
		"GPU gets free": {false, 0, func(look int) ([]telemetry.GPU, error) {
			if look >= 5 && look < 10 {
				return oneGPU(9 << 30), nil
			}
			return oneGPU(0), nil
		}, record.Complete, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := runnertest.Cell("a", 10)
				c.Platform.Backend = "ollama"
				r.world.Backends["ollama"] = r.backend.Value()
				c.Limits.Drain, c.Isolation.Exclusive = 10*time.Second, tt.exclusive
				r.host.Quiet = func(ctx context.Context, window time.Duration) float64 { machine.Pause(ctx, window); return tt.busy }
				looks := 0
				if tt.gpus != nil {
					r.host.GPUs = func() ([]telemetry.GPU, error) { looks++; return tt.gpus(looks - 1) }
				}
				began := time.Now()
				r.apply(t.Context(), r.plan(c))
				past := r.only()
				told := past.Reason
				for _, e := range r.events {
					told += " " + e.Message
				}
				if past.Status != tt.status || !strings.Contains(told, tt.text) {
					t.Errorf("got %s: %q", past.Status, told)
				}
				if took := time.Since(began); took > 30*time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

// gpu is one card of 80 GiB with what is on it.
func oneGPU(used int64, processes ...telemetry.GPUProcess) []telemetry.GPU {
	return []telemetry.GPU{{UUID: "GPU-1", Name: "H100", MemoryTotal: 80 << 30, MemoryUsed: used, Processes: processes}}
}
