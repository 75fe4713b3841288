package backends

import (
	"context"
	"maps"
	"time"

	"matrix/experiments/cell"
)

// LaunchError says why a launch did not come to be.
type LaunchError struct {
	Environment bool   // the world's fault (port, disk, missing binary, foreign process), so the cell stays pending
	Class       string // "oom", "exited", "timeout", "partial_offload", "missing_model", "port_taken" …
	Err         error
	LogTail     string // last lines of the engine's log
	Hint        string // what to do
}

// Error is the cause alone: class, log and hint have their own places where it is shown.
func (e *LaunchError) Error() string { return e.Err.Error() }
func (e *LaunchError) Unwrap() error { return e.Err }

// Within bounds a context to a limit, of a load or a request; 0 = none. cause is context.Cause's once the limit has passed,
// by which a limit is told from a cancellation.
func Within(ctx context.Context, limit time.Duration, cause error) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, limit, cause)
}

// OpenEnv is an engine's environment as results may show it: secrets are left out, by their names.
func OpenEnv(env map[string]string) map[string]string {
	open := maps.Clone(env)
	maps.DeleteFunc(open, func(name, _ string) bool { return cell.SecretName(name) })
	return open
}
