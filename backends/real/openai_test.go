package real

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/backendtest"
	"matrix/backends/openai"
	"matrix/experiments/cell"
)

const llamaServer = "llama-server/llama-server"

// TestOpenAI attaches to llama-server, a server with OpenAI's API that is none of ours.
func TestOpenAI(t *testing.T) {
	dir := engines(t, llamaServer, ollamaModel, readersPython)
	c := attachedLlama(t, dir)
	backendtest.Run(t, backendtest.Suite{
		Backend: openai.New(), Cell: func(*testing.T) *cell.Cell { return c }, LongTokens: 900, RequestTimeout: 2 * time.Minute,
		Prompt:  func(i int) string { return fmt.Sprintf("Story %d. Once upon a time there lived", i) },
		Also:    func(t *testing.T, e backends.Engine, _ string) { constrained{cell: c, answers: 2}.run(t, dir, e) },
		TooLong: strings.Repeat("far too long ", 1000), Can: backendtest.Can{Streams: true, Abort: true, Attached: true},
	})
}

// awaitLaunch attaches again and again until the server has loaded, and asks it one thing.
func awaitLaunch(t *testing.T, b backends.Backend, cell *cell.Cell) {
	t.Helper()
	var e backends.Engine
	var err error
	for range 300 {
		spec := backends.Spec{Cell: cell, Dir: t.TempDir(), Observe: func(backends.Phase) {}}
		if e, err = b.Launch(t.Context(), spec); err == nil {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	r := e.Generate(t.Context(), backends.Request{Prompt: "The capital of France is", MaxTokens: 8, Generate: cell.Generate, Timeout: time.Minute})
	if r.Status != backends.OK || deref(r.InputTokens) != 6 || deref(r.OutputTokens) != 8 || !strings.Contains(r.Text, "the capital") {
		t.Errorf("%s (%s), %d prompt tokens, want 6; %d output tokens, want 8; %q", r.Status, r.Error, deref(r.InputTokens), deref(r.OutputTokens), r.Text)
	}
	if i := e.Info(); !i.Attached || deref(i.MaxModelLen) != 1024 || i.Version == "" {
		t.Errorf("attached %v, context %d, version %q", i.Attached, deref(i.MaxModelLen), i.Version)
	}
}
