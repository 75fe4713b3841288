package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"matrix/backends"
	"matrix/experiments"
	"matrix/results"
	"matrix/runner/telemetry"
)

// reserving is a backend that wants half a GPU and reads its weights from a file.
func reserving(b *fakeBackend) backends.Backend {
	value := b.value()
	value.Reserves = func(_ *experiments.Cell, total int64) int64 { return total / 2 }
	value.ModelFiles = func(*experiments.Cell) []string { return []string{"/models/weights"} }
	return value
}

// Cells that cannot fit beside what is there are refused before anything starts, once, by what NVML says; the holders are named.
func TestRefusedBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.world.Backends[experiments.VLLMServe] = reserving(r.backend)
		r.host.gpus = func() ([]telemetry.GPU, error) {
			return gpu(60<<30, telemetry.GPUProcess{PID: 9, Name: "Xorg", Bytes: 58 << 30}), nil
		}
		_, err := apply(t.Context(), r.world, r.plan(vllmCell("a", 1), vllmCell("b", 2)), r.options, r.host)
		var busy *BusyError
		want := "the engine wants 39.20 GiB of H100 and 20.00 of 80.00 are free; in use by Xorg (pid 9) with 58.00 GiB"
		if !errors.As(err, &busy) || len(busy.Held) != 1 || busy.Held[0] != want || r.backend.launches.Load() != 0 {
			t.Errorf("got %v after %d launches", err, r.backend.launches.Load())
		}
	})
}

// Cold caches without root: the model's files are forgotten; where that fails too, the row says so.
func TestColdCaches(t *testing.T) {
	for want, fails := range map[string][2]error{"cold": {}, "model_files_dropped": {os.ErrPermission, nil}, "not_dropped": {os.ErrPermission, errors.New("no")}} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.world.Backends[experiments.VLLMServe] = reserving(r.backend)
				r.host.dropCaches = func() error { return fails[0] }
				forgotten := ""
				r.host.forgetFiles = func(paths []string) error { forgotten = strings.Join(paths, " "); return fails[1] }
				swap, load1 := int64(1<<30), 1.5
				r.host.strain = func(context.Context) (*int64, *float64) { return &swap, &load1 }
				c := vllmCell("a", 1)
				c.Isolation.Caches = "cold"
				p := r.plan(c)
				a := &applying{w: r.world, plan: p, host: r.host, events: &events{}, crowd: newCrowd()}
				l := newLaunch(a, 0, p.Order[0], place{})
				l.row.Phases = map[string]float64{}
				a.events.observe = nil
				attempt, err := r.world.Store.Begin(c, p.Items[0].Identity, 1, nil)
				if err != nil {
					t.Fatal(err)
				}
				l.attempt = attempt
				l.coldCaches()
				l.notes(t.Context())
				if l.row.PageCache != want || l.row.CompileCache != "cold" || (forgotten == "/models/weights") != (fails[0] != nil) {
					t.Errorf("page cache %q, compile cache %q, forgot %q", l.row.PageCache, l.row.CompileCache, forgotten)
				}
				if *l.row.HostSwap != swap || *l.row.HostLoad1 != load1 || !strings.Contains(strings.Join(l.row.Warnings, " "), "swapped memory out") {
					t.Errorf("notes %v %v %q", l.row.HostSwap, l.row.HostLoad1, l.row.Warnings)
				}
				if _, err := attempt.Commit(results.Interrupted, "test", "", l.row); err != nil {
					t.Error(err)
				}
			})
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
