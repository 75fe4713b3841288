package machine

import (
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/record"
)

func TestLacksHardware(t *testing.T) {
	vram := int64(16 << 30)
	card := record.Machine{GPUName: "NVIDIA GeForce RTX 4080", GPUs: 1, GPUMemoryBytes: &vram, RAMBytes: 32 << 30, Driver: "550.54.14"}
	tests := map[string]struct {
		need cell.Hardware
		have record.Machine
		want string
	}{
		"has it":     {cell.Hardware{GPU: "GeForce RTX 4080", GPUs: 1, VRAMGiB: 15.57, RAMGiB: 32, MinDriver: "535"}, card, ""},
		"no GPU":     {cell.Hardware{ID: "x", GPU: "NVIDIA H100"}, record.Machine{}, "hardware x needs a GPU NVIDIA H100, and this machine shows none"},
		"other GPU":  {cell.Hardware{GPU: "NVIDIA H100"}, card, "this machine has NVIDIA GeForce RTX 4080"},
		"too few":    {cell.Hardware{GPUs: 2}, card, "2 GPUs, and this machine has 1"},
		"small VRAM": {cell.Hardware{VRAMGiB: 24}, card, "24 GiB of VRAM, and this GPU has 16"},
		"small RAM":  {cell.Hardware{RAMGiB: 64}, card, "64 GiB of RAM"},
		"old driver": {cell.Hardware{MinDriver: "550.90"}, card, "driver 550.90"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := Lacks(&tt.need, tt.have)
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
