package openai

import (
	"context"
	"errors"
	"fmt"
	"os"

	"matrix/backends"
	"matrix/backends/launched"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// New is the backend of platforms with backend = "openai".
func New() backends.Backend { return value(false) }

// NewBatch is the backend of platforms with backend = "openai_batch".
func NewBatch() backends.Backend { return value(true) }

// value has neither Fit nor Recipe: of a machine that is not ours nothing is predicted, and nothing started.
func value(batch bool) backends.Backend {
	return backends.Backend{Check: Check, Resolve: resolve, Launch: func(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
		return start(ctx, spec, batch)
	}}
}

// resolve knows the model's name and nothing more: what a server runs under a name is its own affair.
func resolve(ctx context.Context, c *cell.Cell) (backends.Identity, error) {
	id := backends.Identity{Engine: "openai", Model: cell.Values{"model": modelName(c)}}
	_, id.Missing = keyOf(c.Platform)
	return id, ctx.Err()
}

// start attaches: it asks the server for its models and proves the key.
func start(ctx context.Context, spec backends.Spec, batch bool) (backends.Engine, error) {
	p := spec.Cell.Platform
	key, err := keyOf(p)
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "missing_key", Err: err, Hint: "export the variable, or correct platform.api_key_env"}
	}
	ctx, cancel := backends.Within(ctx, spec.Timeout, context.DeadlineExceeded)
	defer cancel()
	server, err := newAPI(p.URL, key)
	if err != nil {
		return nil, &backends.LaunchError{Class: "bad_argument", Err: err, Hint: "correct platform.url"}
	}
	a, err := attach(ctx, server, spec)
	if err != nil {
		return nil, err
	}
	if batch {
		return &batcher{attached: a, dir: spec.Dir, poll: pollOf(p), keep: spec.Keep}, nil
	}
	return a, nil
}

// modelName is what the server calls the model.
func modelName(c *cell.Cell) string {
	if named := c.Model.Parts[cell.OpenAI]; named != nil {
		return named.Text("model")
	}
	return ""
}

// keyOf reads the API key from the variable that the platform names; "" where it names none.
func keyOf(p *cell.Platform) (string, error) {
	if p.APIKeyEnv == "" {
		return "", nil
	}
	key := os.Getenv(p.APIKeyEnv)
	if key == "" {
		return "", fmt.Errorf("the environment has no %s (platform.api_key_env)", p.APIKeyEnv)
	}
	return key, nil
}

// unreachable classifies why a server could not be attached to.
func unreachable(url string, err error) error {
	e := launched.Unreachable(url, err)
	var refused *wire.StatusError
	if errors.As(err, &refused) && (refused.Status == 401 || refused.Status == 403) {
		e.Class, e.Hint = "unauthorized", "name the variable with the API key in platform.api_key_env"
	}
	return e
}
