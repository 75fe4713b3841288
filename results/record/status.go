package record

// Phases of a request. Only what is measured counts.
const (
	PhaseWarmup  = "warmup"
	PhaseMeasure = "measure"
)

// Statuses of a request, the closed list of requests.parquet. The backends' type has the same words.
const (
	StatusOK           = "ok"
	StatusFailed       = "failed"       // the engine said no
	StatusRejected     = "rejected"     // 503 or 429
	StatusTimedOut     = "timed_out"    //
	StatusDisconnected = "disconnected" // the connection broke, or was refused
	StatusMalformed    = "malformed"    // the stream broke the protocol
	StatusTruncated    = "truncated"    // ended without its end mark
	StatusRepeated     = "repeated"     // likewise, in an answer that repeats itself: no fault of the engine's, and no use to anybody
	StatusCanceled     = "canceled"     // we stopped
	StatusNotSent      = "not_sent"     //
)

// RequestStatuses is the closed list, in the order of its columns in run.parquet.
var RequestStatuses = []string{StatusOK, StatusFailed, StatusRejected, StatusTimedOut, StatusDisconnected,
	StatusMalformed, StatusTruncated, StatusRepeated, StatusCanceled, StatusNotSent}

// Final reports that a request with this status is not asked again when an attempt goes on.
func Final(status string) bool { return status != StatusCanceled && status != StatusNotSent }

// Answered reports that an answer came, whatever it is worth: that a model repeats itself fails no engine.
func Answered(status string) bool { return status == StatusOK || status == StatusRepeated }

// Load modes.
const (
	ModeBatch  = "batch"  // everything at once
	ModeClosed = "closed" // so many in flight
	ModeOpen   = "open"   // so many a second, whatever comes back
)

// FinishLength is the end by a limit of tokens, in the words of OpenAI's API, vLLM and Ollama alike.
const FinishLength = "length"

// NoFinish stands in finish_reasons for an engine that says none.
const NoFinish = "none"

// FinishCounts is how the ok requests of an attempt's measured phase ended.
type FinishCounts struct {
	OK          int64
	WithoutText int64            // no text at all; thought alone is none
	CutShort    int64            // ended by length below max_tokens
	Finish      map[string]int64 // by finish_reason as the engine says it; "" = it says none
}

// Derive fills the durations of a row from its stamps and tokens, by the contract's formulas. Durations
// whose stamps are missing stay as they are: an imported row may know its TTFT and no stamp.
func Derive(r *RequestRow) {
	since := func(into **float64, from, to *float64) {
		if from != nil && to != nil {
			d := *to - *from
			*into = &d
		}
	}
	since(&r.TTFTS, r.SentS, r.FirstTokenS)
	since(&r.TTFTFirstChunkS, r.SentS, r.FirstChunkS)
	since(&r.TTFOS, r.SentS, r.FirstAnswerS)
	since(&r.E2ES, r.SentS, r.LastTokenS)
	since(&r.E2EClosedS, r.SentS, r.DoneS)
	since(&r.ClientQueueS, r.ScheduledS, r.SentS)
	if r.OutputTokens == nil || *r.OutputTokens <= 1 {
		r.TPOTS = nil
		return
	}
	if r.FirstTokenS == nil || r.LastTokenS == nil {
		return
	}
	r.TPOTS = nil
	if *r.LastTokenS > *r.FirstTokenS { // else all text came in one event, and nobody saw the time between tokens
		tpot := (*r.LastTokenS - *r.FirstTokenS) / float64(*r.OutputTokens-1)
		r.TPOTS = &tpot
	}
}
