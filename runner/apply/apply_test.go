package apply

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
	"matrix/runner/events"
	"matrix/runner/runnertest"
)

func TestApplyCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backend.OnLaunch = func(_ context.Context, _ int, spec backends.Spec) (backends.Engine, error) {
			time.Sleep(2 * time.Second)
			spec.Observe(backends.Phase{Name: "spawn", Duration: time.Second}) // so one second came before the process
			time.Sleep(3 * time.Second)
			return runnertest.NewEngine(), nil
		}
		sum := r.apply(t.Context(), r.plan(runnertest.Cell("a", 10)))
		if sum.Complete != 1 || len(sum.Attempts) != 1 {
			t.Fatalf("got %+v, want one complete", sum)
		}
		past := r.only()
		if past.Status != record.Complete || past.OK != 10 {
			t.Errorf("got %s with %d ok, want complete with 10", past.Status, past.OK)
		}
		for seq, row := range r.rows(past, 10) {
			if row.Status != "ok" || row.SentS == nil || *row.SentS < 0 || row.OutputHash == [16]byte{} || row.MaxTokens != 5 {
				t.Errorf("request %d: %+v", seq, row)
			}
		}
		// 1 s of process before spawn was told + 3 s + the first token after 40 ms.
		if got := past.Summary["load_s"]; got < 4.039 || got > 4.041 {
			t.Errorf("load_s %v, want 4.04", got)
		}
		if got := past.Summary["duration_s"]; got < 0.299 || got > 0.301 { // 4 + 4 + 2, 0.1 s each
			t.Errorf("duration_s %v, want 0.3", got)
		}
		want := map[events.Kind]int{events.LaunchStart: 1, events.LaunchReady: 1, events.CellStart: 1, events.CellComplete: 1, events.LaunchStop: 1, events.ApplyDone: 1}
		for kind, n := range want {
			if r.kinds()[kind] != n {
				t.Errorf("%d events %s, want %d", r.kinds()[kind], kind, n)
			}
		}
	})
}

// Long answers make a warm-up long and no warmer; what the cell asks at least is asked for.
func TestWarmUpAnswersAreShort(t *testing.T) {
	for least, want := range map[int]int64{0: 32, 50: 50} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			c := runnertest.Cell("a", 10)
			c.Dataset.Synthetic.OutputTokens = runnertest.Constant(100)
			c.Generate = &cell.Generate{MaxTokens: 100, MinTokens: least}
			r.apply(t.Context(), r.plan(c))
			err := table.ReadRequests(r.only().Dir, func(row record.RequestRow) error {
				if row.Phase == "warmup" && row.MaxTokens != want || row.Phase != "warmup" && row.MaxTokens != 100 {
					t.Errorf("min_tokens %d: a request of phase %s was asked %d tokens", least, row.Phase, row.MaxTokens)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWarmUpIsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.apply(t.Context(), r.plan(runnertest.Cell("a", 10)))
		warm := 0
		err := table.ReadRequests(r.only().Dir, func(row record.RequestRow) error {
			if row.Phase == "warmup" {
				warm++
				if row.DoneS == nil || *row.DoneS > 0 {
					t.Errorf("a warm-up request ended in the measured phase: %+v", row)
				}
			}
			return nil
		})
		if err != nil || warm != 3 {
			t.Errorf("%d warm-up rows (%v), want 3", warm, err)
		}
	})
}

// An engine that dies mid-batch: its requests say so, the cell has failed, the next cell runs.
func TestEngineDiesMidBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backend.OnLaunch = func(_ context.Context, n int, spec backends.Spec) (backends.Engine, error) {
			e := runnertest.NewEngine()
			if n > 1 {
				return e, nil
			}
			var asked atomic.Int64
			e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
				if asked.Add(1) > 10 {
					_ = os.WriteFile(spec.LogPath, []byte("loading\nCUDA out of memory\n"), 0o600)
					e.Die(errCrash)
					return backends.Reply{Status: backends.Disconnected, ErrorClass: "connection_reset", Attempts: 1, Sent: time.Now(), Done: time.Now()}
				}
				return runnertest.Healthy(ctx, req)
			}
			return e, nil
		}
		sum := r.apply(t.Context(), r.plan(runnertest.Cell("a", 50), runnertest.Cell("bb", 60)))
		if sum.Failed != 1 || sum.Complete != 1 {
			t.Fatalf("got %+v, want one failed and one complete", sum)
		}
		past := r.history()[0]
		if past.Status != record.EngineFailed || !regexp.MustCompile(`^engine died after (\d|10) of 50 answers: exit status 1`).MatchString(past.Reason) { // what was in flight is no answer
			t.Errorf("got %s: %q", past.Status, past.Reason)
		}
		if !strings.Contains(past.LogTail, "CUDA out of memory") {
			t.Errorf("log tail %q lacks the engine's last words", past.LogTail)
		}
		statuses := map[string]int{}
		for seq, row := range r.rows(past, 50) {
			statuses[row.Status]++
			if row.Status != "ok" && row.ErrorClass != "engine_died" {
				t.Errorf("request %d: %s (%s), want engine_died", seq, row.Status, row.ErrorClass)
			}
		}
		if statuses["ok"] != 7 || statuses["disconnected"] == 0 || statuses["not_sent"] == 0 { // 3 of 10 answers were warm-up
			t.Errorf("statuses %v", statuses)
		}
	})
}

