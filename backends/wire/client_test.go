package wire_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/fake/faults"
	"matrix/backends/wire"
)

const goodAnswer = `data: {"model":"m","choices":[{"text":"hi"}]}` + "\n\ndata: [DONE]\n\n"

// serve answers every request in the same way and counts connections.
func serve(t *testing.T, handle http.HandlerFunc) (url string, connections *atomic.Int64) {
	connections = new(atomic.Int64)
	s := httptest.NewUnstartedServer(handle)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, connections
}

func request(seq int64) backends.Request {
	return backends.Request{Seq: seq, MaxTokens: 16, Timeout: 10 * time.Second}
}

// TestConnectionsAreKept: a hundred answers over as many connections as are in flight.
func TestConnectionsAreKept(t *testing.T) {
	url, connections := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, goodAnswer) })
	client := wire.New(wire.Options{Connections: 4})
	defer client.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 12 {
				if r := client.Do(t.Context(), wire.Call{URL: url, Request: request(int64(i*12 + j))}); r.Status != backends.OK {
					t.Errorf("%s (%s)", r.Status, r.Error)
				}
			}
		})
	}
	wg.Wait()
	if n := connections.Load(); n > 4 {
		t.Errorf("%d connections for 4 at once", n)
	}
}

// TestKeyStaysHidden: a server that echoes the key gets it into no reply.
func TestKeyStaysHidden(t *testing.T) {
	const key = "sk-secret-123"
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("headers %v", r.Header)
		}
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":"bad key\n %s"}}`, key)
	})
	client := wire.New(wire.Options{APIKey: key})
	defer client.Close()
	r := client.Do(t.Context(), wire.Call{URL: url, Request: request(1)})
	if r.Status != backends.Failed || r.ErrorClass != "http_401" || strings.Contains(r.Error, "123") {
		t.Errorf("%s, class %q, error %q", r.Status, r.ErrorClass, r.Error)
	}
}

func TestCanceled(t *testing.T) {
	stall, err := faults.Serve(find(t, "stall_mid_stream"), wire.OpenAIChat)
	if err != nil {
		t.Fatal(err)
	}
	defer stall.Close()
	client := wire.New(wire.Options{})
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	r := client.Do(ctx, wire.Call{URL: stall.URL(), Protocol: wire.OpenAIChat, Request: request(3)})
	if r.Status != backends.Canceled || r.Seq != 3 || r.Attempts != 1 || r.FirstToken.IsZero() || r.Text == "" {
		t.Errorf("%s (%s), %d attempts, text %q: what came before the stop is kept", r.Status, r.Error, r.Attempts, r.Text)
	}
	if r := client.Do(ctx, wire.Call{URL: stall.URL(), Request: request(4)}); r.Status != backends.NotSent || r.Attempts != 0 || !r.Sent.IsZero() {
		t.Errorf("after the stop: %s, %d attempts", r.Status, r.Attempts)
	}
	if r := client.Do(t.Context(), wire.Call{URL: "http://\x7f", Request: request(5)}); r.Status != backends.NotSent || r.ErrorClass != "bad_url" {
		t.Errorf("bad url: %s %s", r.Status, r.ErrorClass)
	}
}

func find(t *testing.T, name string) faults.Fault {
	for _, f := range faults.All() {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no fault %s", name)
	return faults.Fault{}
}

// TestRetryCountsFromTheFirstSend: what the user waited is from the first send on.
func TestRetryCountsFromTheFirstSend(t *testing.T) {
	var n atomic.Int64
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != `{"a":1}` {
			t.Errorf("attempt %d: body %q, %v", n.Load(), body, err)
		}
		if n.Add(1) < 3 {
			w.Header().Set("Retry-After", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, goodAnswer)
	})
	client := wire.New(wire.Options{})
	defer client.Close()
	req := request(1)
	req.Retries = 5
	r := client.Do(t.Context(), wire.Call{URL: url, Body: []byte(`{"a":1}`), Request: req})
	if r.Status != backends.OK || r.Attempts != 3 || r.HTTPStatus != 200 {
		t.Errorf("%s (%s), %d attempts", r.Status, r.Error, r.Attempts)
	}
	if waited := r.FirstToken.Sub(r.Sent); waited < 300*time.Millisecond { // 125 ms and 250 ms at least
		t.Errorf("only %v from the first send to the first token", waited)
	}
}

// TestServerThatDropsConnections closes each after its answer though it does not say so, as llama-server does.
func TestServerThatDropsConnections(t *testing.T) {
	f := faults.Fault{Play: func(c *faults.Conn) { c.Good(); c.Hangup() }}
	server, err := faults.Serve(f, wire.OpenAICompletions)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, noReuse := range []bool{false, true} {
		client := wire.New(wire.Options{NoReuse: noReuse})
		broken := 0
		for seq := range int64(200) {
			if r := client.Do(t.Context(), wire.Call{URL: server.URL(), Request: request(seq)}); r.Status == backends.Disconnected {
				broken++
			} else if r.Status != backends.OK {
				t.Fatalf("%s (%s)", r.Status, r.Error)
			}
		}
		client.Close()
		if noReuse && broken > 0 || broken > 150 {
			t.Errorf("no reuse %v: %d of 200 broke", noReuse, broken)
		}
	}
}
