package apply

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/runner/events"
	"matrix/runner/plan"
	"matrix/runner/runnertest"
)

// interruptAfter applies and cancels after d.
func (r *rig) interruptAfter(d time.Duration, p *plan.Plan) (events.Summary, time.Duration) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var at time.Time
	time.AfterFunc(d, func() { at = time.Now(); cancel() })
	sum := r.apply(ctx, p)
	return sum, time.Since(at)
}

// ^C: rows are kept, and the next apply asks only what is left, as the same attempt in a new segment.
func TestInterruptedCellGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 100)
		sum, took := r.interruptAfter(1250*time.Millisecond, r.plan(c))
		if sum.Interrupted != 1 || !sum.Stopped || took > 10*time.Second {
			t.Fatalf("got %+v, %s after ^C", sum, took)
		}
		if len(r.history()) != 0 {
			t.Fatal("the interrupted attempt was committed")
		}
		item := r.judged(c)
		if item.Resume == "" || item.State != plan.Partial || len(item.Reasons) != 1 || item.Reasons[0] != plan.ReasonInterrupted {
			t.Errorf("planned as %+v", item)
		}
		asked := 0
		r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
			e := runnertest.NewEngine()
			e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
				asked++
				return runnertest.Healthy(ctx, req)
			}
			c.Load.Concurrency = 1 // so that asked needs no lock
			return e, nil
		}
		if sum := r.apply(context.Background(), r.plan(c)); sum.Complete != 1 {
			t.Fatalf("got %+v, want it complete", sum)
		}
		past := r.only()
		if past.Attempt != item.Resume || past.Segments != 2 || past.OK != 100 {
			t.Errorf("attempt %s in %d segments with %d ok, want %s in 2 with 100", past.Attempt, past.Segments, past.OK, item.Resume)
		}
		bySegment := map[int32]int{}
		for _, row := range r.rows(past, 100) {
			bySegment[row.Segment]++
		}
		if bySegment[1] == 0 || bySegment[2] != asked-3 { // 3 of the second segment's own warm-up
			t.Errorf("rows by segment %v, and the second asked %d", bySegment, asked)
		}
		if want := fmt.Sprintf("interrupted after %d of 100 requests", bySegment[1]); item.Detail != want {
			t.Errorf("detail %q, want %q", item.Detail, want)
		}
	})
}

// What was measured and interrupted of a cell is nothing of another that asks for the same, whatever a filter leaves of them.
func TestTwinsAreMeasuredEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, b, of := runnertest.Cell("a", 100), runnertest.Cell("bb", 100), plan.Filter{Only: []string{"platform=a"}}
		r.interruptAfter(1250*time.Millisecond, r.planned(plan.Filter{Only: []string{"platform=bb"}}, a, b))
		if item := r.planned(of, a, b).Items[0]; item.State != plan.New || item.Resume != "" {
			t.Errorf("with its twin interrupted: %s, goes on with %q", item.State, item.Resume)
		}
		for _, cells := range []plan.Filter{of, {}} {
			if sum := r.apply(t.Context(), r.planned(cells, a, b)); sum.Complete != 1 {
				t.Errorf("%+v, want 1 launch complete", sum)
			}
		}
		past := r.history()
		if len(past) != 2 || past[0].Slug == past[1].Slug || past[0].Segments+past[1].Segments != 3 {
			t.Errorf("%d attempts: %+v", len(past), past)
		}
	})
}

// judged is how a plan sees the cell now.
func (r *rig) judged(c *cell.Cell) *plan.Item {
	r.t.Helper()
	return r.planned(plan.Filter{}, c).Items[0]
}

func TestInterruptedInLoadStartsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 10)
		r.backend.OnLaunch = func(ctx context.Context, _ int, _ backends.Spec) (backends.Engine, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		sum, took := r.interruptAfter(time.Second, r.plan(c))
		if sum.Interrupted != 1 || took > 10*time.Second {
			t.Fatalf("got %+v, %s after ^C", sum, took)
		}
		if past := r.only(); past.Status != record.Interrupted {
			t.Errorf("committed as %s, want interrupted", past.Status)
		}
	})
}

func TestInterruptWithoutResumeCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 100)
		c.Resume = false
		if sum, _ := r.interruptAfter(time.Second, r.plan(c)); sum.Interrupted != 1 {
			t.Fatalf("got %+v", sum)
		}
		past := r.only()
		if past.Status != record.Interrupted {
			t.Errorf("committed as %s, want interrupted", past.Status)
		}
		r.rows(past, 100)
	})
}

