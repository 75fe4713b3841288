package results

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

// final reports that a request with this status is not asked again when an attempt goes on.
func final(status string) bool { return status != statusCanceled && status != statusNotSent }

// Statuses of a request, the closed list of requests.parquet. The backends' type has the same words.
const (
	statusOK       = "ok"
	statusCanceled = "canceled"
	statusNotSent  = "not_sent"
)

var requestStatuses = []string{statusOK, "failed", "rejected", "timed_out", "disconnected",
	"malformed", "truncated", statusCanceled, statusNotSent}
