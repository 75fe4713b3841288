package vllm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

func prompts(texts ...string) iter.Seq[backends.Request] {
	return func(yield func(backends.Request) bool) {
		for i, text := range texts {
			if !yield(fakeRequest(int64(i), text)) {
				return
			}
		}
	}
}

func generateAll(t *testing.T, e backends.Engine, reqs iter.Seq[backends.Request]) (map[int64]backends.Reply, error) {
	t.Helper()
	replies := map[int64]backends.Reply{}
	err := e.(backends.Batcher).GenerateAll(t.Context(), reqs, func(r backends.Reply) {
		if _, twice := replies[r.Seq]; twice {
			t.Errorf("seq %d was answered twice", r.Seq)
		}
		replies[r.Seq] = r
	})
	return replies, err
}

func TestOfflineAnswers(t *testing.T) {
	for _, fake := range []string{"", "old"} {
		t.Run("fake="+fake, func(t *testing.T) {
			l := launchFake(t, fakeCell(t, OfflineName, fake))
			replies, err := generateAll(t, l.Engine, prompts("one two", "drei", strings.Repeat("long ", 2045), "", "last one here"))
			if err != nil || len(replies) != 5 {
				t.Fatalf("%d replies, %v", len(replies), err)
			}
			for seq, want := range map[int64]struct {
				status backends.Status
				class  string
				in     int64
			}{
				0: {backends.OK, "", 2}, 1: {backends.OK, "", 1}, 2: {backends.Failed, "prompt_too_long", 0},
				3: {backends.Failed, "invalid_request", 0}, 4: {backends.OK, "", 3},
			} {
				r := replies[seq]
				if r.Status != want.status || r.ErrorClass != want.class {
					t.Errorf("seq %d: %s %q (%s)", seq, r.Status, r.ErrorClass, r.Error)
				}
				if want.in > 0 {
					checkReply(t, r, want.in)
				}
			}
			chat := fakeRequest(9, "")
			chat.Messages = []backends.Message{{Role: "user", Content: "hello there"}}
			checkReply(t, l.Generate(t.Context(), chat), 2)
			if fake != "" { // an old one has the tokenizer alone
				return
			}
			g := *chat.Generate
			chat.Generate, g.Thinking = &g, "low"
			chat.Extra = map[string]json.RawMessage{"tools": json.RawMessage(`[{"function":{"name":"weather"}}]`)}
			checkReply(t, l.Generate(t.Context(), chat), 2+3+1) // enable_thinking, thinking, reasoning_effort; weather
		})
	}
}

// TestOfflineRefusedSchema: a schema that the grammar compiler does not know fails the requests that ask for it, in the engine's
// words, and no other.
func TestOfflineRefusedSchema(t *testing.T) {
	l := launchFake(t, fakeCell(t, OfflineName, ""))
	asks := func(seq int64, schema string) backends.Request {
		r := fakeRequest(seq, "one")
		g := *r.Generate
		r.Generate, g.Format = &g, cell.ResponseFormat{Schema: schema}
		return r
	}
	reqs := []backends.Request{asks(0, `{"type":"number","multipleOf":0.1}`), asks(1, `{"type":"object"}`), fakeRequest(2, "two"), asks(3, `{"type":"number","multipleOf":0.1}`)}
	replies, err := generateAll(t, l.Engine, slices.Values(reqs))
	if err != nil || len(replies) != len(reqs) {
		t.Fatalf("%d replies, %v", len(replies), err)
	}
	for seq, r := range replies {
		refused := seq == 0 || seq == 3
		if refused && (r.Status != backends.Failed || r.ErrorClass != "invalid_request" || !strings.Contains(r.Error, "not supported by xgrammar")) || !refused && r.Status != backends.OK {
			t.Errorf("seq %d: %s %q (%s)", seq, r.Status, r.ErrorClass, r.Error)
		}
	}
}

func checkReply(t *testing.T, r backends.Reply, in int64) {
	t.Helper()
	if r.Status != backends.OK || r.InputTokens == nil || *r.InputTokens != in || *r.OutputTokens != 4 || *r.CachedTokens != 0 {
		t.Errorf("got %+v", r)
		return
	}
	now := time.Now()
	for i, at := range []time.Time{r.Sent, r.FirstToken, r.LastToken, r.Done, now} {
		if at.IsZero() || at.After(now) || now.Sub(at) > time.Minute {
			t.Errorf("time %d is %v, now %v", i, at, now)
		}
	}
	if r.FirstToken.Before(r.Sent) || r.LastToken.Before(r.FirstToken) || r.Done.Before(r.LastToken) {
		t.Errorf("times out of order: %v %v %v %v", r.Sent, r.FirstToken, r.LastToken, r.Done)
	}
	if r.ServerQueue == nil || *r.ServerQueue != 0 || *r.ServerPrefill < 0 || *r.ServerDecode != 0 {
		t.Errorf("engine times %v %v %v", r.ServerQueue, r.ServerPrefill, r.ServerDecode)
	}
	if r.FinishReason != "length" || r.TokenSource != "engine" || r.Attempts != 1 || r.Text == "" {
		t.Errorf("got %+v", r)
	}
}

