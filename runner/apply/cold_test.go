package apply

import (
	"errors"
	"testing"
	"testing/synctest"

	"matrix/runner/runnertest"
	"matrix/runner/telemetry"
)

// Cells that cannot fit beside what is there are refused before anything starts, once, by what NVML says; the holders are named.
func TestRefusedBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.world.Backends["vllm_serve"] = runnertest.Reserving(r.backend)
		r.host.GPUs = func() ([]telemetry.GPU, error) {
			return oneGPU(60<<30, telemetry.GPUProcess{PID: 9, Name: "Xorg", Bytes: 58 << 30}), nil
		}
		_, err := apply(t.Context(), r.world, r.plan(vllmCell("a", 1), vllmCell("b", 2)), r.options, r.host)
		var busy *BusyError
		want := "the engine wants 39.20 GiB of H100 and 20.00 of 80.00 are free; in use by Xorg (pid 9) with 58.00 GiB"
		if !errors.As(err, &busy) || len(busy.Held) != 1 || busy.Held[0] != want || r.backend.Launches.Load() != 0 {
			t.Errorf("got %v after %d launches", err, r.backend.Launches.Load())
		}
	})
}
