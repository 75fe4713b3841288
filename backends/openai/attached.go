package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"matrix/backends"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// attached is a server that somebody else runs: nothing is launched and nothing stopped.
type attached struct {
	*wire.Client             // for what is measured
	server       *api        // with the key
	model        string      // as the server has it
	args         cell.Values // the platform's; nil = none. Not written to after attach
	// dialect is what the server takes beyond OpenAI's API, as far as it tells what it is.
	dialect wire.Dialect
	strict  atomic.Bool   // it has refused its dialect since
	mu      sync.Mutex    // guards info
	info    backends.Info // Warnings grow; all else stands once attach has returned
	done    chan struct{} // closed by Close alone
	once    sync.Once     // of Close
}

// attach takes a server that speaks OpenAI's API. Whose it is, its list of models tells; by that it is known what bodies it
// takes and whether it keeps connections. One that has no such list is taken with a warning.
func attach(ctx context.Context, server *api, spec backends.Spec) (*attached, error) {
	a := &attached{
		server: server, model: modelName(spec.Cell), args: spec.Cell.Platform.Args,
		done: make(chan struct{}), info: backends.Info{Engine: "openai", Attached: true},
	}
	dropsConnections := false
	models, err := server.models(ctx)
	var refused *wire.StatusError
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		a.info.Warnings = append(a.info.Warnings, "the server lists no models, so that it serves "+a.model+" is not proven")
	case err != nil:
		return nil, unreachable(spec.Cell.Platform.PublicURL(), err)
	default:
		m, err := models.Find(a.model)
		if err != nil {
			return nil, &backends.LaunchError{
				Environment: true, Class: "wrong_model", Err: fmt.Errorf("attach to %s: %w", spec.Cell.Platform.PublicURL(), err),
				Hint: "name the model in model.openai as the server does",
			}
		}
		a.model = m.ID // which a request must have where the declared name is that of what was loaded
		a.info.MaxModelLen = m.Window()
		dropsConnections = m.OwnedBy == "llamacpp"
		a.dialect = dialectOf(m)
		if i := spec.Cell.Isolation; m.OwnedBy == "llamacpp" && i != nil && i.PrefixCache == "off" && a.args["cache_prompt"] == nil {
			a.args = maps.Clone(a.args)
			if a.args == nil {
				a.args = cell.Values{}
			}
			a.args["cache_prompt"] = false // llama-server can be told: else the template in front of the nonce is cached
		}
	}
	// Every such server has a list of models, or says in its way that it has none.
	health := wire.Health(wire.Join(server.base, "/models"), server.Key)
	a.Client = wire.New(wire.Options{APIKey: server.Key, NoReuse: dropsConnections, Health: health})
	a.info.Version = server.version(ctx)
	a.info.MetricsURL, a.info.MetricsPrefix = server.metrics(ctx)
	return a, nil
}

// dialectOf tells a server by what it says of its model.
func dialectOf(m wire.ServedModel) wire.Dialect {
	switch m.OwnedBy {
	case "llamacpp":
		return wire.Dialect{TemplateArgs: true, RawSchema: true}
	case "vllm":
		return wire.Templated
	case "library":
		return wire.Dialect{Effort: true} // Ollama
	}
	return wire.OpenAI
}

// begun leaves the beginning of a raw prompt to the server, which makes one itself: a prompt with its own would have two.
// Where the platform tells the server not to (args.add_special_tokens = false), the prompt keeps its own.
func (a *attached) begun(req backends.Request) backends.Request {
	if adds, declared := a.args["add_special_tokens"].(bool); len(req.Messages) == 0 && (adds || !declared) {
		_, req.Prompt = cell.CutBOS(req.Prompt)
	}
	return req
}

// Generate streams one answer. The model's name is not held against the answer's: services resolve an alias
// ("gpt-4o") to a dated version.
func (a *attached) Generate(ctx context.Context, req backends.Request) backends.Reply {
	dialect := a.accepted()
	r := a.send(ctx, req, dialect)
	if dialect.TemplateArgs && wire.RefusesTemplateArgs(req, r) {
		a.strict.Store(true)
		return a.send(ctx, req, wire.OpenAI)
	}
	return r
}

// accepted is the plain API for good once the server has refused more: it is asked once, not with each request.
func (a *attached) accepted() wire.Dialect {
	if a.strict.Load() {
		return wire.OpenAI
	}
	return a.dialect
}

// send puts a request in one dialect and sends it.
func (a *attached) send(ctx context.Context, req backends.Request, dialect wire.Dialect) backends.Reply {
	body, protocol := wire.OpenAIBody(a.begun(req), a.model, dialect)
	var window int64
	if a.info.MaxModelLen != nil { // written before the first request only
		window = *a.info.MaxModelLen
	}
	return a.Do(ctx, wire.Call{
		URL: wire.Join(a.server.base, strings.TrimPrefix(protocol.Path(), "/v1")), Body: withArgs(body, a.args), Protocol: protocol, Context: window, Request: req,
	})
}

// withArgs merges the platform's arguments over a request: what a server takes beyond OpenAI's API passes through.
// Newer models of OpenAI want max_completion_tokens; as an argument it replaces max_tokens.
func withArgs(body []byte, args cell.Values) []byte {
	if len(args) == 0 {
		return body
	}
	var fields map[string]json.RawMessage // as they stand: the order of a schema's keys is the order of the answer's
	if err := json.Unmarshal(body, &fields); err != nil {
		panic(fmt.Sprintf("read a request of our own: %v", err)) // our bug, not the user's
	}
	if args["max_completion_tokens"] != nil {
		delete(fields, "max_tokens")
	}
	for name, value := range args {
		fields[name] = encoded(value)
	}
	return encoded(fields)
}

// encoded is for values that came out of JSON or of the language: all of them have such a form.
func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode a request of plain values: %v", err)) // our bug, not the user's
	}
	return text
}

// Info is what an attached server tells.
func (a *attached) Info() backends.Info {
	a.mu.Lock()
	defer a.mu.Unlock()
	info := a.info
	info.Warnings = slices.Clone(info.Warnings)
	return info
}

// warn adds to what the run's report says of the engine; safe for concurrent use.
func (a *attached) warn(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.info.Warnings = append(a.info.Warnings, text)
}

// Done is closed by Close: a foreign server's end is seen by its answers only.
func (a *attached) Done() <-chan struct{} { return a.done }

// Close lets go of the server, which goes on.
func (a *attached) Close(context.Context) error {
	a.once.Do(func() {
		a.Client.Close()
		a.server.HTTP.CloseIdleConnections()
		close(a.done)
	})
	return nil
}
