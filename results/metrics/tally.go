package metrics

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
	"matrix/results/table"
)

// What a row of requests.parquet counts as.
const (
	rowIgnored byte = iota // warm-up, or stopped by us
	rowOK
	rowFailure
)

// window is when a segment measured, in seconds of its clock.
type window struct{ from, to float64 }

// tally is what one pass over the requests leaves behind.
type tally struct {
	path     string
	kinds    []byte // one a row of the file
	measured int64
	statuses map[string]int64
	tokens   map[string]*int64 // sums over ok; nil when no request told
	windows  map[int32]*window
	ends     record.FinishCounts
	events   events
	judged   judged
}

// tallyRequests reads the file once for all that needs no column of floats. What each row counts as is kept, a byte a row, so
// that the steps after it read single columns and still agree on which rows are meant.
func tallyRequests(path string) (*tally, error) {
	t := &tally{path: path, statuses: map[string]int64{}, windows: map[int32]*window{},
		tokens: map[string]*int64{record.ColInputTokens: nil, record.ColOutputTokens: nil, record.ColCachedTokens: nil, record.ColReasoningTokens: nil}, ends: record.FinishCounts{Finish: map[string]int64{}}}
	names := []string{record.ColPhase, record.ColSegment, record.ColStatus, record.ColSent, record.ColFirstToken, record.ColLastToken, record.ColDone, record.ColInputTokens, record.ColOutputTokens, record.ColCachedTokens,
		record.ColChunks, record.ColFinishReason, record.ColOutputHash, record.ColMaxTokens,
		record.ColReasoningTokens, record.ColValid, record.ColInvalidReason}
	return t, table.Scan(path, names, func(b arrow.RecordBatch) error {
		t.add(b)
		return nil
	})
}

func (t *tally) add(b arrow.RecordBatch) {
	phase, status, segment := table.In[*array.String](b, record.ColPhase), table.In[*array.String](b, record.ColStatus), table.In[*array.Int32](b, record.ColSegment)
	sent, done := table.In[*array.Float64](b, record.ColSent), table.In[*array.Float64](b, record.ColDone)
	ends, events := endsIn(b), eventsIn(b)
	counters := map[string]*array.Int64{}
	for name := range t.tokens {
		if c := table.In[*array.Int64](b, name); c != nil {
			counters[name] = c
		}
	}
	verdicts, reasons := table.In[*array.Boolean](b, record.ColValid), table.In[*array.String](b, record.ColInvalidReason)
	for i := range int(b.NumRows()) {
		kind := rowIgnored
		if phase.Value(i) == record.PhaseMeasure {
			kind = t.count(status.Value(i))
			t.span(segment.Value(i), status.Value(i), sent, done, i)
		}
		t.kinds = append(t.kinds, kind)
		if kind != rowIgnored && verdicts != nil && verdicts.IsValid(i) {
			t.judged.add(verdicts.Value(i), reasons, i)
		}
		if kind != rowOK {
			continue
		}
		for name, c := range counters {
			if c.IsValid(i) {
				t.addTokens(name, c.Value(i))
			}
		}
		addEnd(&t.ends, ends, i)
		t.events.add(events, i)
	}
}

// count books a measured row, and says what it counts as. One that we stopped was no failure of the engine's.
func (t *tally) count(status string) byte {
	t.measured++
	if _, known := t.statuses[status]; !known {
		status = strings.Clone(status) // out of the batch's buffer
	}
	t.statuses[status]++
	switch {
	case status == record.StatusOK:
		return rowOK
	case record.Final(status):
		return rowFailure
	}
	return rowIgnored
}

func (t *tally) addTokens(name string, n int64) {
	if t.tokens[name] == nil {
		t.tokens[name] = new(int64)
	}
	*t.tokens[name] += n
}

// span widens a segment's window: from the first dispatch to the last completion. A request that we
// stopped was dispatched but never completed.
func (t *tally) span(segment int32, status string, sent, done *array.Float64, i int) {
	w := t.windows[segment]
	if w == nil {
		w = &window{math.Inf(1), math.Inf(-1)}
		t.windows[segment] = w
	}
	if sent.IsValid(i) {
		w.from = min(w.from, sent.Value(i))
	}
	if done.IsValid(i) && record.Final(status) {
		w.to = max(w.to, done.Value(i))
	}
}

// duration is D in seconds; 0 when nothing completed.
func (t *tally) duration() float64 {
	var d float64
	for _, segment := range slices.Sorted(maps.Keys(t.windows)) {
		if w := t.windows[segment]; w.to > w.from {
			d += w.to - w.from
		}
	}
	return d
}

// eachOK calls f for every measured request that ended ok, with the batch and the row's index in it.
func (t *tally) eachOK(names []string, f func(b arrow.RecordBatch, i int)) error {
	row := 0
	return table.Scan(t.path, names, func(b arrow.RecordBatch) error {
		for i := range int(b.NumRows()) {
			if t.kinds[row] == rowOK {
				f(b, i)
			}
			row++
		}
		return nil
	})
}

// eachOKIn is eachOK for an attempt's folder of which nothing was tallied.
func eachOKIn(dir string, names []string, f func(b arrow.RecordBatch, i int)) error {
	return table.ScanRequests(dir, append([]string{record.ColPhase, record.ColStatus}, names...), func(b arrow.RecordBatch) error {
		phase, status := table.In[*array.String](b, record.ColPhase), table.In[*array.String](b, record.ColStatus)
		for i := range int(b.NumRows()) {
			if phase.Value(i) == record.PhaseMeasure && status.Value(i) == record.StatusOK {
				f(b, i)
			}
		}
		return nil
	})
}

// values collects a column over the ok requests, with plus (a column name, "" = none) added, sorted.
func (t *tally) values(into []float64, column, plus string) ([]float64, error) {
	names := []string{column}
	if plus != "" && plus != column {
		names = append(names, plus)
	}
	into = into[:0]
	err := t.eachOK(names, func(b arrow.RecordBatch, i int) {
		c := table.In[*array.Float64](b, column)
		if c == nil || !c.IsValid(i) {
			return
		}
		v := c.Value(i)
		if len(names) == 2 {
			if q := table.In[*array.Float64](b, plus); q.IsValid(i) {
				v += q.Value(i)
			}
		}
		into = append(into, v)
	})
	slices.Sort(into)
	return into, err
}