func TestLaunchFails(t *testing.T) {
	tests := map[string]struct {
		err      error
		status   string
		launches int64
		tail     string
	}{
		"environment is tried again": {&backends.LaunchError{Environment: true, Class: "port_taken", Err: errors.New("port 8000 is taken")}, record.EnvironmentFailed, 3, ""},
		"engine is a result":         {&backends.LaunchError{Class: "oom", Err: errors.New("out of memory"), LogTail: "boom"}, record.EngineFailed, 1, "boom"},
		"a plain error too":          {errors.New("no such thing"), record.EngineFailed, 1, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.options.LaunchRetries = 2
				r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) { return nil, tt.err }
				r.apply(t.Context(), r.plan(runnertest.Cell("a", 10)))
				if n := r.backend.Launches.Load(); n != tt.launches {
					t.Errorf("%d launches, want %d", n, tt.launches)
				}
				last := r.history()[tt.launches-1]
				if last.Status != tt.status || last.Reason != tt.err.Error() || last.LogTail != tt.tail {
					t.Errorf("got %s %q, tail %q", last.Status, last.Reason, last.LogTail)
				}
			})
		})
	}
}

func TestLoadHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 10)
		c.Limits.Load = time.Minute
		r.backend.OnLaunch = func(ctx context.Context, _ int, _ backends.Spec) (backends.Engine, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		r.apply(t.Context(), r.plan(c))
		if past := r.only(); past.Status != record.EngineFailed || !strings.Contains(past.Reason, "limits.load") {
			t.Errorf("got %s: %q", past.Status, past.Reason)
		}
		if took := time.Since(began); took > 70*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// What the machine lacks is said once for a cell, and nothing is started.
func TestMissingIsEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 10)
		c.Launches = 3
		p := r.plan(c, runnertest.Cell("bb", 10))
		p.Items[0].Missing = errors.New("no ollama on PATH")
		r.options.LaunchRetries = 5
		sum := r.apply(t.Context(), p)
		if sum.Environment != 1 || sum.NotRun != 2 || sum.Complete != 1 || r.backend.Launches.Load() != 1 {
			t.Errorf("got %+v after %d launches", sum, r.backend.Launches.Load())
		}
	})
}

func TestBreakerAndLimitCensor(t *testing.T) {
	fails := func(ctx context.Context, req backends.Request) backends.Reply {
		reply := runnertest.Healthy(ctx, req)
		if reply.Status == backends.OK && req.Seq%2 > 0 {
			reply.Status, reply.ErrorClass = backends.Failed, "http_500"
		}
		return reply
	}
	tests := map[string]struct {
		answer func(context.Context, backends.Request) backends.Reply
		limit  time.Duration
		rate   float64
		class  string
		reason string
	}{
		"breaker":    {fails, 0, 0.2, "max_error_rate", "max_error_rate 0.2"},
		"cell limit": {runnertest.Healthy, 5 * time.Second, 1, "cell_limit", "limit of 5s"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := runnertest.Cell("a", 1000)
				c.Limits.MaxErrorRate, c.Limits.Cell = tt.rate, tt.limit
				r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
					e := runnertest.NewEngine()
					e.Answer = tt.answer
					return e, nil
				}
				if sum := r.apply(t.Context(), r.plan(c)); sum.Censored != 1 {
					t.Fatalf("got %+v, want one censored", sum)
				}
				past := r.only()
				if !strings.Contains(past.Reason, tt.reason) {
					t.Errorf("reason %q, want %q in it", past.Reason, tt.reason)
				}
				ended, stopped := 0, 0
				for _, row := range r.rows(past, 1000) {
					switch row.Status {
					case "ok", "failed":
						ended++
					default:
						stopped++
						if row.ErrorClass != tt.class {
							t.Errorf("request %d: %s (%s), want %s", row.Seq, row.Status, row.ErrorClass, tt.class)
						}
					}
				}
				if ended == 0 || stopped == 0 {
					t.Errorf("%d ended, %d stopped: want some of both", ended, stopped)
				}
			})
		})
	}
}

func TestSecondApplyIsLockedOut(t *testing.T) {
	r := newRig(t)
	unlock, err := r.world.Store.Lock("someone else")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, err = apply(t.Context(), r.world, r.plan(runnertest.Cell("a", 10)), r.options, r.host)
	var locked *store.ErrLocked
	if !errors.As(err, &locked) || !strings.Contains(locked.Holder, "someone else") {
		t.Errorf("got %v, want ErrLocked by someone else", err)
	}
	if r.backend.Launches.Load() != 0 {
		t.Error("an engine was started")
	}
}

func TestBlindToGPUs(t *testing.T) {
	r := newRig(t)
	r.host.Blind = func() bool { return true }
	if _, err := apply(t.Context(), r.world, r.plan(), r.options, r.host); err == nil || !strings.Contains(err.Error(), "NVML") {
		t.Errorf("got %v, want a refusal", err)
	}
	r.options.WithoutNVML = true
	if _, err := apply(t.Context(), r.world, r.plan(), r.options, r.host); err != nil {
		t.Errorf("--without-nvml: %v", err)
	}
}

func TestFailFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.options.FailFast = true
		r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) { return nil, errCrash }
		if sum := r.apply(t.Context(), r.plan(runnertest.Cell("a", 10), runnertest.Cell("bb", 10))); sum.Failed != 1 || sum.NotRun != 1 {
			t.Errorf("got %+v, want one failed and one not run", sum)
		}
	})
}

// A scratch folder is there during the launch and gone afterwards.
func TestScratchIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		dir := ""
		r.backend.OnLaunch = func(_ context.Context, _ int, spec backends.Spec) (backends.Engine, error) {
			dir = spec.Dir
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				t.Errorf("no scratch folder: %v", err)
			}
			return runnertest.NewEngine(), nil
		}
		r.apply(t.Context(), r.plan(runnertest.Cell("a", 10)))
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there (%v)", dir, err)
		}
	})
}
