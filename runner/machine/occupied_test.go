package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/runner/telemetry"
)

func gpu(used int64, processes ...telemetry.GPUProcess) []telemetry.GPU {
	return []telemetry.GPU{{UUID: "GPU-1", Name: "H100", MemoryTotal: 80 << 30, MemoryUsed: used, Processes: processes}}
}

func TestOccupied(t *testing.T) {
	desktop := telemetry.GPUProcess{PID: 1, Name: "Xorg", Bytes: 300 << 20}
	foreign := telemetry.GPUProcess{PID: 2, Name: "python", Bytes: 4 << 30, Compute: true}
	base := Baseline{used: map[string]int64{"GPU-1": 1 << 30}, pids: map[int]bool{2: true}}
	clean := Baseline{used: map[string]int64{"GPU-1": 1 << 30}, pids: map[int]bool{}}
	tests := map[string]struct {
		base      Baseline
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
			got := tt.base.Occupied(tt.gpus, tt.exclusive, 0)
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestForgetFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := forgetFiles([]string{file}); err != nil {
		t.Skipf("this system cannot: %v", err)
	}
	if err := forgetFiles([]string{file + ".gone"}); err == nil {
		t.Error("a missing file was forgotten")
	}
}
