package claim

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
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

// A generation that a crash or a disk tore is nobody's after two minutes, and until then it is held; it stops no one for
// good.
func TestTornClaim(t *testing.T) {
	tears := map[string]func(gen string) error{
		"empty owner":   func(gen string) error { return os.WriteFile(filepath.Join(gen, ownerFile), nil, 0o644) },
		"half an owner": func(gen string) error { return os.Truncate(filepath.Join(gen, ownerFile), 20) },
		"no owner":      func(gen string) error { return os.Remove(filepath.Join(gen, ownerFile)) },
		"an owner to wait": func(gen string) error {
			_ = os.Remove(filepath.Join(gen, ownerFile))
			return syscall.Mkfifo(filepath.Join(gen, ownerFile), 0o644)
		},
		"nothing at all": func(gen string) error { return errors.Join(os.RemoveAll(gen), os.Mkdir(gen, 0o755)) },
		"a file":         func(gen string) error { return errors.Join(os.RemoveAll(gen), os.WriteFile(gen, nil, 0o644)) },
	}
	for name, tear := range tears {
		dir := filepath.Join(t.TempDir(), "launch")
		if _, err := Take(&disk.FS{}, dir, Me("first")); err != nil {
			t.Fatal(err)
		}
		gen := generation(dir, 1)
		if err := tear(gen); err != nil {
			t.Fatal(err)
		}
		var held *ErrHeld
		if _, err := Take(&disk.FS{}, dir, Me("second")); !errors.As(err, &held) {
			t.Errorf("%s: just now: %v, want held", name, err)
		}
		if h, err := Holder(dir); h == nil || err != nil {
			t.Errorf("%s: held by %v, %v", name, h, err)
		}
		old := time.Now().Add(-Silence - time.Second)
		_ = os.Chtimes(filepath.Join(gen, aliveFile), old, old) // not there in some
		if err := os.Chtimes(gen, old, old); err != nil {
			t.Fatal(err)
		}
		if _, err := Take(&disk.FS{}, dir, Me("second")); err != nil {
			t.Errorf("%s: after two minutes of silence: %v", name, err)
		}
	}
}

// Names beside the generations are none.
func TestStrangeGenerations(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "launch")
	for _, name := range []string{"g007", "g+9", "g9223372036854775807", "g", "gx", "g-3"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Take(&disk.FS{}, dir, Me("me"))
	if err != nil || c.gen != 1 || c.Held() != nil {
		t.Errorf("%+v, %v", c, err)
	}
}
