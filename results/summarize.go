package results

import (
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"matrix/results/record"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Summarize computes the metrics of a committed attempt from its requests.parquet and samples.parquet.
func Summarize(dir string, run Run) (Summary, error) {
	for _, table := range []string{record.TableRequests, record.TableSamples} {
		if _, err := intact(dir, table); err != nil {
			return Summary{}, err
		}
	}
	return summarize(dir, run)
}

// summarize reads what is on disk, column by column: memory is 8 bytes a request, and anyone can redo it.
func summarize(dir string, run Run) (Summary, error) {
	s := newSummary()
	t, err := tallyRequests(filepath.Join(dir, record.TableRequests+".parquet"))
	if err != nil {
		return Summary{}, err
	}
	planned := run.Planned
	if planned == 0 {
		planned = t.measured
	}
	s.Statuses, s.Finish = t.statuses, finishReasons(t.ends)
	s.counts(t, planned, run.Imported)
	s.rates(t, run)
	steps := []func() error{
		func() error { return s.latencies(t, run) },
		func() error { return s.weightedITL(t) },
		func() error { return s.chunkGaps(t) },
		func() error { return s.steady(t, run) },
		func() error { return s.goodput(t, run) },
		func() error { return s.usage(filepath.Join(dir, record.TableSamples+".parquet"), t, run) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Summary{}, err
		}
	}
	if run.Imported {
		s.null(record.MetricWithoutText, "imported: the answers' text may not have been kept")
	}
	s.take(run, t.measured < planned)
	return s.Summary, nil
}

// take fills in what another tool said of a run: where the rows tell nothing, for totals, which the tool saw whole, and
// everywhere when rows are missing, since a total over the rows that were kept would be too small. What is untold is null.
func (s *summarizer) take(run Run, partial bool) {
	if !run.Imported {
		return
	}
	for _, m := range Metrics() {
		given, told := run.Given[m.Name]
		switch {
		case told && (partial || s.Metrics[m.Name] == nil || totals[m.Name]):
			s.Metrics[m.Name] = &given
			delete(s.Why, m.Name)
		case partial && strings.HasPrefix(m.Name, record.RequestsEnded("")), partial && !told && totals[m.Name]:
			s.Metrics[m.Name] = nil
		}
		if why := run.Untold[m.Name]; why != "" && !told {
			s.null(m.Name, why)
		}
	}
}

// totals are the metrics that need every row.
var totals = map[string]bool{record.MetricRequestThroughput: true, record.MetricOutputThroughput: true, record.MetricTotalTokenThroughput: true, record.MetricSuccessRate: true, record.MetricSuccessLow: true, record.MetricInputTokens: true, record.MetricOutputTokens: true,
	record.MetricCachedTokens: true, record.MetricGoodput: true, record.MetricDuration: true, record.MetricBatch: true, record.MetricSteadyRequests: true, record.MetricSteadyOutput: true, record.MetricSteadySpan: true}

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
	pieces   pieces
}

func tallyRequests(path string) (*tally, error) {
	t := &tally{path: path, statuses: map[string]int64{}, windows: map[int32]*window{},
		tokens: map[string]*int64{record.ColInputTokens: nil, record.ColOutputTokens: nil, record.ColCachedTokens: nil}, ends: record.FinishCounts{Finish: map[string]int64{}}}
	names := []string{record.ColPhase, record.ColSegment, record.ColStatus, record.ColSent, record.ColFirstToken, record.ColLastToken, record.ColDone, record.ColInputTokens, record.ColOutputTokens, record.ColCachedTokens,
		record.ColChunks, record.ColFinishReason, record.ColOutputHash, record.ColMaxTokens}
	return t, scan(path, names, func(b arrow.RecordBatch) error {
		t.add(b)
		return nil
	})
}

func (t *tally) add(b arrow.RecordBatch) {
	phase, status, segment := named[*array.String](b, record.ColPhase), named[*array.String](b, record.ColStatus), named[*array.Int32](b, record.ColSegment)
	sent, done := named[*array.Float64](b, record.ColSent), named[*array.Float64](b, record.ColDone)
	ends, events := endsIn(b), eventsIn(b)
	counters := map[string]*array.Int64{}
	for name := range t.tokens {
		counters[name] = named[*array.Int64](b, name)
	}
	for i := range int(b.NumRows()) {
		kind := rowIgnored
		if phase.Value(i) == record.PhaseMeasure {
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
		addEnd(&t.ends, ends, i)
		t.pieces.add(events, i)
	}
}

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
