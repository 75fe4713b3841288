package exchange

import (
	"math"
	"slices"
	"time"
)

// Bounds of sense: what is beyond them is a mistake of the file or of its units, and null.
const (
	maxTokens   = 1_000_000_000
	maxSeconds  = 30 * 24 * 3600 // of a run
	maxRequestS = 24 * 3600      // of one request: what is above is in milliseconds or finer
	maxUnixS    = 10_000_000_000 // the year 2286: what is above is in milliseconds or finer
	maxRate     = 1e12           // of anything a second
	maxRequests = maxBatchSize
)

// sane makes null of what cannot be, and says so: negative times, counts beyond sense. A file is not refused for a few odd
// values: what is left of it is worth having, and how much is missing is told.
// One bad value costs its row nothing else; how many there were is a warning.
func (s *Set) sane() {
	bad := map[string]int{}
	for i := range s.Requests {
		r := &s.Requests[i]
		for name, n := range map[string]**int64{"input_tokens": &r.InputTokens, "output_tokens": &r.OutputTokens, "cached_tokens": &r.CachedTokens} {
			if *n != nil && (**n < 0 || **n > maxTokens) {
				*n = nil
				bad[name]++
			}
		}
		for name, t := range r.stamps() {
			// written so that NaN fails too
			if *t != nil && !(math.Abs(**t) <= maxUnixS) {
				*t = nil
				bad[name]++
			}
		}
		for name, d := range r.durations() {
			if *d != nil && !(**d >= 0 && **d <= maxRequestS) {
				*d = nil
				bad[name]++
			}
		}
		r.inOrder(bad)
		r.ChunkGapsS = slices.DeleteFunc(r.ChunkGapsS, func(gap float64) bool { return !(gap >= 0 && gap <= maxSeconds) })
	}
	for _, name := range sorted(bad) {
		s.warn("%s of %d of %d requests cannot be (negative, out of order, or beyond sense: are the units right?) and is null", name, bad[name], len(s.Requests))
	}
	for _, name := range sorted(s.Given) {
		most := float64(maxRate)
		switch name {
		case "requests_planned", "requests_ok", "requests_failed", "requests_canceled":
			most = maxRequests
		case "duration_s":
			most = maxSeconds
		case "success_rate":
			most = 1
		}
		if x := s.Given[name]; !(x >= 0 && x <= most) || x == 0 && name == "duration_s" {
			s.warn("the file's %s is %g, which cannot be: null", name, x)
			delete(s.Given, name)
		}
	}
}

// stamps are a row's points in time.
// Pointers into the row, so that whoever goes over them can change or clear them.
func (r *Request) stamps() map[string]**float64 {
	return map[string]**float64{"scheduled_s": &r.ScheduledS, "sent_s": &r.SentS, "first_chunk_s": &r.FirstChunkS,
		"first_token_s": &r.FirstTokenS, "last_token_s": &r.LastTokenS, "done_s": &r.DoneS}
}

// durations are what a file may give without points in time.
func (r *Request) durations() map[string]**float64 {
	return map[string]**float64{"ttft_s": &r.TTFTS, "ttft_first_chunk_s": &r.TTFTFirstChunkS, "tpot_s": &r.TPOTS, "e2e_s": &r.E2ES, "e2e_closed_s": &r.E2EClosedS}
}

// inOrder drops points in time that lie before the one that they follow, or weeks behind it.
// A tool whose clock stepped, or that mixes two clocks, shows here.
func (r *Request) inOrder(bad map[string]int) {
	if r.ScheduledS != nil && r.SentS != nil && *r.ScheduledS > *r.SentS { // an open load's latency, which counts from it, would be below zero
		r.ScheduledS = nil
		bad["scheduled_s"]++
	}
	last := r.SentS
	for _, t := range []struct {
		name string
		at   **float64
	}{{"first_chunk_s", &r.FirstChunkS}, {"first_token_s", &r.FirstTokenS}, {"last_token_s", &r.LastTokenS}, {"done_s", &r.DoneS}} {
		if *t.at == nil {
			continue
		}
		if last != nil && (**t.at < *last || **t.at > *last+maxSeconds) {
			*t.at = nil
			bad[t.name]++
			continue
		}
		last = *t.at
	}
}

// derive fills in what follows from what is there: points in time from one of them and the durations, and TPOT.
// What the file says itself is never replaced.
func (s *Set) derive() {
	for i := range s.Requests {
		r := &s.Requests[i]
		whole := r.E2EClosedS
		if whole == nil {
			whole = r.E2ES
		}
		if r.SentS == nil && r.DoneS != nil && whole != nil {
			r.SentS = new(*r.DoneS - *whole)
		}
		after(&r.FirstTokenS, r.SentS, r.TTFTS)
		after(&r.FirstChunkS, r.SentS, r.TTFTFirstChunkS)
		after(&r.LastTokenS, r.SentS, r.E2ES)
		after(&r.DoneS, r.SentS, whole)
		if r.TPOTS == nil && r.TTFTS != nil && r.E2ES != nil && r.OutputTokens != nil && *r.OutputTokens > 1 && *r.E2ES > *r.TTFTS {
			r.TPOTS = new((*r.E2ES - *r.TTFTS) / float64(*r.OutputTokens-1))
		}
	}
}

// after sets a point in time that lies so long after another, where it was not told and both of these were.
func after(at **float64, from, by *float64) {
	if *at == nil && from != nil && by != nil {
		*at = new(*from + *by)
	}
}

// rebase counts all stamps from the first send, as ours are. Stamps may be Unix seconds: then they tell the date, too.
// Without any send there is no zero, and stamps stay as they are.
func (s *Set) rebase() {
	first := math.Inf(1)
	for _, r := range s.Requests {
		for _, t := range []*float64{r.ScheduledS, r.SentS} {
			if t != nil {
				first = min(first, *t)
			}
		}
	}
	if math.IsInf(first, 1) {
		return
	}
	// a clock that began with the machine gets there after 31 years
	if first > 1e9 && s.Began.IsZero() {
		s.Began = time.Unix(0, int64(first*1e9))
	}
	for i := range s.Requests {
		for _, t := range s.Requests[i].stamps() {
			if *t != nil {
				*t = new(**t - first)
			}
		}
	}
}

// reasons says why figures are null that nobody recorded.
// A reason that the reader of the format gave stays: it knows better.
func (s *Set) reasons() {
	var sent, done, out, in bool
	for _, r := range s.Requests {
		sent, done = sent || r.SentS != nil, done || r.DoneS != nil
		out, in = out || r.OutputTokens != nil, in || r.InputTokens != nil
	}
	say := func(why string, names ...string) {
		for _, name := range names {
			if s.Untold[name] == "" {
				s.Untold[name] = why
			}
		}
	}
	if !sent || !done {
		say("imported: when the requests were sent and done was not recorded", "duration_s", "batch_s", "request_throughput", "output_throughput", "total_token_throughput")
	}
	if !out {
		say("imported: no output tokens were recorded", "output_tokens", "output_throughput", "total_token_throughput")
	}
	if !in {
		say("imported: no input tokens were recorded", "input_tokens", "total_token_throughput")
	}
}
