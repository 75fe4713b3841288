package backendtest_test

import (
	"context"
	"testing"

	"matrix/backends"
	"matrix/backends/backendtest"
	"matrix/backends/wire"
	"matrix/backends/wire/faults"
)

// TestFaults puts the client that all served backends share through the fault list, in each protocol.
func TestFaults(t *testing.T) {
	for _, p := range []wire.Protocol{wire.OpenAICompletions, wire.OpenAIChat, wire.OllamaGenerate, wire.OllamaChat} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			client := wire.New(wire.Options{})
			defer client.Close()
			backendtest.Faults(t, p, func(ctx context.Context, url string, req backends.Request) backends.Reply {
				body, _ := wire.OpenAIBody(req, faults.Model, true)
				return client.Do(ctx, wire.Call{URL: url, Body: body, Protocol: p, Model: faults.Model, Request: req})
			})
		})
	}
}
