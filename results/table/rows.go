package table

import (
	"math"

	"matrix/results/record"
)

// keyColumns stand first in every table.
var keyColumns = []column[record.Keys]{
	text("experiment", "label of the experiment block", func(k *record.Keys) *string { return &k.Experiment }),
	text("cell", "16 hex digits of the cell's address", func(k *record.Keys) *string { return &k.Cell }),
	small("launch", "", "which fresh start of the cell, from 1", func(k *record.Keys) *int32 { return &k.Launch }),
	text("attempt", "ULID of the try at this launch", func(k *record.Keys) *string { return &k.Attempt }),
	text("attempt_status", "complete, engine_failed, censored, environment_failed, interrupted", func(k *record.Keys) *string { return &k.AttemptStatus }),
	text("platform", "id of the platform block", func(k *record.Keys) *string { return &k.Platform }),
	text("model", "id of the model block", func(k *record.Keys) *string { return &k.Model }),
	integer("batch_size", "requests", "requests asked for in the measured phase", func(k *record.Keys) *int64 { return &k.BatchSize }),
}

// requestColumns are those of requests.parquet. Durations stand beside the stamps that they follow from: SQL over a glob of
// files should need no formula of ours.
var requestColumns = []column[record.RequestRow]{
	integer(record.ColSeq, "", "index of the request in its phase, from 0", func(r *record.RequestRow) *int64 { return &r.Seq }),
	uniqueText(text("prompt_id", "the dataset's name of the prompt", func(r *record.RequestRow) *string { return &r.PromptID })),
	digest(record.ColPromptHash, "first 16 bytes of the SHA-256 of what was sent", func(r *record.RequestRow) *[16]byte { return &r.PromptHash }),
	text(record.ColPhase, "warmup or measure", func(r *record.RequestRow) *string { return &r.Phase }),
	small(record.ColSegment, "", "stretch of the attempt, its own launch of the engine, from 1", func(r *record.RequestRow) *int32 { return &r.Segment }),
	text(record.ColStatus, "ok, failed, rejected, timed_out, disconnected, malformed, truncated, repeated, canceled, not_sent", func(r *record.RequestRow) *string { return &r.Status }),
	maybe(small[int32], "http_status", "", "of the last try", func(r *record.RequestRow) **int32 { return &r.HTTPStatus }),
	textOr(record.ColErrorClass, "short, groupable: http_500, engine_died", func(r *record.RequestRow) *string { return &r.ErrorClass }),
	textOr(record.ColError, "one line", func(r *record.RequestRow) *string { return &r.Error }),
	small("attempts", "", "sends of this request: 1 without a retry, 0 = not sent", func(r *record.RequestRow) *int32 { return &r.Attempts }),
	small("reconnects", "", "of the attempts, those whose connection was lost before a byte of an answer though the engine was well", func(r *record.RequestRow) *int32 { return &r.Reconnects }),
	textOr("flags", "what is odd about it, space between: unknown_finish, no_finish, over_max, few_tokens, no_end_mark, bad_count (a count or time that cannot be, null here)", func(r *record.RequestRow) *string { return &r.Flags }),

	second(record.ColScheduled, "when it was due", func(r *record.RequestRow) **float64 { return &r.ScheduledS }),
	second(record.ColSent, "t0: just before the first send", func(r *record.RequestRow) **float64 { return &r.SentS }),
	second(record.ColFirstChunk, "tc: first event with choices", func(r *record.RequestRow) **float64 { return &r.FirstChunkS }),
	second(record.ColFirstToken, "t1: first event with text", func(r *record.RequestRow) **float64 { return &r.FirstTokenS }),
	second(record.ColLastToken, "tn: last event with text", func(r *record.RequestRow) **float64 { return &r.LastTokenS }),
	second(record.ColDone, "te: stream closed, or the failure seen", func(r *record.RequestRow) **float64 { return &r.DoneS }),

	second(record.ColFirstAnswer, "first event with text that is no reasoning; null where the engine does not tell them apart", func(r *record.RequestRow) **float64 { return &r.FirstAnswerS }),

	tokens(record.ColInputTokens, "prompt tokens", func(r *record.RequestRow) **int64 { return &r.InputTokens }),
	tokens(record.ColOutputTokens, "n: generated tokens", func(r *record.RequestRow) **int64 { return &r.OutputTokens }),
	tokens(record.ColCachedTokens, "prompt tokens taken from a prefix cache", func(r *record.RequestRow) **int64 { return &r.CachedTokens }),
	tokens(record.ColReasoningTokens, "of the generated tokens, those of reasoning, as the engine says", func(r *record.RequestRow) **int64 { return &r.ReasoningTokens }),
	integer(record.ColMaxTokens, "tokens", "limit that was sent", func(r *record.RequestRow) *int64 { return &r.MaxTokens }),
	text("token_source", "who counted: usage, engine, tokenizer, none", func(r *record.RequestRow) *string { return &r.TokenSource }),
	textOr(record.ColFinishReason, "as the engine says: stop, length", func(r *record.RequestRow) *string { return &r.FinishReason }),
	small(record.ColChunks, "", "events with text", func(r *record.RequestRow) *int32 { return &r.Chunks }),

	second(record.ColTTFT, "t1 − t0", func(r *record.RequestRow) **float64 { return &r.TTFTS }),
	second(record.ColTTFTFirstChunk, "tc − t0", func(r *record.RequestRow) **float64 { return &r.TTFTFirstChunkS }),
	second(record.ColTTFO, "first_answer_s − t0: what a reader of the answer waits, reasoning included", func(r *record.RequestRow) **float64 { return &r.TTFOS }),
	second(record.ColTPOT, "(e2e − ttft)/(n − 1), null for n ≤ 1, and where all text came in one event", func(r *record.RequestRow) **float64 { return &r.TPOTS }),
	second(record.ColE2E, "tn − t0", func(r *record.RequestRow) **float64 { return &r.E2ES }),
	second(record.ColE2EClosed, "te − t0", func(r *record.RequestRow) **float64 { return &r.E2EClosedS }),
	second(record.ColClientQueue, "t0 − scheduled", func(r *record.RequestRow) **float64 { return &r.ClientQueueS }),
	second("server_queue_s", "waiting, by the engine's own clock", func(r *record.RequestRow) **float64 { return &r.ServerQueueS }),
	second("server_prefill_s", "prefill, by the engine's own clock", func(r *record.RequestRow) **float64 { return &r.ServerPrefillS }),
	second("server_decode_s", "decode, by the engine's own clock", func(r *record.RequestRow) **float64 { return &r.ServerDecodeS }),

	maybe(truth[bool], record.ColValid, "", "the answer can be used: it is there, and is what was asked for; null in warm-up and where nobody looked", func(r *record.RequestRow) **bool { return &r.Valid }),
	textOr(record.ColInvalidReason, "why not: no_text, truncated, repeated, thinking_ate_budget, refused, not_json, schema:/path (a JSON pointer into the answer), not_in_choice, no_match, no_schema, no_regex, or the status of what did not end ok", func(r *record.RequestRow) *string { return &r.InvalidReason }),

	zeroNull(digest(record.ColOutputHash, "first 16 bytes of the SHA-256 of the text; null without output", outputHash), outputHash),
	reals(record.ColChunkGaps, "s", "gaps between text events; only with capture.chunks", func(r *record.RequestRow) *[]float64 { return &r.ChunkGapsS }),
}

