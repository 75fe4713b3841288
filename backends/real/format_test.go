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
	"matrix/backends/openai"
	"matrix/backends/process"
	"matrix/experiments/cell"
	"matrix/results/validity"
)

// verdictSchema is small enough for a model that was taught nothing to fill it within a hundred tokens.
const verdictSchema = `{"type":"object","properties":{"score":{"type":"integer","minimum":1,"maximum":10},"recommendation":{"type":"string","enum":["hire","hold","reject"]},` +
	`"strengths":{"type":"array","items":{"type":"string","minLength":3,"maxLength":24},"minItems":1,"maxItems":2}},` +
	`"required":["score","recommendation","strengths"],"additionalProperties":false}`

// noSchema has a type that there is not: every engine but xllamacpp's says so, and does not answer.
const noSchema = `{"type":"object","properties":{"score":{"$ref":"#/$defs/nowhere"}},"required":["score"]}`

// constrained is an engine that is asked for forms.
type constrained struct {
	cell    *cell.Cell
	answers int  // to the schema
	words   bool // it takes choice and regex
	lax     bool // it answers as it likes where it cannot read a schema
}

// attachedLlama starts a llama-server and is a cell that attaches to it.
func attachedLlama(t *testing.T, dir string) *cell.Cell {
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(t.Context(), process.Command{
		Argv: []string{filepath.Join(dir, llamaServer), "--model", filepath.Join(dir, ollamaModel), "--host", "127.0.0.1",
			"--port", strconv.Itoa(port), "-c", "4096", "-np", "4", "-t", "1", "--alias", "gemma3", "--no-webui", "--offline"},
		Env: process.Env(nil), LogPath: filepath.Join(t.TempDir(), "server.log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop(context.Background(), time.Second) })
	cell := &cell.Cell{
		Platform: &cell.Platform{ID: "llama", Backend: cell.OpenAI, URL: fmt.Sprintf("http://127.0.0.1:%d", port)},
		Model:    &cell.Model{ID: "gemma3_270m", Parts: map[string]cell.Values{cell.OpenAI: {"model": "gemma3"}}},
		Generate: &cell.Generate{MaxTokens: 16, TopP: 1, RepeatPenalty: 1},
	}
	awaitLaunch(t, openai.New(), cell)
	return cell
}

// run asks a launched engine for one schema and holds each answer against it, here and by Python's jsonschema.
func (c constrained) run(t *testing.T, dir string, e backends.Engine) {
	schema := cell.ResponseFormat{Schema: verdictSchema}
	t.Run("Schema", func(t *testing.T) { c.agree(t, dir, schema, c.ask(t, e, schema, c.answers)) })
	t.Run("JSON", func(t *testing.T) {
		f := cell.ResponseFormat{JSON: true}
		c.fits(t, f, c.ask(t, e, f, 2), false)
	})
	if c.words {
		t.Run("Words", func(t *testing.T) {
			for _, f := range []cell.ResponseFormat{{Choice: []string{"hire", "hold", "reject"}}, {Regex: "[0-9]{1,2}/10"}} {
				c.fits(t, f, c.ask(t, e, f, 4), true)
			}
		})
	}
	if c.lax {
		return
	}
	t.Run("NoSchema", func(t *testing.T) {
		for _, r := range c.ask(t, e, cell.ResponseFormat{Schema: noSchema}, 1) {
			if t.Logf("a schema that is none: %s %s", r.Status, r.Error); r.Status == backends.OK || r.Error == "" {
				t.Errorf("a schema that is none was answered: %q", r.Text)
			}
		}
	})
}

// ask sends n prompts at once.
func (c constrained) ask(t *testing.T, e backends.Engine, f cell.ResponseFormat, n int) []backends.Reply {
	ctx, replies := within(t, 5*time.Minute), make([]backends.Reply, n)
	generate := *c.cell.Generate
	generate.Format = f
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() {
			replies[i] = e.Generate(ctx, backends.Request{
				Seq: int64(i), MaxTokens: 160, Generate: &generate, Timeout: 4 * time.Minute,
				Prompt: fmt.Sprintf("Evaluation of candidate %d, who has %d years of experience with bridges, as JSON: ", i+1, i),
			})
		})
	}
	wg.Wait()
	return replies
}

// fits wants every answer to be valid, but for those that the limit of tokens cut.
func (c constrained) fits(t *testing.T, f cell.ResponseFormat, replies []backends.Reply, whole bool) (reasons []string) {
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
func (c constrained) agree(t *testing.T, dir string, f cell.ResponseFormat, replies []backends.Reply) {
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
