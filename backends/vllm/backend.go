package vllm

import (
	"context"

	"matrix/backends"
	"matrix/experiments/cell"
)

// Offline is vLLM's LLM class: the whole batch is handed over at once.
func Offline() backends.Backend { return value(offlineKind, launchOffline, refusesOffline) }

// Serve is vLLM's OpenAI server, or a running one that is attached to.
func Serve() backends.Backend { return value(serveKind, launchServe, refusesServed) }

type (
	launchFunc  func(context.Context, backends.Spec, install) (backends.Engine, error)
	refusesFunc func(c *cell.Cell, field, word string) string // Backend.Refuses
)

// value is one of the two entry points of the same vLLM.
func value(kind *cell.EngineKind, launch launchFunc, refuses refusesFunc) backends.Backend {
	return backends.Backend{
		Kind: kind, Check: Check, Fit: Fit, Resolve: resolve, Launch: starter(launch), Refuses: refuses, Reserves: reserves, Compiles: compiles,
		ModelFiles: modelFiles, Recipe: writeRecipe, Lacking: lacking, Fetch: fetch, Installed: installation,
	}
}

// starter bounds a load, or attaches instead.
func starter(launch launchFunc) func(context.Context, backends.Spec) (backends.Engine, error) {
	return func(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
		ctx, cancel := backends.Within(ctx, spec.Timeout, errLoadLimit)
		defer cancel()
		if spec.Cell.Platform.Attach {
			return attach(ctx, spec)
		}
		i, err := ready(ctx, spec.Cell)
		if err != nil {
			return nil, err
		}
		return launch(ctx, spec, i)
	}
}

// installation looks as find does, so that doctor says what a launch would find and not what a shell has.
func installation(p *cell.Platform) backends.Installed {
	i, err := find(p.Python, p.Env)
	return backends.Installed{Name: "vLLM", Version: i.version, Path: i.python, Tested: Tested,
		Advice: "Install vllm into that interpreter, or name another with platform.python.", Err: err}
}