// outputColumns are apart from the requests, because answers are what trees are copied without.
var outputColumns = []column[record.OutputRow]{
	integer(record.ColSeq, "", "the request's seq in requests.parquet", func(r *record.OutputRow) *int64 { return &r.Seq }),
	uniqueText(text("prompt_id", "the dataset's name of the prompt", func(r *record.OutputRow) *string { return &r.PromptID })),
	small(record.ColSegment, "", "the request's segment", func(r *record.OutputRow) *int32 { return &r.Segment }),
	uniqueText(text("text", "what was generated", func(r *record.OutputRow) *string { return &r.Text })),
}

// sampleColumns are tidy, a reading a row: engines have metrics of which we do not know the names.
var sampleColumns = []column[record.SampleRow]{
	real(record.ColTime, "s", "since the measured phase began; negative before", func(r *record.SampleRow) *float64 { return &r.TimeS }),
	real(record.ColUnix, "s", "wall clock", func(r *record.SampleRow) *float64 { return &r.UnixS }),
	small(record.ColSegment, "", "stretch of the attempt, from 1", func(r *record.SampleRow) *int32 { return &r.Segment }),
	text(record.ColSource, "process, host, nvml:<GPU uuid>, or the engine", func(r *record.SampleRow) *string { return &r.Source }),
	text(record.ColMetric, "with its unit: rss_bytes, cpu_s, power_w", func(r *record.SampleRow) *string { return &r.Metric }),
	real(record.ColValue, "", "in the unit that the metric's name ends with", func(r *record.SampleRow) *float64 { return &r.Value }),
}

func outputHash(r *record.RequestRow) *[16]byte { return &r.OutputHash }

// second is a time in seconds that may be null. One that is not finite is: no clock told it, and JSON has no word for it.
func second(name, doc string, at func(*record.RequestRow) **float64) column[record.RequestRow] {
	return computed(real[float64], name, "s", doc, func(r *record.RequestRow) *float64 { return finite(*at(r)) },
		func(r *record.RequestRow, v float64) { *at(r) = finite(&v) })
}

// finite is v, nil where it is no number.
func finite(v *float64) *float64 {
	if v != nil && (math.IsInf(*v, 0) || math.IsNaN(*v)) {
		return nil
	}
	return v
}

// tokens is a count of tokens that may be null.
func tokens(name, doc string, at func(*record.RequestRow) **int64) column[record.RequestRow] {
	return maybe(integer[int64], name, "tokens", doc, at)
}

// countColumns are those of counts.parquet: which attempts a reader of a glob, who sees no marks, is to count.
var countColumns = []column[record.CountRow]{
	text("experiment", "label of the experiment block", func(r *record.CountRow) *string { return &r.Experiment }),
	text("cell", "16 hex digits of the cell's address", func(r *record.CountRow) *string { return &r.Cell }),
	small("launch", "", "which fresh start of the cell, from 1", func(r *record.CountRow) *int32 { return &r.Launch }),
	text("attempt", "ULID of the try at this launch", func(r *record.CountRow) *string { return &r.Attempt }),
	truth("counts", "", "report, compare and every median are over these attempts", func(r *record.CountRow) *bool { return &r.Counts }),
	textOr("why_not", "superseded, replaced, tainted, a status that is not complete, or what is wrong with the files", func(r *record.CountRow) *string { return &r.WhyNot }),
}
