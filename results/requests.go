package results

import (
	"strconv"
	"strings"

	"matrix/results/record"

	"github.com/apache/arrow-go/v18/arrow"
)

func itoa(n int) string { return strconv.Itoa(n) }

// clone copies a string out of an Arrow buffer, which may be reused.
func clone(s string) string { return strings.Clone(s) }

// keyColumns stand first in every table.
var keyColumns = []column[Keys]{
	text("experiment", "label of the experiment block", func(k *Keys) *string { return &k.Experiment }),
	text("cell", "16 hex digits of the cell's address", func(k *Keys) *string { return &k.Cell }),
	small("launch", "", "which fresh start of the cell, from 1", func(k *Keys) *int32 { return &k.Launch }),
	text("attempt", "ULID of the try at this launch", func(k *Keys) *string { return &k.Attempt }),
	text("attempt_status", "complete, engine_failed, censored, environment_failed, interrupted", func(k *Keys) *string { return &k.AttemptStatus }),
	text("platform", "id of the platform block", func(k *Keys) *string { return &k.Platform }),
	text("model", "id of the model block", func(k *Keys) *string { return &k.Model }),
	integer("batch_size", "requests", "requests asked for in the measured phase", func(k *Keys) *int64 { return &k.BatchSize }),
}

var requestColumns = []column[RequestRow]{
	integer(record.ColSeq, "", "index of the request in its phase, from 0", func(r *RequestRow) *int64 { return &r.Seq }),
	uniqueText(text("prompt_id", "the dataset's name of the prompt", func(r *RequestRow) *string { return &r.PromptID })),
	digest("prompt_hash", "first 16 bytes of the SHA-256 of what was sent", false, func(r *RequestRow) *[16]byte { return &r.PromptHash }),
	text(record.ColPhase, "warmup or measure", func(r *RequestRow) *string { return &r.Phase }),
	small(record.ColSegment, "", "stretch of the attempt, its own launch of the engine, from 1", func(r *RequestRow) *int32 { return &r.Segment }),
	text(record.ColStatus, "ok, failed, rejected, timed_out, disconnected, malformed, truncated, canceled, not_sent", func(r *RequestRow) *string { return &r.Status }),
	maybe(small[int32], "http_status", "", "of the last try", func(r *RequestRow) **int32 { return &r.HTTPStatus }),
	textOr("error_class", "short, groupable: http_500, engine_died", func(r *RequestRow) *string { return &r.ErrorClass }),
	textOr("error", "one line", func(r *RequestRow) *string { return &r.Error }),
	small("attempts", "", "sends of this request: 1 without a retry, 0 = not sent", func(r *RequestRow) *int32 { return &r.Attempts }),
	small("reconnects", "", "of the attempts, those whose connection was lost before a byte of an answer though the engine was well", func(r *RequestRow) *int32 { return &r.Reconnects }),
	textOr("flags", "what is odd about it, space between: unknown_finish, over_max, no_end_mark, bad_count (a count or time that cannot be, null here)", func(r *RequestRow) *string { return &r.Flags }),

	second("scheduled_s", "when it was due", func(r *RequestRow) **float64 { return &r.ScheduledS }),
	second(record.ColSent, "t0: just before the first send", func(r *RequestRow) **float64 { return &r.SentS }),
	second("first_chunk_s", "tc: first event with choices", func(r *RequestRow) **float64 { return &r.FirstChunkS }),
	second(record.ColFirstToken, "t1: first event with text", func(r *RequestRow) **float64 { return &r.FirstTokenS }),
	second(record.ColLastToken, "tn: last event with text", func(r *RequestRow) **float64 { return &r.LastTokenS }),
	second(record.ColDone, "te: stream closed, or the failure seen", func(r *RequestRow) **float64 { return &r.DoneS }),

	tokens(record.ColInputTokens, "prompt tokens", func(r *RequestRow) **int64 { return &r.InputTokens }),
	tokens(record.ColOutputTokens, "n: generated tokens", func(r *RequestRow) **int64 { return &r.OutputTokens }),
	tokens(record.ColCachedTokens, "prompt tokens taken from a prefix cache", func(r *RequestRow) **int64 { return &r.CachedTokens }),
	integer(record.ColMaxTokens, "tokens", "limit that was sent", func(r *RequestRow) *int64 { return &r.MaxTokens }),
	text("token_source", "who counted: usage, engine, tokenizer, none", func(r *RequestRow) *string { return &r.TokenSource }),
	textOr(record.ColFinishReason, "as the engine says: stop, length", func(r *RequestRow) *string { return &r.FinishReason }),
	small(record.ColChunks, "", "events with text", func(r *RequestRow) *int32 { return &r.Chunks }),

	second(record.ColTTFT, "t1 − t0", func(r *RequestRow) **float64 { return &r.TTFTS }),
	second("ttft_first_chunk_s", "tc − t0", func(r *RequestRow) **float64 { return &r.TTFTFirstChunkS }),
	second(record.ColTPOT, "(e2e − ttft)/(n − 1), null for n ≤ 1, and where all text came in one event", func(r *RequestRow) **float64 { return &r.TPOTS }),
	second(record.ColE2E, "tn − t0", func(r *RequestRow) **float64 { return &r.E2ES }),
	second("e2e_closed_s", "te − t0", func(r *RequestRow) **float64 { return &r.E2EClosedS }),
	second(record.ColClientQueue, "t0 − scheduled", func(r *RequestRow) **float64 { return &r.ClientQueueS }),
	second("server_queue_s", "waiting, by the engine's own clock", func(r *RequestRow) **float64 { return &r.ServerQueueS }),
	second("server_prefill_s", "prefill, by the engine's own clock", func(r *RequestRow) **float64 { return &r.ServerPrefillS }),
	second("server_decode_s", "decode, by the engine's own clock", func(r *RequestRow) **float64 { return &r.ServerDecodeS }),

	digest(record.ColOutputHash, "first 16 bytes of the SHA-256 of the text; null without output", true, func(r *RequestRow) *[16]byte { return &r.OutputHash }),
	reals(record.ColChunkGaps, "s", "gaps between text events; only with capture.chunks", func(r *RequestRow) *[]float64 { return &r.ChunkGapsS }),
}

