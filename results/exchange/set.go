package exchange

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"matrix/results/record"
)

// Labels say which cell a result belongs to. What a file does not tell must be given; what is given wins.
// Comparable: they are keys of maps.
type Labels struct {
	Platform, Model string // names as in HCL; "" = the file does not say
	BatchSize       int    // 0: as many as there are requests
	Launch          int    // 0: in the order of the files
}

// Bounds of labels: what is beyond them is a mistake.
const (
	maxBatchSize = 1_000_000_000
	maxLaunch    = 100_000
)

func (l Labels) check() error {
	switch {
	case l.BatchSize < 0 || l.BatchSize > maxBatchSize:
		return fmt.Errorf("a batch of %d requests: it may have 1 to %d", l.BatchSize, maxBatchSize)
	case l.Launch < 0 || l.Launch > maxLaunch:
		return fmt.Errorf("launch %d: launches are counted from 1", l.Launch)
	}
	return nil
}

// Request is one request of an earlier result.
type Request struct {
	record.RequestRow
	Text string // what was generated, "" = not kept
}

// Set is one launch of one cell as another tool recorded it.
// Read fills it, Number gives it its launch, Keep commits it.
type Set struct {
	Labels      Labels
	Requests    []Request          // none where a tool kept totals only
	Given       map[string]float64 // metric column → what the file says, used where the requests do not tell
	Untold      map[string]string  // metric column → why it is null where Given says nothing
	Began       time.Time          // zero = unknown
	Mode        string             // batch, closed, open; "" = unknown
	Concurrency int64              // 0 = unknown
	Rate        float64            // requests/s of an open load; 0 = unknown
	Engine      record.Engine      // as far as the file says
	Simulated   bool               // matrix says of its own file that no real engine ran
	Warnings    []string
	numbered    bool   // the launch's number was told
	Place       string // how it got its launch's number, where that is worth a word
	load        string // coordinate of its load, "" = none
}

// newSet has nothing but its maps.
// Maps are never nil, so that readers may write to them.
func newSet() *Set { return &Set{Given: map[string]float64{}, Untold: map[string]string{}} }

// warn notes, once, what to know before believing a figure of the set; it is kept with the results.
func (s *Set) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.Warnings, text) {
		s.Warnings = append(s.Warnings, text)
	}
}

// Words that matrix puts into what it writes for other tools, the first in front of all: a reader must not overlook them.
const (
	WordMatrix    = "matrix"
	WordSimulated = "simulated"
	WordNot       = "does not count: " // and why
)

// words takes matrix's own words of a file: a simulated run comes back as one. Those of another tool mean nothing.
func (s *Set) words(all []string) {
	if len(all) == 0 || all[0] != WordMatrix {
		return
	}
	for _, w := range all {
		if w == WordSimulated {
			s.Simulated = true
			s.warn("simulated: matrix's own simulator stood in for the engine")
		} else if why, not := strings.CutPrefix(w, WordNot); not {
			s.warn("matrix, which wrote the file, did not count it: %s", why)
		}
	}
}

// newRequest is a row of which nothing is known yet but that it was asked.
func newRequest(seq int64) Request {
	return Request{RequestRow: record.RequestRow{Seq: seq, Phase: "measure", Status: "ok", Attempts: 1, TokenSource: "none"}}
}

// tokens sets a count and says where it is from.
// A count that is absent changes nothing.
func (r *Request) tokens(into **int64, n *int64) {
	if n != nil {
		*into, r.TokenSource = n, "usage"
	}
}

// fail makes the row a failure, its error on one line.
func (r *Request) fail(status, class, text string) {
	r.Status, r.ErrorClass, r.Error = status, class, strings.Join(strings.Fields(text), " ")
}

// badEnds are the ends that an engine names and that are no answer.
var badEnds = map[string]bool{"abort": true, "aborted": true, "error": true, "content_filter": true, "cancelled": true, "canceled": true, "timeout": true}

// ended sets the engine's word for the end. An answer that was broken off is none.
func (r *Request) ended(reason string) {
	r.FinishReason = reason
	if word := strings.ToLower(reason); r.Status == "ok" && badEnds[word] {
		r.fail("failed", "finish_"+word, "the engine named the end "+reason)
	}
}

// maxImportBytes is how much of a file is read, unpacked: its requests are held in memory.
const maxImportBytes = 2 << 30
