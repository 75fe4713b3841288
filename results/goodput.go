package results

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/experiments"
)

// goodput counts the ok requests that met every bound. A bounded latency that was not measured is not met;
// only a tpot that cannot be (one token or none) bounds nothing.
func (s *Summary) goodput(t *tally, run Run) error {
	d := s.value(mDuration)
	switch {
	case run.SLO == nil || *run.SLO == (experiments.SLO{}):
		return nil
	case run.Mode == "batch":
		s.null(mGoodput, "a batch load: its latency is queueing by construction")
		return nil
	case d == nil:
		return nil
	}
	met := 0
	names := []string{colTTFT, colTPOT, colE2E, colQueue, colOutput}
	err := t.each(names, rowOK, func(b arrow.RecordBatch, i int) {
		var queue float64
		if q := named[*array.Float64](b, colQueue); run.Mode == "open" && q.IsValid(i) {
			queue = q.Value(i)
		}
		tokens := named[*array.Int64](b, colOutput)
		single := tokens.IsValid(i) && tokens.Value(i) <= 1
		within := func(column string, plus float64, bound time.Duration) bool {
			c := named[*array.Float64](b, column)
			return bound == 0 || c.IsValid(i) && c.Value(i)+plus <= bound.Seconds()
		}
		if within(colTTFT, queue, run.SLO.TTFT) && within(colE2E, queue, run.SLO.E2E) &&
			(single || within(colTPOT, 0, run.SLO.TPOT)) {
			met++
		}
	})
	s.set(mGoodput, float64(met) / *d)
	return err
}
