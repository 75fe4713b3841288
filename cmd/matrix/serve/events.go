package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"matrix/cmd/matrix/serve/watch"
)

const (
	// the board is written every second
	lookEvery = 500 * time.Millisecond
	// keepAlive is how often a silent stream says so, for proxies and for who has gone.
	keepAlive = 15 * time.Second
	// patience is how long who reads nothing is written to.
	patience = 30 * time.Second
)

// events streams what happens as server-sent events. Who connects again gets all of it anew: first "hello", which means that.
// The stream ends with the request; there is no history to go on from.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(text string) error {
		_ = control.SetWriteDeadline(time.Now().Add(patience)) // not all connections have one
		if _, err := fmt.Fprint(w, text); err != nil {
			return err
		}
		return control.Flush()
	}
	if send("event: hello\ndata: {}\n\n") == nil {
		_ = follow(r.Context(), watch.New(s.Store), send) // its end is that of the connection
	}
}

// follow sends what the watcher finds, until sending fails or ctx ends.
func follow(ctx context.Context, w *watch.Watcher, send func(string) error) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	said := time.Now()
	for {
		for _, m := range w.Look(time.Now()) {
			text, err := json.Marshal(m.Data)
			if err != nil {
				return err
			}
			if err := send("event: " + m.Event + "\ndata: " + string(text) + "\n\n"); err != nil {
				return err
			}
			said = time.Now()
		}
		// it takes in so much at once, and the rest without waiting
		if w.Behind() && ctx.Err() == nil {
			continue
		}
		if time.Since(said) > keepAlive {
			if err := send(": nothing new\n\n"); err != nil {
				return err
			}
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
