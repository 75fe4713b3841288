// Package serve shows a tree of results in a browser: the applies that run, experiments → cells → attempts → requests → answers, and the
// reports, which it has made when they are asked for. It only reads: it takes no lock, writes no file and starts nothing, so that it
// may run beside any apply.
package serve

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"sync"

	"matrix/cmd/matrix/serve/watch"
	"matrix/results/rows"
	"matrix/results/store"
	"matrix/results/table"
)

// Server answers for one tree.
// The fields are set before Handler, and not changed after. Safe for concurrent use. Close it last.
type Server struct {
	Store   *store.Store
	Results string   // folder of the tree
	Version string   // of matrix
	Hosts   []string // names and addresses that a browser may use, without a port
	Numbers bool     // any address in numbers, too: it listens on all, and DNS rebinding needs a name
	Token   string   // what a request must bring; "" = nothing, on loopback alone
	// Report writes the page of matrix report; it writes nothing into the tree. Never called concurrently.
	Report func(ctx context.Context, experiment string, w io.Writer) error

	// One at a time of each, however many ask: one takes all cores, and what many take in memory has no bound.
	making, surveying, paging sync.Mutex

	reports map[string]kept // by experiment; guarded by making
	cache   rows.Cache
}

//go:embed assets
var assets embed.FS

// files are what is served as it is.
func files() fs.FS {
	sub, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Close ends what is worked out beside. Nothing is asked for any more.
func (s *Server) Close() { s.cache.Close() }

// Handler is all that is served.
// Only GET and HEAD; all of it behind the guard.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files()))
	mux.HandleFunc("GET /api/tree", s.tree)
	mux.HandleFunc("GET /api/attempts", s.attempts)
	mux.HandleFunc("GET /api/requests", s.requests)
	mux.HandleFunc("GET /api/answer", s.answer)
	mux.HandleFunc("GET /api/events", stream(watch.NewFeed(s.Store)))
	mux.HandleFunc("GET /report/{experiment}", s.report)
	return guard{s.Hosts, s.Numbers, s.Token, mux}
}

// reply writes what was asked for as JSON, or the error: 404 for what is not there, 422 for what is there and damaged.
func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err != nil {
		code := http.StatusInternalServerError
		switch {
		case errors.Is(err, fs.ErrNotExist):
			code = http.StatusNotFound
		case errors.Is(err, rows.ErrQuery):
			code = http.StatusBadRequest
		case errors.Is(err, table.ErrCorrupt), errors.Is(err, errDamaged):
			code = http.StatusUnprocessableEntity
		}
		w.WriteHeader(code)
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // who is gone is told nothing
}

// one calls do when nobody else is at it; who has gone meanwhile is not worked for.
func one(ctx context.Context, busy *sync.Mutex, do func() error) error {
	busy.Lock()
	defer busy.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

// errDamaged is what a manifest that cannot be read means.
var errDamaged = errors.New("damaged")
