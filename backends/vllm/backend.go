package vllm

import (
	"context"

	"matrix/backends"
	"matrix/experiments"
)

// Offline is vLLM's LLM class: the whole batch is handed over at once.
func Offline() backends.Backend { return backend{launch: launchOffline} }

// Serve is vLLM's OpenAI server, or a running one that is attached to.
func Serve() backends.Backend { return backend{launch: launchServe} }

// backend is one of the two entry points of the same vLLM.
type backend struct {
	hub
	launch func(context.Context, backends.Spec, install) (backends.Engine, error)
}

var _ backends.Fetcher = backend{}

func (b backend) Resolve(ctx context.Context, c *experiments.Cell) (backends.Identity, error) {
	return resolve(ctx, c)
}

func (b backend) Launch(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	if spec.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, spec.Timeout, errLoadLimit)
		defer cancel()
	}
	if spec.Cell.Platform.Attach {
		return attach(ctx, spec)
	}
	i, err := b.ready(ctx, spec.Cell)
	if err != nil {
		return nil, err
	}
	return b.launch(ctx, spec, i)
}
