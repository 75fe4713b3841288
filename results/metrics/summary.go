package metrics

import (
	"strings"

	"matrix/results/record"
)

// latencyOf is the distribution that a metric column belongs to; the longest name wins, since ttft_first_chunk_p50_s begins with
// ttft_ as well.
func latencyOf(column string) (name string, ok bool) {
	best := ""
	for _, name := range append([]string{record.DistITL, record.DistGap}, latencyNames()...) {
		if strings.HasPrefix(column, name+"_") && len(name) > len(best) {
			best = name
		}
	}
	return best, best != ""
}

func latencyNames() []string {
	out := make([]string, len(record.Latencies))
	for i, l := range record.Latencies {
		out[i] = l.Name
	}
	return out
}

// summarizer fills in a summary.
type summarizer struct{ record.Summary }

// newSummary has every metric, null: what no step fills in is told as unknown, not left out.
func newSummary() *summarizer {
	s := &summarizer{record.Summary{Metrics: map[string]*float64{}, Why: map[string]string{}, Statuses: map[string]int64{}}}
	for _, m := range record.Metrics() {
		s.Metrics[m.Name] = nil
	}
	return s
}

func (s *summarizer) value(name string) *float64    { return s.Metrics[name] }
func (s *summarizer) warn(text string)              { s.Warnings = append(s.Warnings, text) }
func (s *summarizer) setCount(name string, v int64) { s.Set(name, float64(v)) }
