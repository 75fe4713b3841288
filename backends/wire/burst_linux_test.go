package wire

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matrix/backends"
)

const goodStream = `data: {"model":"m","choices":[{"text":"hi"}]}` + "\n\ndata: [DONE]\n\n"

// listenShort listens with room for so many connections that are not accepted yet.
func listenShort(t *testing.T, backlog int) net.Listener {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// burst sends n requests at once and returns their replies.
func burst(t *testing.T, client *Client, url string, n int, traffic *backends.Traffic) []backends.Reply {
	replies := make([]backends.Reply, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			replies[i] = client.Do(t.Context(), Call{URL: url, Request: backends.Request{
				Seq: int64(i), MaxTokens: 16, Timeout: time.Minute, Flight: traffic.Flight()}})
		})
	}
	wg.Wait()
	return replies
}

// TestBurst: a server with room for 16 connections accepts none for a while, as one does that tokenises, and slowly then.
// Nobody is turned away at its door, and in the end all are in flight at once.
func TestBurst(t *testing.T) {
	const n, backlog = 400, 16
	l := listenShort(t, backlog)
	var here atomic.Int64
	all := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if here.Add(1) == n {
			close(all)
		}
		<-all // no header before the last request is here: a bound on those without headers would wait for ever
		fmt.Fprint(w, goodStream)
	})}
	gate := make(chan struct{})
	go func() { _ = server.Serve(&slowListener{Listener: l, open: gate}) }()
	t.Cleanup(func() { server.Close() })

	client := New(Options{Health: func(context.Context) error { return nil }})
	defer client.Close()
	fullest := make(chan int)
	go func() { // the door opens once the queue stands still, so the client has sent what it dares to
		most, last, still := 0, -1, 0
		for still < 20 {
			queued, _, _ := acceptQueue(l.Addr())
			most = max(most, queued)
			if still++; queued != last || queued == 0 {
				last, still = queued, 0
			}
			time.Sleep(5 * time.Millisecond)
		}
		close(gate)
		fullest <- most
	}()
	traffic := backends.NewTraffic()
	replies := burst(t, client, "http://"+l.Addr().String(), n, traffic)
	for _, r := range replies {
		if r.Status != backends.OK || r.Attempts != 1 || r.Reconnects != 0 {
			t.Fatalf("seq %d: %s (%s), %d sends", r.Seq, r.Status, r.Error, r.Attempts)
		}
	}
	if most := <-fullest; most > backlog {
		t.Errorf("%d connections waited to be accepted, there is room for %d", most, backlog)
	}
	if traffic.MostInFlight() != n || traffic.MostUnanswered() != n || traffic.LastIn() <= 0 {
		t.Errorf("%d in flight, %d unanswered, want all %d", traffic.MostInFlight(), traffic.MostUnanswered(), n)
	}
}

// TestBurstWithoutHeaders: where the accept queue cannot be seen and no header comes before all are there, the kernel's
// acknowledgement lets the rest through.
func TestBurstWithoutHeaders(t *testing.T) {
	const n = mostUntaken + 200
	l := listenShort(t, 2*n)
	var here atomic.Int64
	all := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if here.Add(1) == n {
			close(all)
		}
		<-all
		fmt.Fprint(w, goodStream)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	client := New(Options{})
	defer client.Close()
	client.gate.listening = func(net.Addr) (int, int, bool) { return 0, 0, false }
	for _, r := range burst(t, client, "http://"+l.Addr().String(), n, backends.NewTraffic()) {
		if r.Status != backends.OK {
			t.Fatalf("seq %d: %s (%s)", r.Seq, r.Status, r.Error)
		}
	}
}

// slowListener accepts nothing until it is opened, and then one at a time.
type slowListener struct {
	net.Listener
	open <-chan struct{}
}

func (l *slowListener) Accept() (net.Conn, error) {
	<-l.open
	return l.Listener.Accept()
}

// TestGateCounts: whoever waits goes through in order, a canceled one leaves no hole, and what is taken makes room.
func TestGateCounts(t *testing.T) {
	g := newGate()
	g.most, g.looking = 2, true // the kernel is not asked here
	for range 2 {
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	through := make(chan error, 2)
	go func() { through <- g.enter(canceled) }()
	waitFor(t, func() bool { return g.waiting() == 1 })
	go func() { through <- g.enter(t.Context()) }()
	waitFor(t, func() bool { return g.waiting() == 2 })
	cancel()
	if err := <-through; err == nil {
		t.Error("a canceled request was let through")
	}
	g.arrived() // without a connection: its place is free
	if err := <-through; err != nil {
		t.Error(err)
	}
	if g.entered != 2 || g.room() != 0 {
		t.Errorf("%d entered, room for %d", g.entered, g.room())
	}
}

func (g *gate) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.queue)
}

// waitFor gives other goroutines the time that they need.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("it does not come to be")
		}
	}
}