var outputColumns = []column[OutputRow]{
	integer(record.ColSeq, "", "the request's seq in requests.parquet", func(r *OutputRow) *int64 { return &r.Seq }),
	uniqueText(text("prompt_id", "the dataset's name of the prompt", func(r *OutputRow) *string { return &r.PromptID })),
	small(record.ColSegment, "", "the request's segment", func(r *OutputRow) *int32 { return &r.Segment }),
	uniqueText(text("text", "what was generated", func(r *OutputRow) *string { return &r.Text })),
}

var sampleColumns = []column[SampleRow]{
	real("time_s", "s", "since the measured phase began; negative before", func(r *SampleRow) *float64 { return &r.TimeS }),
	real("unix_s", "s", "wall clock", func(r *SampleRow) *float64 { return &r.UnixS }),
	small(record.ColSegment, "", "stretch of the attempt, from 1", func(r *SampleRow) *int32 { return &r.Segment }),
	text("source", "process, host, nvml:<GPU uuid>, or the engine", func(r *SampleRow) *string { return &r.Source }),
	text("metric", "with its unit: rss_bytes, cpu_s, power_w", func(r *SampleRow) *string { return &r.Metric }),
	real("value", "", "in the unit that the metric's name ends with", func(r *SampleRow) *float64 { return &r.Value }),
}

func second(name, doc string, at func(*RequestRow) **float64) column[RequestRow] {
	return maybe(real[float64], name, "s", doc, at)
}

func tokens(name, doc string, at func(*RequestRow) **int64) column[RequestRow] {
	return maybe(integer[int64], name, "tokens", doc, at)
}

// Tables documents every column of the tables, by table.
func Tables() map[string][]Column {
	keys := describe(keyColumns)
	with := func(cols []Column) []Column { return append(append([]Column{}, keys...), cols...) }
	return map[string][]Column{
		record.TableRequests: with(describe(requestColumns)),
		record.TableOutputs:  with(describe(outputColumns)),
		record.TableSamples:  with(describe(sampleColumns)),
		record.TableRun:      with(describe(runColumns())),
		record.TableCounts:   describe(countColumns),
	}
}

// withKeys is a table's full list of fields.
func withKeys[R any](cols []column[R]) []arrow.Field {
	return append(fieldsOf(keyColumns), fieldsOf(cols)...)
}