func TestOfflineInfo(t *testing.T) {
	l := launchFake(t, fakeCell(t, OfflineName, ""))
	info := l.Info()
	if info.Version != "0.99.0" || info.DType != "bfloat16" || *info.MaxModelLen != 2048 || *info.KVTokens != 110_733 {
		t.Errorf("got %+v", info)
	}
	if len(info.PIDs) != 1 || info.Cause != nil || len(info.Argv) == 0 {
		t.Errorf("got %+v", info)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, want := range map[string]time.Duration{"weights": 2320 * time.Millisecond, "kv_init": 1500 * time.Millisecond} {
		if l.phases[name] != want {
			t.Errorf("phase %s: %s", name, l.phases[name])
		}
	}
	for _, name := range []string{"spawn", "import", "ready"} {
		if _, ok := l.phases[name]; !ok {
			t.Errorf("no phase %s in %v", name, l.phases)
		}
	}
}

func TestOfflineDiesInTheBatch(t *testing.T) {
	l := launchFake(t, fakeCell(t, OfflineName, ""))
	if r := l.Generate(t.Context(), fakeRequest(7, "fine")); r.Status != backends.OK {
		t.Fatalf("got %+v", r)
	}
	_, err := generateAll(t, l.Engine, prompts("a", "b", "die", "c"))
	if err == nil || !strings.Contains(err.Error(), "EngineCore encountered an issue") {
		t.Errorf("error %v", err)
	}
	select {
	case <-l.Done():
	case <-time.After(time.Minute):
		t.Fatal("Done stays open")
	}
	if cause := l.Info().Cause; cause == nil || !strings.Contains(cause.Error(), "exit code 1") {
		t.Errorf("cause %v", cause)
	}
	r := l.Generate(t.Context(), fakeRequest(8, "late"))
	if r.Status != backends.Disconnected || r.ErrorClass != "engine_died" {
		t.Errorf("a dead engine: %+v", r)
	}
}

// vLLM's own client waits for ever when its engine process was killed.
func TestOfflineEngineProcessVanishes(t *testing.T) {
	l := launchFake(t, fakeCell(t, OfflineName, ""))
	_, err := generateAll(t, l.Engine, prompts("a", "vanish"))
	if err == nil || !strings.Contains(err.Error(), "EngineDeadError") {
		t.Errorf("error %v", err)
	}
}

func TestOfflineCancelAndTimeout(t *testing.T) {
	l := launchFake(t, fakeCell(t, OfflineName, ""))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	err := l.Engine.(backends.Batcher).GenerateAll(ctx, prompts("stuck", "stuck"), func(r backends.Reply) { t.Errorf("got %+v", r) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled batch: %v", err)
	}
	slow := fakeRequest(1, "stuck")
	slow.Timeout = 50 * time.Millisecond
	if r := l.Generate(t.Context(), slow); r.Status != backends.TimedOut || r.ErrorClass != "timeout" {
		t.Errorf("timeout: %+v", r)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if r := l.Generate(ctx, fakeRequest(2, "stuck")); r.Status != backends.Canceled {
		t.Errorf("canceled: %+v", r)
	}
	if r := l.Generate(t.Context(), fakeRequest(3, "and on")); r.Status != backends.OK {
		t.Errorf("afterwards: %+v", r)
	}
}

func TestOfflineLaunchFailures(t *testing.T) {
	for _, c := range []struct {
		fake, class, says string
		timeout           time.Duration
		environment       bool
	}{
		{"exit", "oom", "CUDA out of memory", time.Minute, false},
		{"killed", "exited", "signal: killed", time.Minute, false},
		{"hang", "timeout", "load limit", 2 * time.Second, false},
	} {
		cell := fakeCell(t, OfflineName, c.fake)
		spec := fakeSpec(t, cell, func(backends.Phase) {})
		spec.Timeout = c.timeout
		_, err := Offline().Launch(t.Context(), spec)
		var launch *backends.LaunchError
		if !errors.As(err, &launch) || launch.Class != c.class || launch.Environment != c.environment || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v (%v)", c.fake, launch, err)
			continue
		}
		if c.fake == "exit" && !strings.Contains(launch.LogTail, "Engine core initialization failed") {
			t.Errorf("log tail %q", launch.LogTail)
		}
		if left := process.OfAttempt(spec.Attempt); len(left) > 0 {
			t.Errorf("%s: left running: %v", c.fake, left)
		}
	}
}

// A batch of 50,000 long answers passes through both sides without either holding them.
func TestOfflineMemoryIsBounded(t *testing.T) {
	const n, words = 50_000, 500 // about 100 MB of text
	l := launchFake(t, fakeCell(t, OfflineName, ""))
	before, answered, most := heap(), 0, uint64(0)
	reqs := func(yield func(backends.Request) bool) {
		for i := range n {
			req := fakeRequest(int64(i), fmt.Sprintf("abc %d", i))
			req.MaxTokens = words
			if !yield(req) {
				return
			}
		}
	}
	err := l.Engine.(backends.Batcher).GenerateAll(t.Context(), reqs, func(r backends.Reply) {
		if answered++; answered%10_000 == 0 {
			most = max(most, heap())
		}
	})
	if err != nil || answered != n {
		t.Fatalf("%d answered: %v", answered, err)
	}
	const allowed = 40 << 20
	if most > before+allowed {
		t.Errorf("our heap grew by %d bytes", most-before)
	}
	if peak := peakRSS(t, l.Info().PIDs[0]); peak > 30<<20+allowed {
		t.Errorf("the driver's memory peaked at %d bytes", peak)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func peakRSS(t *testing.T, pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("needs /proc")
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
