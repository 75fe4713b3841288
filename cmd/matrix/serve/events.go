package serve

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"matrix/cmd/matrix/view"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/runner/apply"
)

const (
	lookEvery = 500 * time.Millisecond
	// alive is how old the board of an apply may be: it writes one every second. The lock would tell at once, and is not
	// asked: who asks for it holds it for a moment, and an apply that begins just then would be refused.
	alive = 5 * time.Second
	// keepAlive is how often a silent stream says so, for proxies and for who has gone.
	keepAlive = 15 * time.Second
)

// now is what runs, in the records of matrix status --json: the status, then the launches.
func (s *Server) now(at time.Time) []ndjson.Record {
	board := apply.ReadBoard(s.Store)
	if board == nil || at.Sub(board.At) > alive {
		return []ndjson.Record{ndjson.Status{}}
	}
	launches := view.LaunchRecords(board)
	all := []ndjson.Record{ndjson.Status{Running: true, Holder: fmt.Sprintf("%s (pid %d)", board.Experiment, board.PID), Launches: len(launches)}}
	for _, l := range launches {
		all = append(all, l)
	}
	return all
}

// events streams what runs as server-sent events, one for each change: a list of records. Who connects again gets all of it anew.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(text string) error {
		if _, err := fmt.Fprint(w, text); err != nil {
			return err
		}
		return control.Flush()
	}
	_ = s.watch(r.Context(), send) // its end is that of the connection
}

func (s *Server) watch(ctx context.Context, send func(string) error) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, said := "", time.Now()
	for {
		var list bytes.Buffer
		for i, r := range s.now(time.Now()) {
			line, err := ndjson.Marshal(r)
			if err != nil {
				return err
			}
			if i > 0 {
				list.WriteByte(',')
			}
			list.Write(bytes.TrimSpace(line))
		}
		text := list.String()
		if text != last {
			if err := send("event: now\ndata: [" + text + "]\n\n"); err != nil {
				return err
			}
			last, said = text, time.Now()
		} else if time.Since(said) > keepAlive {
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
