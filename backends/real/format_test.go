package real

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/ollama"
	"matrix/backends/openai"
	"matrix/backends/process"
	"matrix/backends/vllm"
	"matrix/experiments"
	"matrix/results/validity"
)

// verdictSchema is small enough for a model that was taught nothing to fill it within a hundred tokens.
const verdictSchema = `{"type":"object","properties":{"score":{"type":"integer","minimum":1,"maximum":10},"recommendation":{"type":"string","enum":["hire","hold","reject"]},` +
	`"strengths":{"type":"array","items":{"type":"string","minLength":3,"maxLength":24},"minItems":1,"maxItems":2}},` +
	`"required":["score","recommendation","strengths"],"additionalProperties":false}`

// noSchema has a type that there is not: every engine must say so, and none may answer.
const noSchema = `{"type":"object","properties":{"score":{"$ref":"#/$defs/nowhere"}},"required":["score"]}`

// constrained is an engine that is asked for forms.
type constrained struct {
	backend backends.Backend
	cell    *experiments.Cell
	words   bool // it takes choice and regex
}

// TestFormats asks the engines for one schema and holds each answer against it, here and by Python's jsonschema.
func TestFormats(t *testing.T) {
	if os.Getenv("MATRIX_FORMATS") == "" {
		t.Skip("MATRIX_FORMATS=1 runs it: it has not been seen to pass on every engine yet")
	}
	t.Run("vllm_offline", func(t *testing.T) {
		dir := engines(t, vllmPython, vllmModel, readersPython)
		constrained{vllm.Offline(), vllmCell(dir, vllm.OfflineName), true}.run(t, dir)
	})
	t.Run("vllm_serve", func(t *testing.T) {
		dir := engines(t, vllmPython, vllmModel, readersPython)
		constrained{vllm.Serve(), vllmCell(dir, vllm.ServeName), true}.run(t, dir)
	})
	for version, binary := range ollamaEras {
		t.Run("ollama "+version, func(t *testing.T) {
			dir := engines(t, binary, ollamaModel, readersPython)
			constrained{ollama.New(), ollamaCell(t, dir, binary), false}.run(t, dir)
		})
	}
	t.Run("llama-server", func(t *testing.T) {
		dir := engines(t, llamaServer, ollamaModel, readersPython)
		constrained{openai.New(), attachedLlama(t, dir), false}.run(t, dir)
	})
}

// attachedLlama starts a llama-server and is a cell that attaches to it.
func attachedLlama(t *testing.T, dir string) *experiments.Cell {
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(t.Context(), process.Command{
		Argv: []string{filepath.Join(dir, llamaServer), "--model", filepath.Join(dir, ollamaModel), "--host", "127.0.0.1",
			"--port", strconv.Itoa(port), "-c", "4096", "-np", "4", "--alias", "gemma3", "--no-webui", "--offline"},
		Env: process.Env(nil), LogPath: filepath.Join(t.TempDir(), "server.log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop(context.Background(), time.Second) })
	cell := &experiments.Cell{
		Platform: &experiments.Platform{ID: "llama", Backend: experiments.OpenAI, URL: fmt.Sprintf("http://127.0.0.1:%d", port)},
		Model:    &experiments.Model{ID: "gemma3_270m", Parts: map[string]experiments.Values{experiments.OpenAI: {"model": "gemma3"}}},
		Generate: &experiments.Generate{MaxTokens: 16, TopP: 1, RepeatPenalty: 1},
	}
	awaitLaunch(t, openai.New(), cell)
	return cell
}

func (c constrained) run(t *testing.T, dir string) {
	spec := backends.Spec{Cell: c.cell, Attempt: "formats-" + strings.ReplaceAll(filepath.Base(t.Name()), " ", "-"), Dir: t.TempDir(),
		LogPath: filepath.Join(t.TempDir(), "engine.log"), Observe: func(backends.Phase) {}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	e, err := c.backend.Launch(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	schema := experiments.ResponseFormat{Schema: verdictSchema}
	c.agree(t, dir, schema, c.ask(ctx, e, schema, 12))
	c.fits(t, experiments.ResponseFormat{JSON: true}, c.ask(ctx, e, experiments.ResponseFormat{JSON: true}, 2), false)
	if c.words {
		for _, f := range []experiments.ResponseFormat{{Choice: []string{"hire", "hold", "reject"}}, {Regex: "[0-9]{1,2}/10"}} {
			c.fits(t, f, c.ask(ctx, e, f, 4), true)
		}
	}
	for _, r := range c.ask(ctx, e, experiments.ResponseFormat{Schema: noSchema}, 1) {
		if t.Logf("a schema that is none: %s %s", r.Status, r.Error); r.Status == backends.OK || r.Error == "" {
			t.Errorf("a schema that is none was answered: %q", r.Text)
		}
	}
}

// ask sends n prompts at once.
func (c constrained) ask(ctx context.Context, e backends.Engine, f experiments.ResponseFormat, n int) []backends.Reply {
	replies := make([]backends.Reply, n)
	generate := *c.cell.Generate
	generate.Format = f
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() {
			replies[i] = e.Generate(ctx, backends.Request{
				Seq: int64(i), MaxTokens: 160, Generate: &generate, Timeout: 5 * time.Minute,
				Prompt: fmt.Sprintf("Evaluation of candidate %d, who has %d years of experience with bridges, as JSON: ", i+1, i),
			})
		})
	}
	wg.Wait()
	return replies
}

// fits wants every answer to be valid, but for those that the limit of tokens cut.
func (c constrained) fits(t *testing.T, f experiments.ResponseFormat, replies []backends.Reply, whole bool) (reasons []string) {
	t.Helper()
	var checks validity.Checks
	valid := 0
	for _, r := range replies {
		reason := checks.Of(f).Invalid(validity.Answer{Status: string(r.Status), Finish: r.FinishReason, Text: r.Text, Thought: r.Thought})
		reasons = append(reasons, reason)
		if reason == "" {
			valid++
		}
		if reason != "" && (reason != validity.Truncated || whole) {
			t.Errorf("%+v: %s: %q %s", f, reason, r.Text, r.Error)
		}
	}
	t.Logf("%d of %d valid for %.60s…", valid, len(replies), fmt.Sprintf("%+v", f))
	return reasons
}

// agree holds the answers against the schema by Python's jsonschema too: no answer may be judged otherwise.
func (c constrained) agree(t *testing.T, dir string, f experiments.ResponseFormat, replies []backends.Reply) {
	t.Helper()
	var in bytes.Buffer
	reasons := c.fits(t, f, replies, false)
	for _, r := range replies {
		line, err := json.Marshal(map[string]any{"schema": json.RawMessage(f.Schema), "text": r.Text})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, readersPython), filepath.Join("..", "..", "results", "validity", "testdata", "outside.py"))
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(replies) {
		t.Fatalf("%d verdicts on %d answers", len(lines), len(replies))
	}
	valid := 0
	for i, line := range lines {
		var outside struct{ Valid bool }
		if err := json.Unmarshal([]byte(line), &outside); err != nil {
			t.Fatal(err)
		}
		if outside.Valid {
			valid++
		}
		if outside.Valid != (reasons[i] == "") {
			t.Errorf("%q: %q here, valid %v by jsonschema", replies[i].Text, reasons[i], outside.Valid)
		}
	}
	if 2*valid < len(replies) {
		t.Errorf("%d of %d answers fit the schema that the engine was held to", valid, len(replies))
	}
}
