package apply

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/runner/events"
	"matrix/runner/runnertest"
)

// TestStalledStream: one of ten streams stops in the midst of its answer. The progress says which and for how long and has
// no time left to tell; healthy lines have a rate though nothing has ended yet; the run's warnings name the limit.
func TestStalledStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
			e := runnertest.NewEngine()
			e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
				sent := time.Now()
				req.Flight.Connected(sent)
				defer req.Flight.Landed()
				for i := range 20 {
					if req.Seq == 4 && req.Flight != nil && i == 8 {
						time.Sleep(time.Minute)
					}
					time.Sleep(500 * time.Millisecond)
					req.Flight.Spoke(time.Now())
				}
				reply := runnertest.Healthy(ctx, req)
				reply.Sent = sent
				return reply
			}
			return e, nil
		}
		c := runnertest.Cell("a", 10)
		c.Load.Mode = "batch"
		c.Load.Timeout = 5 * time.Minute
		if sum := r.apply(t.Context(), r.plan(c)); sum.Complete != 1 {
			t.Fatalf("got %+v", sum)
		}
		early, stalled, warned := false, false, ""
		for _, e := range r.events {
			p := e.Progress
			switch {
			case e.Kind == events.Warning && strings.Contains(e.Message, "stalled"):
				warned = e.Message
			case e.Kind != events.CellProgress:
			case p.Done == 0 && p.Elapsed > 4*time.Second && p.Elapsed < 9*time.Second:
				early = true
				if p.TokensPerSecond < 15 || p.Stalled != "" {
					t.Fatalf("%.1f tok/s, %q while ten streams speak twice a second", p.TokensPerSecond, p.Stalled)
				}
			case p.Elapsed > 20*time.Second && p.Elapsed < 50*time.Second:
				stalled = true
				if !strings.HasPrefix(p.Stalled, "request 4 silent for") || p.CellETA != nil || p.PlanETA != nil {
					t.Fatalf("%q, left %v", p.Stalled, p.CellETA)
				}
			}
		}
		if !early || !stalled || !strings.Contains(warned, "request 4") || !strings.Contains(warned, "load.timeout (5m0s)") {
			t.Errorf("early %v, stalled %v, warning %q", early, stalled, warned)
		}
	})
}
