package launch

import (
	"testing"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/runner/ledger"
	"matrix/runner/runnertest"
)

func TestMakeRow(t *testing.T) {
	base := time.Now()
	at := func(s float64) time.Time { return base.Add(time.Duration(s * float64(time.Second))) }
	n := int64(3)
	a := ledger.Pend(backends.Request{PromptID: "p", Prompt: "hello", MaxTokens: 9}, at(1))
	row := makeRow(a, backends.Reply{Seq: 4, Status: backends.Failed, HTTPStatus: 500, ErrorClass: "http_500", Error: "no", Attempts: 2,
		Sent: at(1.5), Done: at(2), OutputTokens: &n}, base, "measure", 2)
	if *row.ScheduledS != 1 || *row.SentS != 1.5 || *row.DoneS != 2 || row.FirstTokenS != nil || row.LastTokenS != nil {
		t.Errorf("times %v %v %v %v", *row.ScheduledS, *row.SentS, *row.DoneS, row.FirstTokenS)
	}
	if row.Seq != 4 || row.PromptID != "p" || row.Segment != 2 || *row.HTTPStatus != 500 || row.Attempts != 2 || row.MaxTokens != 9 ||
		row.TokenSource != "none" || row.InputTokens != nil || *row.OutputTokens != 3 || row.OutputHash != [16]byte{} {
		t.Errorf("%+v", row)
	}
	if warm := makeRow(ledger.PendingRequest{}, backends.Reply{Sent: at(-2)}, base, "warmup", 1); *warm.SentS != -2 || warm.ScheduledS != nil || warm.HTTPStatus != nil {
		t.Errorf("%+v", warm)
	}
}

func TestPromptHash(t *testing.T) {
	text := ledger.PromptHash(backends.Request{Prompt: "hi"})
	chat := ledger.PromptHash(backends.Request{Prompt: "hi", Messages: []backends.Message{{Role: "user", Content: "hi"}}})
	other := ledger.PromptHash(backends.Request{Messages: []backends.Message{{Role: "system", Content: "hi"}}})
	if text == chat || chat == other {
		t.Error("different prompts have one hash")
	}
	if text != ledger.PromptHash(backends.Request{Prompt: "hi", Seq: 9, MaxTokens: 1}) {
		t.Error("the hash depends on more than the prompt")
	}
}

func TestMakeRequest(t *testing.T) {
	c := runnertest.Cell("a", 10)
	c.Load.Timeout, c.Load.Retries, c.Capture.Chunks = time.Minute, 2, true
	req := makeRequest(c, 3, dataset.Entry{ID: "x", Messages: []dataset.Message{{Role: "user", Content: "q"}}})
	if req.Seq != 3 || req.PromptID != "x" || req.Messages[0].Content != "q" || req.MaxTokens != 5 || req.Timeout != time.Minute || req.Retries != 2 || !req.Chunks {
		t.Errorf("%+v", req)
	}
	if own := makeRequest(c, 3, dataset.Entry{MaxTokens: 77}); own.MaxTokens != 77 {
		t.Errorf("the entry's own max_tokens: got %d, want 77", own.MaxTokens)
	}
}

func TestChosenOutputs(t *testing.T) {
	c := runnertest.Cell("a", 10)
	count := func(kind string, n, planned int) int {
		c.Capture = &cell.Capture{Outputs: kind, Sample: n}
		keep, kept := chosenOutputs(c, planned), 0
		for seq := range int64(planned) {
			if keep(seq) {
				kept++
			}
		}
		return kept
	}
	for _, tt := range []struct {
		kind             string
		n, planned, want int
	}{{"all", 0, 50, 50}, {"none", 0, 50, 0}, {"sample", 100, 50_000, 100}, {"sample", 100, 20, 20}} {
		if got := count(tt.kind, tt.n, tt.planned); got != tt.want {
			t.Errorf("%s %d of %d: kept %d, want %d", tt.kind, tt.n, tt.planned, got, tt.want)
		}
	}
}
