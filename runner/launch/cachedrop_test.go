package launch

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/events"
	"matrix/runner/plan"
	"matrix/runner/runnertest"
)

// Cold caches without root: the model's files are forgotten; where that fails too, the row says so.
func TestColdCaches(t *testing.T) {
	for want, fails := range map[string][2]error{"cold": {}, "model_files_dropped": {os.ErrPermission, nil}, "not_dropped": {os.ErrPermission, errors.New("no")}} {
		t.Run(want, func(t *testing.T) {
			store, err := store.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			host := runnertest.Machine()
			host.DropCaches = func() error { return fails[0] }
			forgotten := ""
			host.ForgetFiles = func(paths []string) error { forgotten = strings.Join(paths, " "); return fails[1] }
			swap, load1 := int64(1<<30), 1.5
			host.Strain = func(context.Context) (*int64, *float64) { return &swap, &load1 }
			c := runnertest.Cell("a", 1)
			c.Platform.Backend, c.Isolation.Caches = "vllm_serve", "cold"
			w := plan.World{Store: store, Backends: map[string]backends.Backend{"vllm_serve": runnertest.Reserving(&runnertest.Backend{})}}
			j := &journal{site: &Site{World: w, Host: host, Events: &events.Stream{}, Crowd: NewCrowd()}, item: &plan.Item{Cell: c}, cell: c}
			j.row.Phases = map[string]float64{}
			attempt, err := store.Begin(c, runnertest.Identity(c.Address, nil), 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			j.attempt = attempt
			e := &engine{j: j}
			e.coldCaches()
			e.notes(t.Context())
			if j.row.PageCache != want || j.row.CompileCache != "cold" || (forgotten == "/models/weights") != (fails[0] != nil) {
				t.Errorf("page cache %q, compile cache %q, forgot %q", j.row.PageCache, j.row.CompileCache, forgotten)
			}
			if *j.row.HostSwap != swap || *j.row.HostLoad1 != load1 || !strings.Contains(strings.Join(j.row.Warnings, " "), "swapped memory out") {
				t.Errorf("notes %v %v %q", j.row.HostSwap, j.row.HostLoad1, j.row.Warnings)
			}
			if _, err := attempt.Commit(record.Interrupted, "test", "", j.row); err != nil {
				t.Error(err)
			}
		})
	}
}
