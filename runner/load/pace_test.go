package load

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestPacerNeverComesEarly: on the real clock, whatever the length of the wait.
func TestPacerNeverComesEarly(t *testing.T) {
	p := newPacer()
	defer p.close()
	for _, wait := range []time.Duration{-time.Second, 0, time.Microsecond, 300 * time.Microsecond, 5 * time.Millisecond} {
		due := time.Now().Add(wait)
		if !p.until(t.Context(), due) || time.Now().Before(due) {
			t.Errorf("a wait of %s: ended early or said that it was canceled", wait)
		}
	}
}

// TestPacerIsCanceled: in the kernel's part of a wait and in Go's.
func TestPacerIsCanceled(t *testing.T) {
	for _, wait := range []time.Duration{time.Hour, time.Millisecond} {
		p := newPacer()
		ctx, cancel := context.WithCancel(t.Context())
		if wait == time.Hour {
			time.AfterFunc(time.Millisecond, cancel)
		} else {
			cancel()
		}
		if p.until(ctx, time.Now().Add(wait)) {
			t.Errorf("a canceled wait of %s: want false", wait)
		}
		cancel()
		p.close()
	}
}

// TestPacerFollowsAnotherClock: where Go's clock is not the kernel's, as in a test, Go's own timers take over.
func TestPacerFollowsAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer()
		defer p.close()
		for n := range 3 {
			due := time.Now().Add(time.Duration(n+1) * time.Minute)
			if !p.until(t.Context(), due) || !time.Now().Equal(due) {
				t.Errorf("wait %d ended at %s, want %s", n, time.Now(), due)
			}
		}
	})
}
