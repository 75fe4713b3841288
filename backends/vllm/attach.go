package vllm

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"

	"matrix/backends"
	"matrix/backends/launched"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// attached is a server that somebody else runs: nothing is launched and nothing stopped.
// Its loss shows in the replies alone, as there is no process to watch.
type attached struct {
	served
	info backends.Info // as it was when it was attached to: nobody asks again
	done chan struct{} // closed by Close alone
	once sync.Once     // Close is idempotent, and a channel cannot be closed twice
}

// attachedModel is the name that a running server should know the model by.
func attachedModel(c *cell.Cell) string {
	switch {
	case modelOf(c.Model) != nil && modelOf(c.Model).Model != "":
		return modelOf(c.Model).Model
	case c.Model.Parts[cell.OpenAI] != nil:
		return c.Model.Parts[cell.OpenAI].Text("model")
	}
	return c.Model.ID
}

// attach takes a server that runs already. It is asked for its models and its version and nothing else: what it was started
// with it does not tell, so most of Info stays empty, and no PID is ours to watch.
func attach(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	platform := spec.Cell.Platform
	url, key := wire.Bare(platform.URL, "/v1"), "" // as clients of OpenAI take it
	if platform.APIKeyEnv != "" {
		key = os.Getenv(platform.APIKeyEnv)
	}
	models, err := wire.Documents{Key: key}.Models(ctx, wire.Join(url, "/v1"))
	if err != nil {
		return nil, launched.Unreachable(platform.PublicURL(), err)
	}
	m, err := models.Find(attachedModel(spec.Cell))
	if err != nil {
		return nil, &backends.LaunchError{
			Environment: true, Class: "wrong_model", Err: fmt.Errorf("attach to %s: %w", platform.PublicURL(), err), Hint: "name the model as the server does",
		}
	}
	s := reach(url, m.ID, key, 0) // 0: how long that server keeps idle connections is its owner's affair
	s.window = deref(m.MaxModelLen)
	version := askVersion(ctx, url, key)
	s.guided = isGuided(version)
	var warnings []string
	if m.Root != "" && m.Root != m.ID && modelOf(spec.Cell.Model) != nil && m.ID == modelOf(spec.Cell.Model).Model {
		warnings = append(warnings, fmt.Sprintf("weights: the server loaded %s, and calls it %s", m.Root, m.ID)) // --served-model-name is any word
	}
	return &attached{
		served: s,
		info: backends.Info{
			Engine: "vllm", Version: version, MetricsURL: wire.Join(url, "/metrics"), MaxModelLen: m.MaxModelLen, Attached: true, Warnings: warnings,
		},
		done: make(chan struct{}),
	}, nil
}

// askVersion is "unknown" where the server does not tell.
func askVersion(ctx context.Context, url, key string) string {
	var v struct{ Version string }
	_ = wire.Documents{Key: key}.Get(ctx, wire.Join(url, "/version"), &v)
	return cmp.Or(v.Version, "unknown")
}

// Info is what the server told when it was attached to; it has no process, log or arguments.
func (a *attached) Info() backends.Info { return a.info }

// Done closes with Close only: a server that dies shows in its replies.
func (a *attached) Done() <-chan struct{} { return a.done }

// Close lets go of the connections. The server is another's and goes on.
func (a *attached) Close(context.Context) error {
	a.once.Do(func() {
		a.Client.Close()
		close(a.done)
	})
	return nil
}