// An engine that will not stop: after the first ^C it has its seconds, after the second none.
func TestStubbornEngine(t *testing.T) {
	tests := map[string]struct {
		second time.Duration // after the first ^C; 0 = never
		most   time.Duration // for all to end after the last ^C
	}{
		"once":  {0, 10 * time.Second},
		"twice": {time.Second, 3 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
					e := runnertest.NewEngine()
					e.Stop = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
					return e, nil
				}
				hard := make(chan struct{})
				r.options.Hard = hard
				ctx, cancel := context.WithCancel(context.Background())
				var last time.Time
				time.AfterFunc(time.Second, func() {
					last = time.Now()
					cancel()
					if tt.second > 0 {
						time.AfterFunc(tt.second, func() { last = time.Now(); close(hard) })
					}
				})
				if sum := r.apply(ctx, r.plan(runnertest.Cell("a", 1000))); sum.Interrupted != 1 {
					t.Errorf("got %+v, want it interrupted", sum)
				}
				if took := time.Since(last); took > tt.most {
					t.Errorf("ended %s after the last ^C, want at most %s", took, tt.most)
				}
			})
		})
	}
}

// After ^C no further launch begins.
func TestInterruptStopsThePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		sum, _ := r.interruptAfter(time.Second, r.plan(runnertest.Cell("a", 100), runnertest.Cell("bb", 100), runnertest.Cell("ccc", 100)))
		if sum.Interrupted != 1 || sum.NotRun != 2 || r.backend.Launches.Load() != 1 {
			t.Errorf("got %+v after %d launches", sum, r.backend.Launches.Load())
		}
		if r.kinds()[events.Interrupt] != 1 {
			t.Errorf("%d interrupt events, want 1", r.kinds()[events.Interrupt])
		}
	})
}

// What cannot go on is committed before anything is run: here the cell has changed since.
func TestChangedCellDoesNotGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 100)
		r.interruptAfter(time.Second, r.plan(c))
		p := r.plan(c)
		p.Items[0].Identity = runnertest.Identity(c.Address, map[string]string{"spec": `{"x":1}`})
		r.apply(context.Background(), p)
		past := r.history()
		if len(past) != 2 || past[0].Status != record.Interrupted || past[1].Status != record.Complete || past[1].Segments != 1 {
			t.Errorf("got %+v", past)
		}
	})
}

// ^C when everything is in flight: what was stopped is not taken for done.
func TestInterruptWithAllInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 20)
		c.Load.Concurrency = 20
		r.backend.OnLaunch = func(_ context.Context, n int, _ backends.Spec) (backends.Engine, error) {
			e := runnertest.NewEngine()
			e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
				if req.Seq >= 5 && n == 1 {
					<-ctx.Done()
				}
				return runnertest.Healthy(ctx, req)
			}
			return e, nil
		}
		if sum, _ := r.interruptAfter(time.Second, r.plan(c)); sum.Interrupted != 1 {
			t.Fatalf("got %+v, want it interrupted", sum)
		}
		if item := r.judged(c); item.Detail != "interrupted after 5 of 20 requests" {
			t.Errorf("detail %q", item.Detail)
		}
		r.apply(context.Background(), r.plan(c))
		for seq, row := range r.rows(r.only(), 20) {
			if want := int32(1 + min(1, seq/5)); row.Status != "ok" || row.Segment != want {
				t.Errorf("request %d: %s in segment %d, want ok in %d", seq, row.Status, row.Segment, want)
			}
		}
	})
}

// An attempt that goes on and is interrupted before it measures anything more keeps what it has.
func TestInterruptedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 100)
		r.interruptAfter(1250*time.Millisecond, r.plan(c))
		r.backend.OnLaunch = func(ctx context.Context, _ int, _ backends.Spec) (backends.Engine, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		before := r.judged(c)
		r.interruptAfter(time.Second, r.plan(c))
		if after := r.judged(c); after.Resume == "" || after.Resume != before.Resume || after.Detail != before.Detail {
			t.Errorf("before %q (%s), after %q (%s)", before.Detail, before.Resume, after.Detail, after.Resume)
		}
		r.backend.OnLaunch = nil
		r.apply(context.Background(), r.plan(c))
		if past := r.only(); past.Status != record.Complete || past.OK != 100 {
			t.Errorf("got %s with %d ok", past.Status, past.OK)
		}
		r.rows(r.only(), 100)
	})
}

// An environment failure in a later segment keeps the rows, and the next try goes on.
func TestEnvironmentFailsInLaterSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.options.LaunchRetries = 1
		c := runnertest.Cell("a", 100)
		r.interruptAfter(1250*time.Millisecond, r.plan(c))
		r.backend.OnLaunch = func(_ context.Context, n int, _ backends.Spec) (backends.Engine, error) {
			if n == 2 {
				return nil, &backends.LaunchError{Environment: true, Class: "port_taken", Err: errCrash}
			}
			return runnertest.NewEngine(), nil
		}
		if sum := r.apply(context.Background(), r.plan(c)); sum.Complete != 1 {
			t.Errorf("got %+v", sum)
		}
		if past := r.only(); past.Status != record.Complete || past.OK != 100 {
			t.Errorf("got %s with %d ok", past.Status, past.OK)
		}
	})
}
