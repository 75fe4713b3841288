package store

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
	"matrix/results/table"
)

// winner is the one row that stays of a request that has several.
// Others of the same request stay in the spools, which go with the commit.
type winner struct {
	row     int64 // ordinal over all spools
	segment int32
	final   bool
}

// winners decides for each request with several rows: the first final one, else the last.
// Requests with one row are not in it, so it is small whatever the attempt's size. nil: there are none.
func (b building) winners() (map[int64]winner, error) {
	a := b.a
	if a.twice.empty() {
		return nil, nil
	}
	won := map[int64]winner{}
	row := int64(-1)
	return won, b.eachBatch(record.TableRequests, func(b arrow.RecordBatch) error {
		seq, phase := table.In[*array.Int64](b, record.ColSeq), table.In[*array.String](b, record.ColPhase)
		status, segment := table.In[*array.String](b, record.ColStatus), table.In[*array.Int32](b, record.ColSegment)
		for i := range int(b.NumRows()) {
			row++
			if phase.Value(i) != record.PhaseMeasure || !a.twice.has(seq.Value(i)) {
				continue
			}
			if w, ok := won[seq.Value(i)]; !ok || !w.final {
				won[seq.Value(i)] = winner{row, segment.Value(i), record.Final(status.Value(i))}
			}
		}
		return nil
	})
}

// keepRows keeps the winners and every row without a rival. It must see all rows in order.
// It counts rows itself: a batch does not know its place.
func keepRows(won map[int64]winner) func(arrow.RecordBatch, int) bool {
	row := int64(-1)
	return func(b arrow.RecordBatch, i int) bool {
		row++
		if table.In[*array.String](b, record.ColPhase).Value(i) != record.PhaseMeasure {
			return true
		}
		w, ok := won[table.In[*array.Int64](b, record.ColSeq).Value(i)]
		return !ok || w.row == row
	}
}

// findRows notes which requests have a row on disk, where some that were appended may have none: rows are lost when
// the disk fails. Of a complete attempt all are there.
func (b building) findRows() error {
	a := b.a
	if a.rowsIn != nil || a.state.Commit.Status == record.Complete {
		return nil
	}
	a.rowsIn = make([]bitmap, a.manifest.Segments)
	return b.eachBatch(record.TableRequests, func(b arrow.RecordBatch) error {
		seq, phase, segment := table.In[*array.Int64](b, record.ColSeq), table.In[*array.String](b, record.ColPhase), table.In[*array.Int32](b, record.ColSegment)
		for i := range int(b.NumRows()) {
			if n := int(segment.Value(i)); phase.Value(i) == record.PhaseMeasure && n >= 1 && n <= len(a.rowsIn) {
				a.rowsIn[n-1].set(seq.Value(i))
			}
		}
		return nil
	})
}

// keepOutputs keeps the output of each row that is kept. One may have none: it was durable, and its row was not yet,
// when a crash came; the request was asked again, or never is.
func (b building) keepOutputs(won map[int64]winner) func(arrow.RecordBatch, int) bool {
	a := b.a
	return func(b arrow.RecordBatch, i int) bool {
		seq, segment := table.In[*array.Int64](b, record.ColSeq).Value(i), table.In[*array.Int32](b, record.ColSegment).Value(i)
		if n := int(segment); n >= 1 && n <= len(a.rowsIn) && !a.rowsIn[n-1].has(seq) {
			return false
		}
		w, ok := won[seq]
		return !ok || w.segment == segment
	}
}

// keptRuns hands on the stretches of rows that are kept.
// Slices, not copies: nearly always a batch is one run.
func keptRuns(b arrow.RecordBatch, keep func(arrow.RecordBatch, int) bool, write func(arrow.RecordBatch) error) error {
	from := int64(-1)
	for i := range b.NumRows() + 1 {
		kept := i < b.NumRows() && keep(b, int(i))
		if kept && from < 0 {
			from = i
		}
		if !kept && from >= 0 {
			if err := write(b.NewSlice(from, i)); err != nil {
				return err
			}
			from = -1
		}
	}
	return nil
}
