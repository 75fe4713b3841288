package queueing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// Marker is the argument by which matrix, executed once more, is the simulator's server.
const Marker = "simulator-server"

// Config is the server's whole command line, as JSON in the argument behind the Marker.
type Config struct {
	Options
	Model string `json:"model"`          // the served name
	Port  int    `json:"port,omitempty"` // 0 = any, as in every launch
	Ready string `json:"ready"`          // file that says where it listens, written once it does
}

// Readiness is the file that a server writes once it listens. The server picks its port itself: one picked for it could be taken meanwhile.
type Readiness struct {
	Port  int     `json:"port"`   // on 127.0.0.1
	LoadS float64 `json:"load_s"` // s that the load took; 0 where it comes with the first request
}

// MainIfAsked is called first in main and TestMain. Where the process was started as the simulator's
// server, it serves and never returns.
func MainIfAsked() {
	if len(os.Args) < 3 || os.Args[1] != Marker {
		return
	}
	var c Config
	if err := json.Unmarshal([]byte(os.Args[2]), &c); err != nil {
		fmt.Fprintf(os.Stderr, "simulator: read the configuration: %v\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(serve(ctx, c))
}

// serve loads, listens until ctx ends, and returns the exit code.
func serve(ctx context.Context, c Config) int {
	logf("Simulated engine, API of %s: its figures say nothing about a real one", c.API)
	s := newServer(c)
	took := 0.0
	if c.API != Ollama { // Ollama listens first and loads with the first request
		began := time.Now()
		if code := s.load(ctx); code >= 0 {
			return code
		}
		took = time.Since(began).Seconds()
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", c.Port))
	if err != nil {
		logf("Error: listen: %v", err)
		return 1
	}
	web := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute}
	go func() {
		select {
		case <-s.deaf:
			_ = web.Close() // and the process goes on for a while
			<-ctx.Done()
		case <-ctx.Done():
			_ = web.Close()
		}
	}()
	go s.scheduler.run(ctx)
	if err := announce(c.Ready, Readiness{Port: listener.Addr().(*net.TCPAddr).Port, LoadS: took}); err != nil {
		logf("Error: %v", err)
		return 1
	}
	logf("Starting simulated server on http://%s", listener.Addr())
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		logf("Error: serve: %v", err)
		return 1
	}
	select {
	case <-s.deaf:
		<-ctx.Done()
	default:
	}
	logf("Shut down.")
	return 0
}

// announce writes the Readiness file whole or not at all: its reader polls for it.
func announce(path string, r Readiness) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write Readiness: %w", err)
	}
	part := filepath.Join(filepath.Dir(path), ".ready.part")
	if err := os.WriteFile(part, text, 0o644); err != nil {
		return fmt.Errorf("write Readiness: %w", err)
	}
	return os.Rename(part, path)
}

// load takes load_s and returns the exit code of a load that fails, else −1.
func (s *server) load(ctx context.Context) int {
	switch {
	case s.RefuseModel:
		logf("OSError: %s is not a local folder and is not a valid model identifier", s.Model)
		return 1
	case s.OOMLog:
		sleep(ctx, s.loadTime()/2)
		logf("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (simulated)")
		logf("RuntimeError: Engine core initialization failed. See root cause above.")
		return 1
	case s.ExitAtLoad >= 0:
		sleep(ctx, s.loadTime()/2)
		logf("Error: the simulated engine exits at load, as it was told (exit_at_load)")
		return int(s.ExitAtLoad)
	case s.HangAtLoad:
		logf("Loading weights, and never done (hang_at_load)")
		<-ctx.Done()
		return 0
	}
	if !sleep(ctx, s.loadTime()) {
		return 0
	}
	logf("Loading weights took %.2f seconds", s.LoadS)
	if s.KVTokens > 0 {
		logf("KV cache size: %d tokens", s.KVTokens)
	} else {
		logf("KV cache size: unlimited")
	}
	return -1
}

func (s *server) loadTime() time.Duration { return Seconds(s.LoadS) }

// sleep reports whether the whole time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// logf writes to stdout, which is the engine's log, in lines like those that a real engine's reader looks for.
func logf(format string, args ...any) {
	fmt.Printf(time.Now().Format("15:04:05.000")+" "+format+"\n", args...)
}
