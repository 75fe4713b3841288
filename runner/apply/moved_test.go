package apply

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/runner/events"
	"matrix/runner/runnertest"
)

// Results that somebody moves away are missed within seconds, in a load of ten minutes as in a batch of hours, and what
// was measured goes on when they are back.
func TestResultsMovedAway(t *testing.T) {
	for _, when := range []string{"load", "measure"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			root := r.world.Store.Root()
			moved := time.Time{}
			move := func() {
				if moved.IsZero() {
					moved = time.Now()
					if err := os.Rename(root, root+".moved"); err != nil {
						t.Error(err)
					}
				}
			}
			r.backend.OnLaunch = func(ctx context.Context, _ int, _ backends.Spec) (backends.Engine, error) {
				if when == "load" {
					move()
					<-ctx.Done()
					return nil, context.Cause(ctx)
				}
				e := runnertest.NewEngine()
				e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
					if req.Seq == 20 {
						move()
					}
					return runnertest.Healthy(ctx, req)
				}
				return e, nil
			}
			p := r.plan(runnertest.Cell("a", 5_000))
			_, err := apply(t.Context(), r.world, p, r.options, r.host)
			if err == nil || !strings.Contains(err.Error(), "moved or removed") || time.Since(moved) > 10*time.Second {
				t.Fatalf("%s: %v after %s", when, err, time.Since(moved))
			}
			if last := r.events[len(r.events)-1]; last.Kind != events.ApplyDone || last.Message != err.Error() {
				t.Errorf("%s: told at last: %+v", when, last)
			}
			if _, err := os.Stat(root); err == nil {
				if err := os.RemoveAll(root); err != nil { // what the end of the apply made anew
					t.Fatal(err)
				}
			}
			if err := os.Rename(root+".moved", root); err != nil {
				t.Fatal(err)
			}
			left, err := r.world.Store.Unfinished(t.Context())
			if err != nil || len(left) != 1 || when == "measure" && left[0].Done() < 10 {
				t.Errorf("%s: %d attempts to go on with (%v)", when, len(left), err)
			}
		})
	}
}
