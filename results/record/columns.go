package record

// Names of the tables; the files are these with ".parquet".
const (
	TableRequests = "requests"
	TableOutputs  = "outputs"
	TableSamples  = "samples"
	TableRun      = "run"
	TableCounts   = "counts" // of an experiment, not of an attempt
)

// Names of the columns of requests.parquet that are looked up by name.
const (
	ColSeq, ColPromptHash, ColPhase, ColSegment         = "seq", "prompt_hash", "phase", "segment"
	ColStatus, ColErrorClass, ColError                  = "status", "error_class", "error"
	ColScheduled, ColSent, ColFirstChunk, ColFirstToken = "scheduled_s", "sent_s", "first_chunk_s", "first_token_s"
	ColLastToken, ColDone                               = "last_token_s", "done_s"
	ColInputTokens, ColOutputTokens, ColCachedTokens    = "input_tokens", "output_tokens", "cached_tokens"
	ColMaxTokens, ColChunks, ColFinishReason            = "max_tokens", "chunks", "finish_reason"
	ColTTFT, ColTTFTFirstChunk, ColTPOT                 = "ttft_s", "ttft_first_chunk_s", "tpot_s"
	ColE2E, ColE2EClosed, ColClientQueue, ColChunkGaps  = "e2e_s", "e2e_closed_s", "client_queue_s", "chunk_gaps_s"
	ColOutputHash, ColValid, ColInvalidReason           = "output_hash", "valid", "invalid_reason"
	ColFirstAnswer, ColTTFO, ColReasoningTokens         = "first_answer_s", "ttfo_s", "reasoning_tokens"
)

// Names of the columns of samples.parquet.
const (
	ColTime, ColUnix, ColSource, ColMetric, ColValue = "time_s", "unix_s", "source", "metric", "value"
)
