package vllm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/backends/wire"
)

// served is the part that a launched and an attached server share: a URL and the name of the model there.
type served struct {
	*wire.Client              // closed by Close
	url          string       // without /v1
	name         string       // of the model there: the server answers 404 to any other
	window       int64        // tokens of one request's context; 0 = not told
	guided       bool         // it is older than structured_outputs
	bare         *atomic.Bool // its tokenizer takes no variables for a template: Mistral's own
}

// reach makes the part of an engine that talks to the server at url.
// idle is how long a connection may rest before it is not used again, 0 = wire's own limit, a short one. It must be below the
// server's, else a request goes out on a connection that is being closed.
func reach(url, name, key string, idle time.Duration) served {
	// With a dead EngineCore /health says 503.
	client := wire.New(wire.Options{APIKey: key, IdleTimeout: idle, Health: wire.Health(wire.Join(url, "/health"), key)})
	return served{Client: client, url: url, name: name, bare: new(atomic.Bool)}
}

// Generate streams one answer.
// A Mistral tokenizer refuses template variables with a 400. It is asked once without, and then all are: which kind it is
// cannot be told from outside, and one lost request a server is the price.
func (s *served) Generate(ctx context.Context, req backends.Request) backends.Reply {
	bare := s.bare.Load()
	r := s.send(ctx, req, bare)
	if !bare && wire.RefusesTemplateArgs(req, r) {
		s.bare.Store(true)
		return s.send(ctx, req, true)
	}
	return r
}

// send: an old server that is bare has no guided_json either, so both are left out together.
func (s *served) send(ctx context.Context, req backends.Request, bare bool) backends.Reply {
	dialect := wire.Dialect{Sampling: true, TemplateArgs: !bare, Guided: s.guided && !bare}
	body, protocol := wire.OpenAIBody(req, s.name, dialect)
	return s.Do(ctx, wire.Call{URL: wire.Join(s.url, protocol.Path()), Body: body, Protocol: protocol, Model: s.name, Context: s.window, Request: req})
}

// isGuided tells the versions before 0.11, which had guided_json and the like where later ones have structured_outputs.
func isGuided(version string) bool {
	var major, minor int
	n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor) // what is no version is taken for a new one
	return n == 2 && major == 0 && minor < 11
}

// server is a launched one.
type server struct {
	*engine
	served
}

// launchServe starts `vllm serve` on a port that was free just now, and is done when /health answers and the model list has
// a name that only this launch gives.
func launchServe(ctx context.Context, spec backends.Spec, i install) (backends.Engine, error) {
	port, err := process.ChoosePort(declaredPort(spec.Cell))
	if err != nil {
		return nil, &backends.LaunchError{
			Environment: true, Class: "port_taken", Err: err, Hint: "leave args.port out, or end what listens there",
		}
	}
	name := "matrix-" + strings.ToLower(spec.Attempt)
	cmd, err := Command(spec, i.python, port, name)
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	spec.Listen(url)
	e, err := start(ctx, spec, i, cmd)
	if err != nil {
		return nil, err
	}
	// The server keeps idle connections for 10 minutes.
	s := &server{engine: e, served: reach(url, name, "", 5*time.Minute)}
	s.guided = isGuided(i.version)
	// The port is bound early but nobody listens until the engine is up.
	if err := s.p.Await(ctx, "while loading", 100*time.Millisecond, func() (bool, error) { return wire.Documents{}.Get(ctx, url+"/health", nil) == nil, nil }); err != nil {
		return nil, s.failed(ctx, err)
	}
	if err := s.prove(ctx); err != nil {
		return nil, s.notOurs(ctx, err)
	}
	s.loaded(time.Now())
	s.mu.Lock()
	s.info.MetricsURL = s.url + "/metrics"
	s.mu.Unlock()
	return s, nil
}

// prove asks the server for its model's name: only the one we started knows it.
func (s *server) prove(ctx context.Context) error {
	models, err := wire.Documents{}.Models(ctx, s.url+"/v1")
	if err != nil {
		return err
	}
	m, err := models.Find(s.name)
	if err != nil {
		return fmt.Errorf("another server answers at %s: %w", s.url, errNotOurs)
	}
	s.window = deref(m.MaxModelLen)
	s.mu.Lock()
	s.info.MaxModelLen = m.MaxModelLen
	s.mu.Unlock()
	return nil
}

// errNotOurs means that somebody took our port between the choice of it and the server's bind.
var errNotOurs = errors.New("its model is not the one we started")

// notOurs ends what we started: it lost its port, or will.
func (s *server) notOurs(ctx context.Context, err error) error {
	err = s.failed(ctx, err)
	var launch *backends.LaunchError
	if errors.As(err, &launch) && errors.Is(err, errNotOurs) {
		launch.Class, launch.Environment = "port_taken", true
	}
	return err
}

// Close ends the server.
func (s *server) Close(ctx context.Context) error {
	s.Client.Close()
	return s.engine.Close(ctx)
}

// deref: the wire takes 0 for a context that is not known.
func deref(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
