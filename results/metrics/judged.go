package metrics

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/format"
	"matrix/results/record"
)

// mostReasons bounds the reasons that are told apart: a schema has as many places as an answer can get wrong.
const mostReasons = 200

// judged counts the measured requests whose answers were held against what was asked.
type judged struct {
	valid, invalid int64
	reasons        map[string]float64
}

// add books one verdict. Reasons beyond mostReasons count as "other": a summary is one row, whatever the answers are.
func (j *judged) add(valid bool, reasons *array.String, i int) {
	if valid {
		j.valid++
		return
	}
	j.invalid++
	reason := "other"
	if reasons != nil && reasons.IsValid(i) {
		reason = reasons.Value(i)
	}
	if j.reasons == nil {
		j.reasons = map[string]float64{}
	}
	if _, known := j.reasons[reason]; !known {
		if len(j.reasons) >= mostReasons {
			reason = "other"
		}
		reason = strings.Clone(reason) // out of the batch's buffer
	}
	j.reasons[reason]++
}

// validity is what of a batch is worth having.
func (s *summarizer) validity(t *tally, planned int64) {
	j := t.judged
	if j.valid+j.invalid == 0 || planned <= 0 {
		for _, m := range []string{record.MetricValid, record.MetricValidShare, record.MetricValidPerHour} {
			s.Null(m, "no answer was held against what was asked")
		}
		return
	}
	s.Invalid = j.reasons
	if n, text := Reasons(s.Unusable()); n > 0 {
		s.warn(fmt.Sprintf("%s answers cannot be used: %s (invalid_reason)", format.Whole(int64(n)), text))
	}
	s.setCount(record.MetricValid, j.valid)
	s.Set(record.MetricValidShare, float64(j.valid)/float64(planned))
	if d := t.duration(); d > 0 {
		s.Set(record.MetricValidPerHour, 3600*float64(j.valid)/d)
	}
}

// Reasons says why answers cannot be used, the most frequent first, and how many they are: "12 × schema:/score, 3 × truncated".
func Reasons(counts map[string]float64) (n float64, text string) {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, name := range names {
		n += counts[name]
		names[i] = fmt.Sprintf("%s × %s", format.Whole(int64(counts[name])), name)
	}
	return n, format.Some(names, 4)
}
