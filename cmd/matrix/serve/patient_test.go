package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"matrix/cmd/matrix/serve/watch"
	"matrix/results/store"
	"matrix/results/summary/summarytest"
)

// pipes is a listener of connections that hold nothing: who writes waits for who reads, by the bubble's clock.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, open := <-p; open {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Who reads nothing is written to for so long, and not longer: a stream, and a page. One who reads a page slowly gets all of it.
func TestWhoReadsNothing(t *testing.T) {
	root := t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 40, Launches: []summarytest.Launch{{}}})
	tree, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/events", "/api/tree"} {
		synctest.Test(t, func(t *testing.T) {
			began, over := time.Now(), make(chan time.Duration, 1)
			s := serverOf(root, tree, "")
			defer s.Close()
			listener := make(pipes, 1)
			server := &http.Server{Handler: s.Handler(), ConnState: func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					over <- time.Since(began)
				}
			}}
			ended := make(chan error, 1)
			go func() { ended <- server.Serve(listener) }()
			ours, theirs := net.Pipe()
			defer ours.Close()
			listener <- theirs
			fmt.Fprintf(ours, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
			select {
			case took := <-over:
				if took != watch.Patience {
					t.Errorf("%s ended after %s", path, took)
				}
			case <-time.After(10 * watch.Patience):
				t.Errorf("%s is written to for ever", path)
			}
			_ = server.Close()
			<-ended
		})
	}
}

// pieces is a writer that takes each as long as it may.
type pieces struct {
	http.ResponseWriter
	until time.Time
	sizes []int
}

func (p *pieces) SetWriteDeadline(t time.Time) error { p.until = t; return nil }
func (p *pieces) Write(text []byte) (int, error) {
	p.sizes = append(p.sizes, len(text))
	if time.Sleep(watch.Patience - time.Second); !time.Now().Before(p.until) {
		return 0, errors.New("too late")
	}
	return len(text), nil
}

// A page that is read slowly is read to its end: each piece has its time.
func TestWhoReadsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pieces{}
		if n, err := (patient{p}).Write(make([]byte, 2*piece+1)); err != nil || n != 2*piece+1 || len(p.sizes) != 3 {
			t.Errorf("%d bytes in pieces of %d: %v", n, p.sizes, err)
		}
	})
}

// Of many who ask one is worked for at a time, and who has gone meanwhile never.
func TestOneAtATime(t *testing.T) {
	var busy sync.Mutex
	gone, leave := context.WithCancel(t.Context())
	left, worked := make(chan error, 1), false
	if err := one(t.Context(), &busy, func() error {
		go func() { left <- one(gone, &busy, func() error { worked = true; return nil }) }()
		leave()
		select {
		case err := <-left:
			return fmt.Errorf("two at once: %w", err)
		default:
			return nil
		}
	}); err != nil {
		t.Error(err)
	}
	if err := <-left; !errors.Is(err, context.Canceled) || worked {
		t.Errorf("who has gone: %v, worked for: %t", err, worked)
	}
}
