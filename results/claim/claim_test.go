package claim

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matrix/results/disk"
)

func TestOneWins(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "launch")
	var won, held atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := Take(&disk.FS{}, dir, Me("test"))
			var h *ErrHeld
			switch {
			case err == nil:
				won.Add(1)
			case errors.As(err, &h) && h.Owner.PID == os.Getpid():
				held.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || held.Load() != 49 {
		t.Errorf("%d won, %d were told who did; want 1 and 49", won.Load(), held.Load())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReleased(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "launch")
	first, err := Take(&disk.FS{}, dir, Me("first"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(first.Held(), first.Release()); err != nil {
		t.Fatal(err)
	}
	if h, err := Holder(dir); h != nil || err != nil {
		t.Errorf("held by %v (%v) after its release", h, err)
	}
	second, err := Take(&disk.FS{}, dir, Me("second"))
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(first.Held(), ErrLost) || second.Held() != nil {
		t.Errorf("first: %v, second: %v; want lost and held", first.Held(), second.Held())
	}
}

// A process that is gone holds nothing, and of many who see it just one takes over.
func TestDeadOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "launch")
	dead := Me("dead")
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dead.PID = gone.Process.Pid
	if _, err := Take(&disk.FS{}, dir, dead); err != nil {
		t.Fatal(err)
	}
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := Take(&disk.FS{}, dir, Me("heir")); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d heirs, want 1", won.Load())
	}
}

func TestFinds(t *testing.T) {
	me := Me("me")
	me.Job, me.Task, me.Restart = "7", "3", 1
	elsewhere := Owner{Host: "far", Boot: "other boot", PID: 1, Start: "1", Job: "8", Task: "3"}
	again := me
	again.Restart = 0
	rebooted := me
	rebooted.Restart, rebooted.Boot = 1, "the boot before"
	for name, c := range map[string]struct {
		other   Owner
		silence time.Duration
		dead    bool
	}{
		"an earlier start of the same task":   {again, 0, true},
		"this very process":                   {me, time.Hour, false},
		"another machine, heard of":           {elsewhere, Silence - time.Second, false},
		"another machine, silent":             {elsewhere, Silence, true},
		"this machine before its last boot":   {rebooted, Silence, true},
		"the same, but it was just heard of":  {rebooted, time.Second, false},
		"a number that another process wears": {Owner{Boot: me.Boot, PID: me.PID, Start: "1"}, 0, true},
	} {
		if got := me.Finds(c.other, c.silence); got != c.dead {
			t.Errorf("%s: dead %t, want %t", name, got, c.dead)
		}
	}
}
