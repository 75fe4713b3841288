package launch

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/record"
	"matrix/runner/ledger"
	"matrix/runner/plan"
)

// makeRequest turns a dataset's entry into the cell's request.
// It looks at no platform: what differed here would be measured.
func makeRequest(c *cell.Cell, seq int, e dataset.Entry) backends.Request {
	req := backends.Request{Seq: int64(seq), PromptID: e.ID, Prompt: e.Prompt, MaxTokens: e.MaxTokens, Generate: c.Generate,
		Timeout: c.Load.Timeout, Retries: c.Load.Retries, Chunks: c.Capture.Chunks}
	if req.MaxTokens == 0 {
		req.MaxTokens = c.Generate.MaxTokens
	}
	req.Extra = e.Extra
	for _, m := range e.Messages {
		req.Messages = append(req.Messages, backends.Message(m))
	}
	return req
}

// Example is the first request of a cell as it is sent; a zero one where the dataset is not here.
func Example(ctx context.Context, w plan.World, c *cell.Cell) backends.Request {
	set, err := w.Datasets(ctx, c.Dataset)
	if err != nil {
		return backends.Request{}
	}
	e, err := set.Request(c, false, 0, 0)
	if err != nil {
		return backends.Request{}
	}
	return makeRequest(c, 0, e)
}

// makeRow is how one request's end lands in requests.parquet. base is when the measured phase of this segment began.
func makeRow(a ledger.PendingRequest, r backends.Reply, base time.Time, phase string, segment int32) record.RequestRow {
	row := record.RequestRow{
		Seq: r.Seq, PromptID: a.PromptID, PromptHash: a.Hash, Phase: phase, Segment: segment,
		Status: string(r.Status), ErrorClass: r.ErrorClass, Error: r.Error, Attempts: int32(r.Attempts),
		Reconnects: int32(r.Reconnects), Flags: strings.Join(r.Flags, " "),
		ScheduledS: since(base, a.Scheduled), SentS: since(base, r.Sent), FirstChunkS: since(base, r.FirstChunk),
		FirstTokenS: since(base, r.FirstToken), LastTokenS: since(base, r.LastToken), DoneS: since(base, r.Done),
		FirstAnswerS: since(base, r.FirstAnswer), ReasoningTokens: r.Reasoning,
		InputTokens: r.InputTokens, OutputTokens: r.OutputTokens, CachedTokens: r.CachedTokens,
		MaxTokens: int64(a.MaxTokens), TokenSource: r.TokenSource, FinishReason: r.FinishReason, Chunks: int32(r.Chunks),
		ServerQueueS: r.ServerQueue, ServerPrefillS: r.ServerPrefill, ServerDecodeS: r.ServerDecode, ChunkGapsS: r.ChunkGaps,
	}
	if row.TokenSource == "" {
		row.TokenSource = "none"
	}
	if r.HTTPStatus != 0 {
		code := int32(r.HTTPStatus)
		row.HTTPStatus = &code
	}
	if r.Text != "" {
		row.OutputHash = ledger.ShortHash([]byte(r.Text))
	}
	return row
}

// since is seconds from base; nil for a time that never came.
func since(base, at time.Time) *float64 {
	if at.IsZero() {
		return nil
	}
	s := at.Sub(base).Seconds()
	return &s
}

// chosenOutputs decides which answers are stored. The sample is a function of the dataset's seed and the number of
// requests alone, so that cells of one size keep the same prompts' answers and can be compared.
func chosenOutputs(c *cell.Cell, planned int) func(seq int64) bool {
	switch c.Capture.Outputs {
	case "all":
		return func(int64) bool { return true }
	case "sample":
		chosen := sample(planned, c.Capture.Sample, c.Dataset.Seed)
		return func(seq int64) bool { return chosen[seq] }
	}
	return func(int64) bool { return false }
}

// sample draws k of n without a list of n (Floyd).
func sample(n, k int, seed int64) map[int64]bool {
	r := rand.New(rand.NewPCG(uint64(seed), 0x6f757470)) // "outp": apart from other uses of the seed
	chosen := make(map[int64]bool, min(k, n))
	for j := max(0, n-k); j < n; j++ {
		i := int64(r.IntN(j + 1))
		if chosen[i] {
			i = int64(j)
		}
		chosen[i] = true
	}
	return chosen
}

// toOutput is the captured answer of a reply; nil = none.
func toOutput(a ledger.PendingRequest, r backends.Reply, segment int32) *record.OutputRow {
	if r.Text == "" {
		return nil
	}
	return &record.OutputRow{Seq: r.Seq, PromptID: a.PromptID, Segment: segment, Text: r.Text}
}
