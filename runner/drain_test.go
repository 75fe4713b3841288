package runner

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/experiments"
	"matrix/results"
	"matrix/runner/telemetry"
)

func gpu(used int64, processes ...telemetry.GPUProcess) []telemetry.GPU {
	return []telemetry.GPU{{UUID: "GPU-1", Name: "H100", MemoryTotal: 80 << 30, MemoryUsed: used, Processes: processes}}
}

func TestOccupied(t *testing.T) {
	desktop := telemetry.GPUProcess{PID: 1, Name: "Xorg", Bytes: 300 << 20}
	foreign := telemetry.GPUProcess{PID: 2, Name: "python", Bytes: 4 << 30, Compute: true}
	base := baseline{used: map[string]int64{"GPU-1": 1 << 30}, pids: map[int]bool{2: true}}
	clean := baseline{used: map[string]int64{"GPU-1": 1 << 30}, pids: map[int]bool{}}
	tests := map[string]struct {
		base      baseline
		gpus      []telemetry.GPU
		exclusive bool
		want      string
	}{
		"free":                {clean, gpu(1 << 30), true, ""},
		"a desktop":           {clean, gpu(1<<30, desktop), true, ""},
		"within tolerance":    {clean, gpu(1<<30 + 60<<20), true, ""},
		"memory is held":      {clean, gpu(3 << 30), false, "H100 has 2048 MiB more in use"},
		"new process":         {clean, gpu(5<<30, foreign), false, "python (pid 2) holds 4096 MiB of H100"},
		"was there before":    {base, gpu(1<<30, foreign), false, ""},
		"there and exclusive": {base, gpu(1<<30, foreign), true, "python (pid 2)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := tt.base.occupied(tt.gpus, tt.exclusive, 0)
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A machine that does not get free in time: the environment's failure names who holds it; a busy CPU only warns.
func TestDrainIsBounded(t *testing.T) {
	tests := map[string]struct {
		exclusive bool
		busy      float64
		gpus      func(look int) ([]telemetry.GPU, error)
		status    string
		text      string
	}{
		"busy CPU":            {false, 2, nil, results.Complete, "CPU did not become quiet"},
		"busy CPU, exclusive": {true, 2, nil, results.Complete, "CPU did not become quiet"},
		"quiet":               {true, 0.1, nil, results.Complete, ""},
		"GPU is taken": {false, 0, func(look int) ([]telemetry.GPU, error) {
			if look < 5 { // what is there, the baseline, and whether the apply may begin
				return gpu(0), nil
			}
			return gpu(9<<30, telemetry.GPUProcess{PID: 7, Name: "ollama", Bytes: 9 << 30, Compute: true}), nil
		}, results.EnvironmentFailed, "ollama (pid 7)"},
		"GPU gets free": {false, 0, func(look int) ([]telemetry.GPU, error) {
			if look >= 5 && look < 10 {
				return gpu(9 << 30), nil
			}
			return gpu(0), nil
		}, results.Complete, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := testCell("a", 10)
				c.Platform.Backend = experiments.Ollama
				r.world.Backends[experiments.Ollama] = r.backend.value()
				c.Limits.Drain, c.Isolation.Exclusive = 10*time.Second, tt.exclusive
				r.host.quiet = func(ctx context.Context, window time.Duration) float64 { pause(ctx, window); return tt.busy }
				looks := 0
				if tt.gpus != nil {
					r.host.gpus = func() ([]telemetry.GPU, error) { looks++; return tt.gpus(looks - 1) }
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

func TestLacksHardware(t *testing.T) {
	vram := int64(16 << 30)
	card := results.Machine{GPUName: "NVIDIA GeForce RTX 4080", GPUs: 1, GPUMemoryBytes: &vram, RAMBytes: 32 << 30, Driver: "550.54.14"}
	tests := map[string]struct {
		need experiments.Hardware
		have results.Machine
		want string
	}{
		"has it":     {experiments.Hardware{GPU: "GeForce RTX 4080", GPUs: 1, VRAMGiB: 15.57, RAMGiB: 32, MinDriver: "535"}, card, ""},
		"no GPU":     {experiments.Hardware{ID: "x", GPU: "NVIDIA H100"}, results.Machine{}, "hardware x needs a GPU NVIDIA H100, and this machine shows none"},
		"other GPU":  {experiments.Hardware{GPU: "NVIDIA H100"}, card, "this machine has NVIDIA GeForce RTX 4080"},
		"too few":    {experiments.Hardware{GPUs: 2}, card, "2 GPUs, and this machine has 1"},
		"small VRAM": {experiments.Hardware{VRAMGiB: 24}, card, "24 GiB of VRAM, and this GPU has 16"},
		"small RAM":  {experiments.Hardware{RAMGiB: 64}, card, "64 GiB of RAM"},
		"old driver": {experiments.Hardware{MinDriver: "550.90"}, card, "driver 550.90"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := lacksHardware(&tt.need, tt.have)
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A full disk is said, and stops everything.
func TestBrokenStoreStopsTheApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.plan(testCell("a", 10))
		p.Items[0].Cell.Experiment = "../outside" // no folder of the results
		_, err := apply(t.Context(), r.world, p, r.options, r.host)
		if err == nil || errors.Is(err, context.Canceled) || r.backend.launches.Load() != 0 {
			t.Errorf("got %v after %d launches", err, r.backend.launches.Load())
		}
	})
}
