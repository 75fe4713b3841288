package apply

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/runner/runnertest"
)

// answering is an engine that answers each request by its number.
func answering(text func(seq int64) backends.Reply) func(context.Context, int, backends.Spec) (backends.Engine, error) {
	return func(context.Context, int, backends.Spec) (backends.Engine, error) {
		e := runnertest.NewEngine()
		e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
			r, said := runnertest.Healthy(ctx, req), text(req.Seq)
			r.Text, r.FinishReason, r.Thought, r.Refused = said.Text, "stop", said.Thought, said.Refused
			if said.FinishReason != "" {
				r.FinishReason = said.FinishReason
			}
			return r
		}
		return e, nil
	}
}

// TestEveryAnswerIsChecked: each measured request has its verdict by the time that the attempt is committed.
func TestEveryAnswerIsChecked(t *testing.T) {
	for _, alone := range []bool{false, true} {
		everyAnswer(t, alone)
	}
}

// everyAnswer holds for a form that the engine is told, and for one that answers are only held against.
func everyAnswer(t *testing.T, alone bool) {
	said := []backends.Reply{{Text: `{"score":7}`}, {Text: `{"score":"7"}`}, {Text: "Sure!"}, {}, {Text: `{"sc`, FinishReason: "length"},
		{FinishReason: "length", Thought: true}, {Text: "No.", Refused: true}}
	want := []string{"", "schema:/score", "not_json", "no_text", "truncated", "thinking_ate_budget", "refused"}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backend.OnLaunch = answering(func(seq int64) backends.Reply { return said[seq%int64(len(said))] })
		c := runnertest.Cell("a", 3*len(said))
		generate := *c.Generate
		generate.Format = cell.ResponseFormat{Schema: `{"type":"object","properties":{"score":{"type":"integer"}},"required":["score"]}`, CheckOnly: alone}
		c.Generate = &generate
		if sum := r.apply(t.Context(), r.plan(c)); sum.Complete != 1 {
			t.Fatalf("%+v", sum)
		}
		past := r.only()
		for seq, row := range r.rows(past, 3*len(said)) {
			reason := want[seq%int64(len(want))]
			if row.Valid == nil || *row.Valid != (reason == "") || row.InvalidReason != reason {
				t.Errorf("request %d: valid %v, %q, want %q", seq, row.Valid, row.InvalidReason, reason)
			}
		}
		if past.Summary["valid_evaluations"] != 3 || past.Summary["valid_evaluations_per_hour"] <= 0 {
			t.Errorf("%v of 3 valid, %v an hour", past.Summary["valid_evaluations"], past.Summary["valid_evaluations_per_hour"])
		}
	})
}

// TestOwnFormats: an entry that asks for a form of its own is held against that, the others against the cell's.
func TestOwnFormats(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.jsonl")
	lines := ""
	for i, own := range []string{"", `,"response_format":{"type":"json_object"}`, `,"guided_choice":["yes","no"]`, `,"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"objekt"}}}`} {
		lines += fmt.Sprintf(`{"custom_id":"%d","body":{"messages":[{"role":"user","content":"q"}]%s}}`+"\n", i, own)
	}
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backend.OnLaunch = answering(func(seq int64) backends.Reply { return backends.Reply{Text: []string{"12", "12", "yes", "{}"}[seq]} })
		c := runnertest.Cell("a", 4)
		generate := *c.Generate
		generate.Format = cell.ResponseFormat{Regex: "[0-9]+"}
		c.Generate, c.Dataset = &generate, &cell.Dataset{ID: "d", Path: path}
		if sum := r.apply(t.Context(), r.plan(c)); sum.Complete != 1 {
			t.Fatalf("%+v", sum)
		}
		for seq, row := range r.rows(r.only(), 4) {
			if want := []string{"", "schema:/", "", "no_schema"}[seq]; row.InvalidReason != want {
				t.Errorf("request %d: %q, want %q", seq, row.InvalidReason, want)
			}
		}
	})
}

// TestRefusedForm: an engine that refuses the form of the answers is asked as little as shows it, its words are told once, and
// no other launch asks the same; another form is asked.
func TestRefusedForm(t *testing.T) {
	for _, class := range []string{"http_400", "invalid_request"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			asked := atomic.Int64{}
			r.backend.OnLaunch = func(context.Context, int, backends.Spec) (backends.Engine, error) {
				e := runnertest.NewEngine()
				e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
					if req.Generate.Format.Schema == "" {
						return runnertest.Healthy(ctx, req)
					}
					asked.Add(1)
					return backends.Reply{Status: backends.Failed, ErrorClass: class, Error: "The provided JSON schema contains features not supported by xgrammar.",
						Attempts: 1, Sent: time.Now(), Done: time.Now()}
				}
				return e, nil
			}
			refused, larger, free := runnertest.Cell("a", 100), runnertest.Cell("a", 200), runnertest.Cell("a", 10)
			larger.Platform, larger.Model, larger.Dataset = refused.Platform, refused.Model, refused.Dataset
			for _, c := range []*cell.Cell{refused, larger} {
				generate := *c.Generate
				generate.Format = cell.ResponseFormat{Schema: `{"type":"object"}`}
				c.Generate, c.Launches = &generate, 3
			}
			sum := r.apply(t.Context(), r.plan(refused, larger, free))
			if sum.Failed != 1 || sum.Complete != 1 || sum.NotRun != 5 || asked.Load() > 6 {
				t.Errorf("%+v after %d requests, want one failed launch, five left out", sum, asked.Load())
			}
			for _, past := range r.history() {
				if past.BatchSize == 10 {
					continue
				}
				if past.Status != record.EngineFailed || strings.Count(past.Reason, "not supported by xgrammar") != 1 {
					t.Errorf("%s: %s", past.Status, past.Reason)
				}
			}
		})
	}
}
