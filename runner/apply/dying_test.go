package apply

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/results/record"
	"matrix/runner/events"
	"matrix/runner/runnertest"
)

// dying is a server whose core is gone: for a while it answers with errors, then nobody listens, and its process ends in
// order, with code 0, long after the requests.
type dying struct {
	*runnertest.Engine
	after   int64 // answers
	answers atomic.Int64
	ends    time.Duration // from the first error to the process's end; 0 = never
}

func newDying(after int64, ends time.Duration) *dying {
	d := &dying{Engine: runnertest.NewEngine(), after: after, ends: ends}
	d.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
		n := d.answers.Add(1)
		if n <= d.after {
			return runnertest.Healthy(ctx, req)
		}
		if n == d.after+1 && d.ends > 0 {
			time.AfterFunc(d.ends, func() { d.Die(errors.New("exit code 0")) })
		}
		r := backends.Reply{Status: backends.Failed, HTTPStatus: 500, ErrorClass: "http_500", Error: "EngineCore encountered an issue",
			Attempts: 1, Sent: time.Now()}
		if n > d.after+4 {
			r = backends.Reply{Status: backends.Disconnected, ErrorClass: "connection_refused", Error: "refused", Attempts: 1, Sent: time.Now()}
		}
		time.Sleep(6 * time.Millisecond)
		r.Done = time.Now()
		return r
	}
	return d
}

// Health is well as long as the core lives.
func (d *dying) Health(context.Context) error {
	if d.answers.Load() > d.after {
		return errors.New("503 Service Unavailable")
	}
	return nil
}

// TestDyingServer: an attempt on a server that dies by degrees is the engine's failure, whatever the server says while it
// does, and what was not asked yet is not burnt on it. So it is when nothing of ours ends (an attached one), and when it
// dies with its last request.
func TestDyingServer(t *testing.T) {
	for name, tt := range map[string]struct {
		after int64
		ends  time.Duration
		mode  string
	}{
		"ends soon": {40, time.Second, "closed"}, "ends late": {40, 20 * time.Second, "closed"}, "attached": {40, 0, "closed"},
		"with its last": {102, time.Second, "closed"}, "all in flight": {40, time.Second, "batch"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := runnertest.Cell("a", 100)
				c.Load.Mode = tt.mode
				r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
					return newDying(tt.after, tt.ends), nil
				}
				if sum := r.apply(t.Context(), r.plan(c)); sum.Failed != 1 {
					t.Fatalf("got %+v, want one failed", sum)
				}
				past := r.only()
				if !strings.Contains(past.Reason, "engine died") {
					t.Errorf("reason %q", past.Reason)
				}
				statuses := map[string]int{}
				for _, row := range r.rows(past, 100) {
					statuses[row.Status]++
				}
				if want := int(tt.after) - 3; statuses["ok"] != want { // 3 were the warm-up
					t.Errorf("%v, want %d ok", statuses, want)
				}
				if tt.mode == "closed" && tt.after < 100 && statuses["not_sent"] < 100-int(tt.after)-8 {
					t.Errorf("%v: the rest was burnt on a dead server", statuses)
				}
			})
		})
	}
}

// TestDyingSharedServer: a server that cells share dies by degrees under the first. That attempt is the engine's failure, its
// rest is not burnt, and the next cell is measured on a server of its own launch.
func TestDyingSharedServer(t *testing.T) {
	for name, ends := range map[string]time.Duration{"ends soon": time.Second, "lives on": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.backend.OnLaunch = func(_ context.Context, n int, _ backends.Spec) (backends.Engine, error) {
					if n == 1 {
						return newDying(40, ends), nil
					}
					return runnertest.NewEngine(), nil
				}
				one, two := runnertest.Cell("a", 100), runnertest.Cell("a", 110)
				one.Isolation.Server, two.Isolation.Server = "group", "group"
				if sum := r.apply(t.Context(), r.plan(one, two)); sum.Failed != 1 || sum.Complete != 1 || r.backend.Launches.Load() != 2 {
					t.Fatalf("got %+v after %d launches, want one failed, one complete on a second server", sum, r.backend.Launches.Load())
				}
				for _, past := range r.history() {
					statuses := map[string]int{}
					for _, row := range r.rows(past, past.BatchSize) {
						statuses[row.Status]++
					}
					failed := past.Status == record.EngineFailed
					if want := 40 - 3; failed && (statuses["ok"] != want || statuses["not_sent"] < past.BatchSize-want-10 || !strings.Contains(past.Reason, "engine died")) {
						t.Errorf("%q with %v, want %d ok and the rest not sent", past.Reason, statuses, want)
					}
					if past.Server != "group" || !failed && statuses["ok"] != past.BatchSize {
						t.Errorf("%s on %q: %v", past.Status, past.Server, statuses)
					}
				}
				if all := r.servers(); len(all) != 2 || !strings.Contains(all[0].Reason, "engine died") || all[1].Reason != "stopped" {
					t.Errorf("servers %+v", all)
				}
			})
		})
	}
}

// TestFlakyServer: one that fails now and then is asked, found well, and goes on.
func TestFlakyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
			e := newDying(1<<40, 0)
			e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
				reply := runnertest.Healthy(ctx, req)
				if req.Seq%5 == 2 && reply.Status == backends.OK {
					reply.Status, reply.HTTPStatus, reply.ErrorClass = backends.Failed, 500, "http_500"
				}
				return reply
			}
			return e, nil
		}
		if sum := r.apply(t.Context(), r.plan(runnertest.Cell("a", 100))); sum.Complete != 1 {
			t.Fatalf("got %+v, want one complete", sum)
		}
		if past := r.only(); past.OK != 80 {
			t.Errorf("%d ok", past.OK)
		}
	})
}

