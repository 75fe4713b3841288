// Package serve shows a tree of results in a browser: the apply that runs, experiments → cells → attempts → requests, and the
// reports that were made. It only reads: it takes no lock, writes no file and starts nothing, so that it may run beside any apply.
package serve

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"

	"matrix/results/store"
)

// Server answers for one tree.
type Server struct {
	Store   *store.Store
	Results string // folder of the tree
	Version string // of matrix
	Hosts   []string
	Token   string // what a request must bring; "" = nothing, on loopback alone
}

//go:embed assets
var assets embed.FS

// Handler is all that is served.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /api/tree", s.tree)
	mux.HandleFunc("GET /api/attempts", s.attempts)
	mux.HandleFunc("GET /api/requests", s.requests)
	mux.HandleFunc("GET /api/answer", s.answer)
	mux.HandleFunc("GET /api/events", s.events)
	mux.HandleFunc("GET /report/{experiment}", s.report)
	return guard{s.Hosts, s.Token, mux}
}

// reply writes what was asked for as JSON, or the error: 404 for what is not there.
func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err != nil {
		code := http.StatusInternalServerError
		switch {
		case errors.Is(err, fs.ErrNotExist):
			code = http.StatusNotFound
		case errors.Is(err, errAsked):
			code = http.StatusBadRequest
		}
		w.WriteHeader(code)
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // who is gone is told nothing
}

// errAsked is what a request asks for that means nothing.
var errAsked = errors.New("this is no query")
