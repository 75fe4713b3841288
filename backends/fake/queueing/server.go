package queueing

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// server answers for one simulated engine.
type server struct {
	Config
	scheduler *scheduler
	answered  atomic.Int64 // requests, failures of error_rate included: die_after_requests counts them
	ids       atomic.Int64 // given so far

	loading sync.Mutex  // held during a load, so that all who come meanwhile wait for the one
	loaded  atomic.Bool // Ollama: the model is in memory

	core    chan struct{} // closed when the engine's core is dead and the server does not know what to do
	deaf    chan struct{} // closed when it listens no more
	dieOnce sync.Once     // of dieSlowly
}

func newServer(c Config) *server {
	return &server{Config: c, scheduler: newScheduler(c.Options), core: make(chan struct{}), deaf: make(chan struct{})}
}

// bodyLimit is that of vLLM's HTTP server.
const bodyLimit = 4 << 20

// handler has the endpoints of the API that is spoken. /metrics has vLLM's names with each of them.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if s.coreDead() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.scheduler.snapshot().write(w, s.Model)
	})
	if s.API == Ollama {
		s.ollamaRoutes(mux)
	} else {
		s.openAIRoutes(mux)
	}
	if s.API == Offline {
		mux.HandleFunc("POST /batch", s.batch)
	}
	return mux
}

// read decodes a request's body; on an error it has answered already.
func read(w http.ResponseWriter, r *http.Request, into any, refuse func(http.ResponseWriter, int, string)) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "read the request: "+err.Error())
		return false
	}
	return true
}

// reply is a whole answer as JSON, not streamed.
func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // a client that is gone is no news
}

// generation is one request's answer while it comes into being.
type generation struct {
	*sequence
	plan
	wake   chan struct{} // produced has grown
	stalls bool          // stall_rate: nothing comes after the first token
	broken bool          // its engine's core died meanwhile
}

// generate queues a request. prompt is its hash, input its length.
func (s *server) generate(prompt uint64, input int64, a plan, stream bool) *generation {
	g := &generation{plan: a, wake: make(chan struct{}, 1), stalls: stream && share(prompt, s.StallRate, "stall")}
	g.sequence = &sequence{prompt: input, output: a.tokens, reason: a.reason, stream: stream, notify: func() {
		select {
		case g.wake <- struct{}{}:
		default:
		}
	}}
	s.scheduler.submit(g.sequence)
	return g
}

// follow calls each with every stretch of new text, as it stands in JSON, until the answer is whole; nil = nobody listens to
// pieces. It reports false when the client went away first.
func (s *server) follow(ctx context.Context, g *generation, each func(text string)) bool {
	told := int64(0)
	for {
		select {
		case <-ctx.Done():
			s.scheduler.cancel(g.sequence)
			return false
		case <-s.core:
			g.broken = true
			return false
		case <-g.wake:
		}
		ended := g.ended.Load() // before produced: it is set after it
		made := g.produced.Load()
		if made > told && each != nil {
			each(g.literal(told, made))
			told = made
		}
		if ended {
			return true
		}
		if g.stalls {
			s.scheduler.cancel(g.sequence)
			<-ctx.Done()
			return false
		}
	}
}

// done counts an answered request; after die_after_requests of them the engine dies. It reports whether it
// is to die.
func (s *server) done() (dies bool) {
	n := s.answered.Add(1)
	if s.DieAfterRequests == 0 || n < s.DieAfterRequests {
		return false
	}
	if s.DieSlowly {
		s.dieOnce.Do(s.dieSlowly)
		return true
	}
	if n == s.DieAfterRequests {
		// Not at once: the last answer must reach its client.
		time.AfterFunc(30*time.Millisecond, func() {
			logf("Error: the simulated engine dies after %d requests, as it was told (die_after_requests)", n)
			os.Exit(int(s.DieExitCode))
		})
	}
	return true
}

// dead reports that nothing is answered any more. A request that comes between the last answer and the
// end of the process is one of those that the death cuts off.
func (s *server) dead(r *http.Request) bool {
	if s.DieAfterRequests == 0 || s.DieSlowly || s.answered.Load() < s.DieAfterRequests {
		return false
	}
	<-r.Context().Done()
	return true
}

// What vLLM was seen to do when its EngineCore is killed: answers with errors for some hundred milliseconds, no listener
// then, and an exit in order much later.
const (
	coreDeadFor = 300 * time.Millisecond
	lingerFor   = 3 * time.Second
	coreDied    = "EngineCore encountered an issue. See stack trace (above) for the root cause."
)

// dieSlowly is the death of a core under a server that goes on.
func (s *server) dieSlowly() {
	logf("Error: the simulated engine's core dies, as it was told (die_slowly)")
	close(s.core)
	time.AfterFunc(coreDeadFor, func() { close(s.deaf) })
	time.AfterFunc(coreDeadFor+lingerFor, func() {
		logf("Application shutdown complete.")
		os.Exit(0)
	})
}

func (s *server) coreDead() bool {
	select {
	case <-s.core:
		return true
	default:
		return false
	}
}

// id counts on, so that the same requests get the same names in every run.
func (s *server) id(prefix string) string { return fmt.Sprintf("%s-%d", prefix, s.ids.Add(1)) }
