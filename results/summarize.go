package results

import (
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Summarize computes the metrics of a committed attempt from its requests.parquet and samples.parquet.
func Summarize(dir string, run Run) (Summary, error) {
	for _, table := range []string{tableRequests, tableSamples} {
		if _, err := intact(dir, table); err != nil {
			return Summary{}, err
		}
	}
	return summarize(dir, run)
}

// summarize reads what is on disk, column by column: memory is 8 bytes a request, and anyone can redo it.
func summarize(dir string, run Run) (Summary, error) {
	s := newSummary()
	t, err := tallyRequests(filepath.Join(dir, tableRequests+".parquet"))
	if err != nil {
		return Summary{}, err
	}
	planned := run.Planned
	if planned == 0 {
		planned = t.measured
	}
	s.Statuses, s.Finish = t.statuses, t.ends.finish()
	s.counts(t, planned, run.Imported)
	s.rates(t, run)
	steps := []func() error{
		func() error { return s.latencies(t, run) },
		func() error { return s.weightedITL(t) },
		func() error { return s.chunkGaps(t) },
		func() error { return s.steady(t, run) },
		func() error { return s.goodput(t, run) },
		func() error { return s.usage(filepath.Join(dir, tableSamples+".parquet"), t, run) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Summary{}, err
		}
	}
	if run.Imported {
		s.null(mWithoutText, "imported: the answers' text may not have been kept")
	}
	s.take(run, t.measured < planned)
	return *s, nil
}

// take fills in what another tool said of a run: where the rows tell nothing, for totals, which the tool saw whole, and
// everywhere when rows are missing, since a total over the rows that were kept would be too small. What is untold is null.
func (s *Summary) take(run Run, partial bool) {
	if !run.Imported {
		return
	}
	for _, m := range Metrics() {
		given, told := run.Given[m.Name]
		switch {
		case told && (partial || s.Metrics[m.Name] == nil || totals[m.Name]):
			s.Metrics[m.Name] = &given
			delete(s.Why, m.Name)
		case partial && strings.HasPrefix(m.Name, prefixRequestsEnd), partial && !told && totals[m.Name]:
			s.Metrics[m.Name] = nil
		}
		if why := run.Untold[m.Name]; why != "" && !told {
			s.null(m.Name, why)
		}
	}
}

// totals are the metrics that need every row.
var totals = map[string]bool{mRequestTput: true, mOutputTput: true, mTotalTput: true, mSuccess: true, mSuccessLow: true, mInput: true, mOutput: true,
	mCached: true, mGoodput: true, mDuration: true, mBatch: true, mSteadyReq: true, mSteadyOut: true, mSteadySpan: true}

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
	ends     Ends
	pieces   pieces
}

func tallyRequests(path string) (*tally, error) {
	t := &tally{path: path, statuses: map[string]int64{}, windows: map[int32]*window{},
		tokens: map[string]*int64{colInput: nil, colOutput: nil, colCached: nil}, ends: Ends{Finish: map[string]int64{}}}
	names := []string{colPhase, colSegment, colStatus, colSent, colFirstToken, colLastToken, colDone, colInput, colOutput, colCached,
		colChunks, colFinish, colOutputHash, colMaxTokens}
	return t, scan(path, names, func(b arrow.RecordBatch) error {
		t.add(b)
		return nil
	})
}

func (t *tally) add(b arrow.RecordBatch) {
	phase, status, segment := named[*array.String](b, colPhase), named[*array.String](b, colStatus), named[*array.Int32](b, colSegment)
	sent, done := named[*array.Float64](b, colSent), named[*array.Float64](b, colDone)
	ends, events := endsIn(b), eventsIn(b)
	counters := map[string]*array.Int64{}
	for name := range t.tokens {
		counters[name] = named[*array.Int64](b, name)
	}
	for i := range int(b.NumRows()) {
		kind := rowIgnored
		if phase.Value(i) == phaseMeasure {
			kind = t.count(status.Value(i))
			t.span(segment.Value(i), status.Value(i), sent, done, i)
		}
		t.kinds = append(t.kinds, kind)
		if kind != rowOK {
			continue
		}
		for name, c := range counters {
			if c.IsValid(i) {
				t.addTokens(name, c.Value(i))
			}
		}
		t.ends.add(ends, i)
		t.pieces.add(events, i)
	}
}

const phaseMeasure = "measure"

func (t *tally) count(status string) byte {
	t.measured++
	if _, known := t.statuses[status]; !known {
		status = strings.Clone(status) // out of the batch's buffer
	}
	t.statuses[status]++
	switch {
	case status == statusOK:
		return rowOK
	case final(status):
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
	if done.IsValid(i) && final(status) {
		w.to = max(w.to, done.Value(i))
	}
}

// duration is D in seconds; 0 when nothing completed.
func (t *tally) duration() float64 {
	var d float64
	for _, segment := range sortedKeys(t.windows) {
		if w := t.windows[segment]; w.to > w.from {
			d += w.to - w.from
		}
	}
	return d
}

func sortedKeys[K interface{ ~int32 | ~string }, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// named is a column of a batch by its name.
func named[A arrow.Array](b arrow.RecordBatch, name string) A {
	return b.Column(b.Schema().FieldIndices(name)[0]).(A)
}

// each calls f for every row of the kind wanted, with the batch and the row's index in it.
func (t *tally) each(names []string, kind byte, f func(b arrow.RecordBatch, i int)) error {
	row := 0
	return scan(t.path, names, func(b arrow.RecordBatch) error {
		for i := range int(b.NumRows()) {
			if t.kinds[row] == kind {
				f(b, i)
			}
			row++
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
	err := t.each(names, rowOK, func(b arrow.RecordBatch, i int) {
		c := named[*array.Float64](b, column)
		if !c.IsValid(i) {
			return
		}
		v := c.Value(i)
		if len(names) == 2 {
			if q := named[*array.Float64](b, plus); q.IsValid(i) {
				v += q.Value(i)
			}
		}
		into = append(into, v)
	})
	sort.Float64s(into)
	return into, err
}
