package metrics

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/table"
)

// noGoodput is why a batch load has none.
const noGoodput = "a batch load: its latency is queueing by construction"

// goodput counts the ok requests that met every bound, a second of the measured phase. Without bounds it is null with no reason:
// nobody asked for it.
func (s *summarizer) goodput(t *tally, run record.Run) error {
	d := s.value(record.MetricDuration)
	switch {
	case run.SLO == nil || *run.SLO == (cell.SLO{}):
		return nil
	case run.Mode == record.ModeBatch:
		s.Null(record.MetricGoodput, noGoodput)
		return nil
	case d == nil:
		return nil
	}
	met := 0
	err := t.eachOK(boundColumns, func(b arrow.RecordBatch, i int) {
		if meets(b, i, run.Mode, *run.SLO) {
			met++
		}
	})
	s.Set(record.MetricGoodput, float64(met) / *d)
	return err
}

// Meet counts the measured ok requests in an attempt's folder that meet every bound, whatever bounds it was measured
// under. mode is the load's: an open one counts from when a request was due.
func Meet(dir, mode string, slo cell.SLO) (met int64, err error) {
	err = eachOKIn(dir, boundColumns, func(b arrow.RecordBatch, i int) {
		if meets(b, i, mode, slo) {
			met++
		}
	})
	return met, err
}

// boundColumns are what meets reads of a row.
var boundColumns = []string{record.ColTTFT, record.ColTPOT, record.ColE2E, record.ColClientQueue, record.ColOutputTokens}

// meets holds a row against every bound. A bounded latency that was not measured is not met; only a tpot that cannot be
// (one token or none) bounds nothing. A tpot of 0 is an older row's whose text came in one event: it was not seen.
func meets(b arrow.RecordBatch, i int, mode string, slo cell.SLO) bool {
	var queue float64
	if q := table.In[*array.Float64](b, record.ColClientQueue); mode == record.ModeOpen && q.IsValid(i) {
		queue = q.Value(i)
	}
	within := func(column string, plus float64, bound time.Duration) bool {
		c := table.In[*array.Float64](b, column)
		return bound == 0 || c.IsValid(i) && c.Value(i)+plus <= bound.Seconds()
	}
	tokens, tpot := table.In[*array.Int64](b, record.ColOutputTokens), table.In[*array.Float64](b, record.ColTPOT)
	single := tokens.IsValid(i) && tokens.Value(i) <= 1
	seen := !tpot.IsValid(i) || tpot.Value(i) > 0
	return within(record.ColTTFT, queue, slo.TTFT) && within(record.ColE2E, queue, slo.E2E) && (slo.TPOT == 0 || single || seen && within(record.ColTPOT, 0, slo.TPOT))
}
