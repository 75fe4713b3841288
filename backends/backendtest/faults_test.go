package backendtest_test

import (
	"context"
	"testing"

	"matrix/backends"
	"matrix/backends/backendtest"
	"matrix/backends/fake/faults"
	"matrix/backends/wire"
)

// TestFaults puts the client that all served backends share through the fault list, in each protocol.
func TestFaults(t *testing.T) {
	for _, p := range []wire.Protocol{wire.OpenAICompletions, wire.OpenAIChat, wire.NDJSONGenerate, wire.NDJSONChat} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			client := wire.New(wire.Options{})
			defer client.Close()
			backendtest.Faults(t, p, func(ctx context.Context, url string, req backends.Request) backends.Reply {
				body, _ := wire.OpenAIBody(req, faults.Model, wire.Extended)
				return client.Do(ctx, wire.Call{URL: url, Body: body, Protocol: p, Model: faults.Model, Request: req})
			})
		})
	}
}

// TestFaultsAsked: a client that knows the server to be well sends again what no byte of an answer came for, counts it,
// and gives up in the end.
func TestFaultsAsked(t *testing.T) {
	for _, p := range []wire.Protocol{wire.OpenAICompletions, wire.NDJSONChat} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			backendtest.FaultsAsked(t, p, func(ctx context.Context, url string, req backends.Request) backends.Reply {
				client := wire.New(wire.Options{Health: func(ctx context.Context) error { return backendtest.Listens(ctx, url) }})
				defer client.Close()
				body, _ := wire.OpenAIBody(req, faults.Model, wire.Extended)
				r := client.Do(ctx, wire.Call{URL: url, Body: body, Protocol: p, Model: faults.Model, Request: req})
				if r.Reconnects > 0 && r.Attempts <= r.Reconnects {
					t.Errorf("%d sends, %d of them lost", r.Attempts, r.Reconnects)
				}
				return r
			})
		})
	}
}

// TestFaultsOfBackends: each backend's own engine makes of every fault what the list says.
func TestFaultsOfBackends(t *testing.T) {
	for _, c := range []struct {
		platform string
		protocol wire.Protocol
		leaveOut []string
	}{
		{"vllm_serve", wire.OpenAICompletions, nil}, {"vllm_serve", wire.OpenAIChat, nil},
		{"ollama", wire.NDJSONGenerate, nil}, {"ollama", wire.NDJSONChat, nil},
		// A service resolves a name to a dated version: another model's name in the answer is none of its faults.
		{"openai_vllm", wire.OpenAICompletions, []string{"wrong_model", "wrong_model_later"}},
		{"openai_vllm", wire.OpenAIChat, []string{"wrong_model", "wrong_model_later"}},
	} {
		t.Run(c.platform+"/"+c.protocol.String(), func(t *testing.T) {
			t.Parallel()
			backendtest.FaultsOf(t, c.protocol, func(base string) (backends.Engine, error) { return attached(t, c.platform, base) }, c.leaveOut...)
		})
	}
}
