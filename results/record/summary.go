package record

import (
	"maps"
	"slices"
)

// Summary is what follows from an attempt's rows.
type Summary struct {
	Metrics  map[string]*float64 // column name → value, nil = not to be had
	Why      map[string]string   // column name → why it is nil, where there is more to say than "not measured"
	Statuses map[string]int64    // measured requests by status
	Invalid  map[string]float64  // measured requests whose answer cannot be used, by reason
	Finish   map[string]float64  // ok requests by finish_reason, "none" = the engine says none
	Warnings []string
}

// Unusable are the answers that came and cannot be used, by reason. A request that did not end with an answer has its status as the
// reason, and is none of them; answers without text are told as such (ok_without_text).
func (s *Summary) Unusable() map[string]float64 {
	out := maps.Clone(s.Invalid)
	delete(out, "no_text") // validity.NoText, which is above this package
	for _, status := range RequestStatuses {
		// taken off, not left out: "truncated" is also an answer that was cut by its limit
		if n := s.Metrics[RequestsEnded(status)]; n != nil && !Answered(status) && out[status] > 0 {
			out[status] -= *n
		}
	}
	maps.DeleteFunc(out, func(_ string, n float64) bool { return n <= 0 })
	return out
}

// Set gives a metric its value.
func (s *Summary) Set(metric string, v float64) {
	if s.Metrics == nil {
		s.Metrics = map[string]*float64{}
	}
	s.Metrics[metric] = &v
}

// Null says why a metric has no value.
func (s *Summary) Null(metric, why string) {
	if s.Metrics == nil {
		s.Metrics = map[string]*float64{}
	}
	s.Metrics[metric] = nil
	if s.Why == nil {
		s.Why = map[string]string{}
	}
	s.Why[metric] = why
}

// RunRow is all that the one row of run.parquet tells.
type RunRow struct {
	Manifest Manifest
	Run      Run
	Summary  Summary
}

// Warnings are what to know before believing a number of the row.
func (r *RunRow) Warnings() []string { return slices.Concat(r.Run.Warnings, r.Summary.Warnings) }
