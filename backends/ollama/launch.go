package ollama

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"matrix/backends"
	"matrix/backends/launched"
	"matrix/backends/modelfile"
	"matrix/backends/process"
)

// stopGrace is how long a server gets to end its runner and itself.
const stopGrace = 3 * time.Second

// launching is a launch on its way.
type launching struct {
	spec    backends.Spec
	binary  string // absolute; set by look
	version string // of the executable; set by look
	source  source // set by look
	model   string // served name
}

// launch looks for the program and the model, makes the model in the store where it is not there, starts a server, and has
// it load the model. limits.load bounds the last two: they are what a load is, and are measured.
func launch(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	l := &launching{spec: spec}
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := backends.Within(ctx, spec.Timeout, launched.ErrTimeout)
	defer cancel()
	s, err := l.start(ctx, true)
	if err != nil {
		return nil, err
	}
	e, err := l.load(ctx, s)
	if err != nil {
		failed := s.Failed(ctx, err, failures, 25)
		s.Discard(stopGrace)
		return nil, failed
	}
	return e, nil
}

// look refuses a launch that lacks what it needs, before anything is started.
func (l *launching) look(ctx context.Context) error {
	var err error
	if l.binary, err = find(l.spec.Cell.Platform); err != nil {
		return &backends.LaunchError{Environment: true, Class: "missing_binary", Err: err, Hint: "install Ollama, or set platform.binary"}
	}
	if l.version, err = version(ctx, l.binary); err != nil {
		return &backends.LaunchError{Environment: true, Class: "missing_binary", Err: err, Hint: "see that platform.binary is an Ollama that runs here"}
	}
	if l.source, err = resolveModel(l.spec.Cell); err != nil {
		hint := "see model.ollama.gguf"
		var absent *modelfile.NotFoundError
		if errors.As(err, &absent) {
			hint = "run matrix fetch first: launches do not download"
		}
		return &backends.LaunchError{Environment: true, Class: "missing_model", Err: err, Hint: hint}
	}
	l.model = l.source.servedName(l.version)
	return nil
}

// prepare makes the model from its GGUF file where the store does not have it yet, with a server of its own, so that
// the measured load is that of a model which is there.
func (l *launching) prepare(ctx context.Context) error {
	if l.source.gguf == "" || complete(l.source.store, l.model) {
		return nil
	}
	l.spec.Enter("make the model from its GGUF file")
	if err := os.MkdirAll(l.source.store, 0o755); err != nil {
		return &backends.LaunchError{Environment: true, Class: "permission", Err: fmt.Errorf("make models folder: %w", err)}
	}
	s, err := l.start(ctx, false)
	if err != nil {
		return err
	}
	defer s.Discard(stopGrace)
	if err := s.api.create(ctx, l.source, l.model); err != nil {
		return s.Failed(ctx, fmt.Errorf("create model from %s: %w", l.source.gguf, err), failures, 25)
	}
	return nil
}

// server is a started process that answers.
type server struct {
	*launched.Server
	api *api      // of this server's own port
	log logReader // not safe for concurrent use: the launch reads it, then the engine under its lock
}

// start runs a server and returns once it listens and is proven ours. measured: its time is the phase "spawn".
func (l *launching) start(ctx context.Context, measured bool) (*server, error) {
	port, err := process.FreePort()
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "port_taken", Err: err}
	}
	cmd := Command(l.spec, l.binary, l.source.store, port)
	if measured {
		l.spec.Enter("spawn")
	}
	l.spec.Listen("http://" + cmd.Env["OLLAMA_HOST"])
	began := time.Now()
	p, err := launched.Start(ctx, l.spec, "ollama", cmd)
	if err != nil {
		return nil, err
	}
	s := &server{Server: p, api: newAPI("http://" + cmd.Env["OLLAMA_HOST"]), log: logReader{path: l.spec.LogPath, offset: p.LogOffset()}}
	if err := s.await(ctx); err != nil {
		failed := s.Failed(ctx, err, failures, 25)
		s.Discard(stopGrace)
		return nil, failed
	}
	if measured {
		l.spec.Observe(backends.Phase{Name: "spawn", Duration: time.Since(began)})
	}
	return s, nil
}

