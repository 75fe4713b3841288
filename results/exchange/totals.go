package exchange

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// sorted are a map's keys in a fixed order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// sums are what a set's requests add up to: requests, tokens of the ok ones, and the seconds from the first send to the last end.
type sums struct{ ok, failed, input, output, span float64 }

// sums adds up what the rows have; what a row does not tell counts as nothing, so a sum may be too small and never too large.
func (s *Set) sums() sums {
	var t sums
	first, last := math.Inf(1), math.Inf(-1)
	for _, r := range s.Requests {
		if r.SentS != nil {
			first = min(first, *r.SentS)
		}
		if r.DoneS != nil {
			last = max(last, *r.DoneS)
		}
		if r.Status != "ok" {
			t.failed++
			continue
		}
		t.ok++
		if r.InputTokens != nil && *r.InputTokens > 0 { // what cannot be becomes null later
			t.input += float64(*r.InputTokens)
		}
		if r.OutputTokens != nil && *r.OutputTokens > 0 {
			t.output += float64(*r.OutputTokens)
		}
	}
	t.span = max(0, last-first)
	return t
}

// total is one figure that a file tells of all its requests.
type total struct {
	name       string // the file's
	metric     string // ours
	told       *float64
	read       float64
	difference float64 // relative, that is of no account
}

// hold says where a file's own totals are not what its requests add up to; then the requests count.
// The file's figure is dropped, so that the one of the rows is taken; difference is what rounding explains.
func (s *Set) hold(totals ...total) {
	for _, t := range totals {
		if t.told == nil || math.IsNaN(t.read) || math.IsInf(t.read, 0) {
			continue
		}
		if off := math.Abs(t.read - *t.told); off > t.difference*math.Abs(*t.told) && off > 1e-9 {
			s.warn("the file says %s %s, its records show %s", t.name, figure(*t.told), figure(t.read))
			delete(s.Given, t.metric)
		}
	}
}
