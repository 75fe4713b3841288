package vllm

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/process"
)

func TestServeAnswers(t *testing.T) {
	l := launchFake(t, fakeCell(t, ServeName, ""))
	r := l.Generate(t.Context(), fakeRequest(5, "one two three"))
	if r.Status != backends.OK || r.Seq != 5 || *r.InputTokens != 3 || r.Text != "one" {
		t.Errorf("got %+v", r)
	}
	long := l.Generate(t.Context(), fakeRequest(6, strings.Repeat("long ", 2045)))
	if long.Status != backends.Failed || long.ErrorClass != "prompt_too_long" || long.Error == "" {
		t.Errorf("got %+v", long)
	}
	info := l.Info()
	if info.Version != "0.99.0" || *info.MaxModelLen != 2048 || !strings.HasSuffix(info.MetricsURL, "/metrics") || len(info.PIDs) != 1 {
		t.Errorf("got %+v", info)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phases["kv_init"] != time.Second || l.phases["compile"] != 500*time.Millisecond {
		t.Errorf("phases %v", l.phases)
	}
}

func TestServeDies(t *testing.T) {
	l := launchFake(t, fakeCell(t, ServeName, ""))
	if r := l.Generate(t.Context(), fakeRequest(1, "die")); r.Status == backends.OK || r.ErrorClass == "" {
		t.Errorf("got %+v", r)
	}
	select {
	case <-l.Done():
	case <-time.After(time.Minute):
		t.Fatal("Done stays open")
	}
	cause := l.Info().Cause
	if cause == nil || !strings.Contains(cause.Error(), "exit code 0") || !strings.Contains(cause.Error(), "EngineDeadError") {
		t.Errorf("cause %v", cause)
	}
}

func TestServeLaunchFailures(t *testing.T) {
	for _, c := range []struct {
		fake, class, says string
		timeout           time.Duration
		environment       bool
	}{
		{"exit", "no_kv_room", "No available memory for the cache blocks", time.Minute, false},
		{"hang", "timeout", "load limit", 2 * time.Second, false},
		{"impostor", "port_taken", "another server answers", time.Minute, true},
	} {
		spec := fakeSpec(t, fakeCell(t, ServeName, c.fake), func(backends.Phase) {})
		spec.Timeout = c.timeout
		_, err := Serve().Launch(t.Context(), spec)
		var launch *backends.LaunchError
		if !errors.As(err, &launch) || launch.Class != c.class || launch.Environment != c.environment || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v (%v)", c.fake, launch, err)
		}
		if left := process.OfAttempt(spec.Attempt); len(left) > 0 {
			t.Errorf("%s: left running: %v", c.fake, left)
		}
	}
}

func TestServePortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cell := fakeCell(t, ServeName, "")
	cell.Platform.Args["port"] = int64(taken.Addr().(*net.TCPAddr).Port)
	_, err = Serve().Launch(t.Context(), fakeSpec(t, cell, func(backends.Phase) {}))
	var launch *backends.LaunchError
	if !errors.As(err, &launch) || launch.Class != "port_taken" || !launch.Environment {
		t.Errorf("got %v", err)
	}
}

func TestAttach(t *testing.T) {
	l := launchFake(t, fakeCell(t, ServeName, ""))
	cell := fakeCell(t, ServeName, "")
	cell.Platform.Attach, cell.Platform.URL = true, strings.TrimSuffix(l.Info().MetricsURL, "/metrics")
	cell.Model.Parts[Part]["model"] = l.Info().Argv[argAfter(l.Info().Argv, "--model")]
	a := launchFake(t, cell)
	if r := a.Generate(t.Context(), fakeRequest(1, "hello you")); r.Status != backends.OK || *r.InputTokens != 2 {
		t.Errorf("got %+v", r)
	}
	if info := a.Info(); !info.Attached || info.Version != "0.99.0" || len(info.PIDs) != 0 {
		t.Errorf("got %+v", info)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if r := l.Generate(t.Context(), fakeRequest(2, "still here")); r.Status != backends.OK {
		t.Errorf("closing an attachment ended the server: %+v", r)
	}
	cell.Model.Parts[Part]["model"] = "another/model"
	_, err := Serve().Launch(t.Context(), fakeSpec(t, cell, func(backends.Phase) {}))
	var launch *backends.LaunchError
	if !errors.As(err, &launch) || launch.Class != "wrong_model" {
		t.Errorf("wrong model: %v", err)
	}
}

// TestAttachedAlias: a server may call other weights by the name that is asked for, and tells so.
func TestAttachedAlias(t *testing.T) {
	for root, want := range map[string]string{"their/weights": "weights: the server loaded their/weights, and calls it our/weights", "our/weights": ""} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"version":"0.99.0","data":[{"id":"our/weights","root":%q,"owned_by":"vllm","max_model_len":64}]}`, root)
		}))
		c := fakeCell(t, ServeName, "")
		c.Platform.Attach, c.Platform.URL, c.Model.Parts[Part]["model"] = true, server.URL, "our/weights"
		if got := strings.Join(launchFake(t, c).Info().Warnings, "; "); got != want {
			t.Errorf("%s: %q, want %q", root, got, want)
		}
		server.Close()
	}
}

func argAfter(argv []string, flag string) int {
	for i, a := range argv {
		if a == flag {
			return i + 1
		}
	}
	return 0
}
