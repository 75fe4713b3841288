package simulator_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/simulator"
	"matrix/experiments/cell"

	"github.com/oklog/ulid/v2"
)

// launch starts a simulator that loads in no time unless the options say otherwise.
func launch(t testing.TB, ctx context.Context, options cell.Values, timeout time.Duration) (backends.Engine, []backends.Phase, error) {
	t.Helper()
	dir := t.TempDir()
	var mu sync.Mutex
	var phases []backends.Phase
	if _, set := options["load_s"]; !set {
		options["load_s"] = 0.01
	}
	engine, err := simulator.New().Launch(ctx, backends.Spec{
		Cell: cellWith(options), Attempt: ulid.Make().String(), Dir: dir, LogPath: filepath.Join(dir, "server.log"), Timeout: timeout,
		Observe: func(p backends.Phase) {
			mu.Lock()
			defer mu.Unlock()
			phases = append(phases, p)
		},
	})
	if err == nil {
		t.Cleanup(func() {
			if err := engine.Close(context.Background()); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	return engine, phases, err
}

func mustLaunch(t *testing.T, options cell.Values) backends.Engine {
	t.Helper()
	engine, _, err := launch(t, t.Context(), options, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func TestLaunchFails(t *testing.T) {
	for name, tt := range map[string]struct {
		options cell.Values
		timeout time.Duration
		class   string
		tail    string
		env     bool
	}{
		"exits":          {cell.Values{"exit_at_load": int64(3)}, time.Minute, "exited", "exit_at_load", false},
		"exits, ollama":  {cell.Values{"exit_at_load": int64(3), "api": "ollama"}, time.Minute, "exited", "exit_at_load", false},
		"hangs":          {cell.Values{"hang_at_load": true}, 5 * time.Second, "timeout", "hang_at_load", false},
		"hangs, ollama":  {cell.Values{"hang_at_load": true, "api": "ollama"}, 5 * time.Second, "timeout", "hang_at_load", false},
		"memory":         {cell.Values{"oom_log": true}, time.Minute, "oom", "CUDA out of memory", false},
		"memory, ollama": {cell.Values{"oom_log": true, "api": "ollama"}, time.Minute, "oom", "requires more system memory", false},
		"model":          {cell.Values{"refuse_model": true}, time.Minute, "missing_model", "not a valid model identifier", false},
		"model, ollama":  {cell.Values{"refuse_model": true, "api": "ollama"}, time.Minute, "missing_model", "", false},
		"options":        {cell.Values{"slots": "many"}, time.Minute, "bad_options", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := launch(t, t.Context(), tt.options, tt.timeout)
			var failed *backends.LaunchError
			if !errors.As(err, &failed) {
				t.Fatalf("got %v, want a LaunchError", err)
			}
			if failed.Class != tt.class || failed.Environment != tt.env || !strings.Contains(failed.LogTail, tt.tail) {
				t.Errorf("class %q, environment %v, log:\n%s\nwant %q, %v, %q", failed.Class, failed.Environment, failed.LogTail, tt.class, tt.env, tt.tail)
			}
		})
	}
}

func TestLaunchIsCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, _, err := launch(t, ctx, cell.Values{"hang_at_load": true}, time.Minute)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestLaunchReportsPhases(t *testing.T) {
	for _, api := range []string{"vllm_serve", "ollama"} {
		_, phases, err := launch(t, t.Context(), cell.Values{"api": api, "load_s": 0.1}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range phases {
			names = append(names, p.Name)
			if p.Name == "weights" && (p.Duration < 100*time.Millisecond || p.Duration > 20*time.Second) {
				t.Errorf("%s: weights took %v, want load_s", api, p.Duration)
			}
		}
		if !slices.Equal(names, []string{"spawn", "weights", "ready"}) {
			t.Errorf("%s: phases %v", api, names)
		}
	}
}

func TestInfo(t *testing.T) {
	engine := mustLaunch(t, cell.Values{"api": "ollama", "kv_tokens": int64(5000), "weights_gib": 1.5})
	info := engine.Info()
	if !info.Simulated || info.Version != "simulated" || info.MetricsURL == "" || info.KVTokens == nil || *info.KVTokens != 5000 {
		t.Errorf("%+v", info)
	}
	if info.WeightBytes == nil || *info.WeightBytes != 3<<29 || info.SizeVRAMBytes == nil || *info.MaxModelLen != 5000 {
		t.Errorf("%+v", info)
	}
	engine = mustLaunch(t, cell.Values{})
	if info := engine.Info(); info.KVTokens != nil || info.WeightBytes != nil || info.SizeBytes != nil {
		t.Errorf("figures that nobody gave: %+v", info)
	}
}

// request is the n-th of a test.
func request(n int64) backends.Request {
	return backends.Request{
		Seq: n, Prompt: "say something about number " + strings.Repeat("x", int(n%50)), MaxTokens: 8,
		Generate: &cell.Generate{TopP: 1, RepeatPenalty: 1, IgnoreEOS: true}, Timeout: time.Minute,
	}
}

func TestBatchEngineDiesMidway(t *testing.T) {
	engine := mustLaunch(t, cell.Values{"api": "vllm_offline", "slots": int64(2), "die_after_requests": int64(5), "die_exit_code": int64(0), "decode_tokens_per_s": int64(100)})
	batcher := engine.(backends.Batcher)
	seen := map[int64]bool{}
	err := batcher.GenerateAll(t.Context(), func(yield func(backends.Request) bool) {
		for n := range int64(100) {
			if !yield(request(n)) {
				return
			}
		}
	}, func(r backends.Reply) { seen[r.Seq] = true })
	if err == nil || !strings.Contains(err.Error(), "exit code 0") {
		t.Errorf("err %v, want the engine's death", err)
	}
	if len(seen) != 5 {
		t.Errorf("%d answers, want 5", len(seen))
	}
	<-engine.Done()
	if cause := engine.Info().Cause; cause == nil {
		t.Error("an engine that exits 0 by itself has died")
	}
}

func TestServedEngineDiesMidway(t *testing.T) {
	for _, api := range []string{"vllm_serve", "ollama"} {
		engine := mustLaunch(t, cell.Values{"api": api, "die_after_requests": int64(3)})
		statuses := map[backends.Status]int{}
		for n := range int64(6) {
			r := engine.Generate(t.Context(), request(n))
			statuses[r.Status]++
			if r.Status == backends.Disconnected && r.ErrorClass != "engine_died" {
				t.Errorf("%s: class %q", api, r.ErrorClass)
			}
		}
		if statuses[backends.OK] != 3 || statuses[backends.Disconnected]+statuses[backends.Truncated] != 3 {
			t.Errorf("%s: %v, want 3 answers and 3 broken connections", api, statuses)
		}
	}
}

// TestServedEngineDiesSlowly: its core dies, the server answers with errors, then nobody listens, and its process goes on.
// Asked for its health it never says that it is well.
func TestServedEngineDiesSlowly(t *testing.T) {
	for _, api := range []string{"vllm_serve", "ollama"} {
		engine := mustLaunch(t, cell.Values{"api": api, "die_after_requests": int64(2), "die_slowly": true})
		statuses := map[string]int{}
		for n := range int64(2000) { // by its own clock it listens no more after a while, which a busy machine draws out
			r := engine.Generate(t.Context(), request(n))
			statuses[string(r.Status)]++
			if n >= 2 && engine.(backends.Prober).Health(t.Context()) == nil {
				t.Errorf("%s: well after %d requests", api, n)
			}
			if statuses["disconnected"] > 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if statuses["ok"] != 2 || statuses["failed"] == 0 || statuses["disconnected"] == 0 {
			t.Errorf("%s: %v, want answers, then errors, then nobody", api, statuses)
		}
		select {
		case <-engine.Done():
			t.Errorf("%s: its process ended at once", api)
		default:
		}
		<-engine.Done()
		if cause := engine.Info().Cause; cause == nil || !strings.Contains(cause.Error(), "exit code 0") {
			t.Errorf("%s: cause %v", api, cause)
		}
	}
}