// TestNothingAnswered: no attempt without an answer is complete. A key that is refused is our fault, and waits.
func TestNothingAnswered(t *testing.T) {
	refuse := func(status int, class, text string, from int64) func(context.Context, backends.Request) backends.Reply {
		var n atomic.Int64
		return func(ctx context.Context, req backends.Request) backends.Reply {
			if n.Add(1) <= from {
				return runnertest.Healthy(ctx, req)
			}
			return backends.Reply{Status: backends.Failed, HTTPStatus: status, ErrorClass: class, Error: text, Attempts: 1, Sent: time.Now(), Done: time.Now()}
		}
	}
	for name, tt := range map[string]struct {
		answer         func(context.Context, backends.Request) backends.Reply
		status, reason string
		hint           string
		measured       bool
	}{
		"template":     {refuse(400, "http_400", "default chat template is no longer allowed", 0), record.EngineFailed, "none of 3 warm-up requests", "generate.template", false},
		"key":          {refuse(401, "http_401", "bad key", 0), record.EnvironmentFailed, "401", "api_key_env", false},
		"later":        {refuse(400, "http_400", "no", 3), record.EngineFailed, "none of 20 requests was answered", "", true},
		"key expires":  {refuse(403, "http_403", "expired", 3), record.EnvironmentFailed, "403", "api_key_env", true},
		"moved":        {refuse(301, "http_301", "Moved", 0), record.EnvironmentFailed, "301", "platform.url", false},
		"loads still":  {refuse(503, "http_503", "Loading model", 0), record.EnvironmentFailed, "503", "Apply again", false},
		"own and busy": {refuse(503, "http_503", "no", 0), record.EngineFailed, "503", "", false},
		"at the limit": {refuse(400, "http_400", "no", 12), record.Censored, "max_error_rate", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := runnertest.Cell("a", 20)
				if name == "at the limit" {
					c.Limits.MaxErrorRate = 0.5
				}
				r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
					e := runnertest.NewEngine()
					e.Answer = tt.answer
					if name == "loads still" {
						return elsewhere{e}, nil
					}
					return e, nil
				}
				r.apply(t.Context(), r.plan(c))
				past := r.only()
				if past.Status != tt.status || !strings.Contains(past.Reason, tt.reason) {
					t.Errorf("%s: %q, want %s: %q", past.Status, past.Reason, tt.status, tt.reason)
				}
				said := ""
				for _, e := range r.events {
					if e.Kind == events.CellFailed {
						said = e.Message
					}
				}
				if !strings.Contains(said, tt.hint) {
					t.Errorf("said %q, want %q in it", said, tt.hint)
				}
				if measured := r.kinds()[events.CellStart] > 0; measured != tt.measured {
					t.Errorf("measured %v", measured)
				}
			})
		})
	}
}

// elsewhere is an engine that somebody else runs.
type elsewhere struct{ *runnertest.Engine }

func (e elsewhere) Info() backends.Info {
	info := e.Engine.Info()
	info.Attached = true
	return info
}

// TestOwnWants: what this machine lacks is told before the launch where it can be, and is no failure of the engine's.
func TestOwnWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 5000)
		c.Load.Mode = "batch"
		if sum := r.apply(t.Context(), r.plan(c)); sum.Environment != 1 || r.backend.Launches.Load() != 0 {
			t.Fatalf("got %+v after %d launches, want a refusal before", sum, r.backend.Launches.Load())
		}
		if past := r.only(); !strings.Contains(past.Reason, "ulimit") || !strings.Contains(past.Reason, "concurrency = 976") {
			t.Errorf("reason %q", past.Reason)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backend.OnLaunch = func(_ context.Context, n int, _ backends.Spec) (backends.Engine, error) {
			e := runnertest.NewEngine()
			var asked atomic.Int64
			e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
				if asked.Add(1) > 20 && n == 1 {
					return backends.Reply{Status: backends.NotSent, ErrorClass: "fd_limit", Error: "too many open files", Done: time.Now()}
				}
				return runnertest.Healthy(ctx, req)
			}
			return e, nil
		}
		p := r.plan(runnertest.Cell("a", 50))
		if sum := r.apply(t.Context(), p); sum.Environment != 1 {
			t.Fatalf("got %+v", sum)
		}
		if len(r.history()) != 0 {
			t.Fatal("it was committed and not kept to go on from")
		}
		r.apply(t.Context(), p) // with more files now
		if past := r.only(); past.Status != record.Complete || past.OK != 50 || past.Segments != 2 {
			t.Errorf("%s, %d ok, %d segments", past.Status, past.OK, past.Segments)
		}
	})
}

// TestAddressesOfTheShell: an engine that ends where ulimit -v bounds it is not blamed, and the limit is named; without a limit it is.
func TestAddressesOfTheShell(t *testing.T) {
	for limit, want := range map[uint64]string{0: record.EngineFailed, 4 << 30: record.EnvironmentFailed} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.host.Addresses = limit
			r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
				return nil, &backends.LaunchError{Class: "exited", Err: errors.New("the server exited with code 1")}
			}
			r.apply(t.Context(), r.plan(runnertest.Cell("a", 5)))
			past := r.only()
			if past.Status != want || strings.Contains(past.Reason, "4.0 GiB of addresses (ulimit -v)") != (limit > 0) {
				t.Errorf("limit %d: %s, %q", limit, past.Status, past.Reason)
			}
		})
	}
}