// await races the API against exit and deadline. That the server is ours is shown by its own log: a port has one
// listener, and our process says that it is the one. (Ollama has no name to give to a server, as vLLM has, and a
// model made up for the purpose would be written into the user's store.)
func (s *server) await(ctx context.Context) error {
	answered := 0
	return s.Await(ctx, "at its start", 20*time.Millisecond, func() (bool, error) {
		if _, err := s.api.version(ctx); err != nil {
			return false, nil
		}
		s.log.read()
		if s.log.listening == s.Command.Env["OLLAMA_HOST"] {
			return true, nil
		}
		if answered++; answered > 100 {
			return false, launched.ErrNotOurs
		}
		return false, nil
	})
}

// load loads the model with the options that all requests carry, and reads back what came of it.
func (l *launching) load(ctx context.Context, s *server) (*engine, error) {
	l.spec.Enter("weights")
	began := time.Now()
	if err := s.load(ctx, loadBody(l.spec.Cell.Platform, l.model)); err != nil {
		return nil, fmt.Errorf("load %s: %w", l.model, err)
	}
	took := time.Since(began)
	// The log again: a runner may say a moment after the answer how many layers it took.
	s.log.read()
	l.tellLoad(took, s.log.started)
	l.spec.Enter("ready")
	began = time.Now()
	m, err := s.api.loaded(ctx, l.model)
	if err != nil {
		return nil, err
	}
	about, err := s.api.show(ctx, l.model)
	if err != nil {
		return nil, err
	}
	s.log.read()
	if why := partial(s.log.facts, m); why != "" && !offloadDeclared(l.spec.Cell.Platform) {
		return nil, &backends.LaunchError{
			Class: "partial_offload", Err: fmt.Errorf("load %s: %s", l.model, why),
			LogTail: s.Tail(25),
			Hint:    "take a smaller model, num_ctx or OLLAMA_NUM_PARALLEL, or declare options.num_gpu to measure a split model",
		}
	}
	v, err := s.api.version(ctx)
	if err != nil {
		return nil, err
	}
	l.spec.Observe(backends.Phase{Name: "ready", Duration: time.Since(began)})
	e := newEngine(l.spec.Cell.Platform, s.api.base, l.model, m, about, v)
	e.server, e.info = s, l.info(s, m, about, cmp.Or(v, l.version))
	return e, nil
}

// tellLoad splits a load by the engine's own statement of how long its runner took to start with the model in it; before
// that it looks for GPUs and memory.
func (l *launching) tellLoad(took, started time.Duration) {
	if started > 0 && started < took {
		l.spec.Observe(backends.Phase{Name: "workers", Duration: took - started})
		took = started
	}
	l.spec.Observe(backends.Phase{Name: "weights", Duration: took})
}

// load waits for the load, or for the server's end: the connection may outlive the process by a while.
func (s *server) load(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-s.Done():
			cancel(fmt.Errorf("ollama ended: %s", s.Exit()))
		case <-over:
		}
	}()
	err := s.api.call(ctx, "/api/generate", body, nil)
	var refused *apiError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	select { // a broken connection is seen before the end that broke it
	case <-s.Done():
		return fmt.Errorf("ollama ended: %s", s.Exit())
	case <-ctx.Done():
	case <-time.After(300 * time.Millisecond):
	}
	return err
}

// thinks is false of versions that tell no capabilities: there the model is told nothing.
func (s shown) thinks() bool {
	return slices.Contains(s.Capabilities, "thinking")
}

// template is the hash of a chat template. A bare {{ .Prompt }} is what Ollama gives to a model without one.
func (s shown) template() string {
	if text := strings.TrimSpace(s.Template); text != "" && text != "{{ .Prompt }}" {
		return sum(s.Template)
	}
	return ""
}
