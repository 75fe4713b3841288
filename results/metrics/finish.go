package metrics

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
	"matrix/results/table"
)

// ReadEnds counts the ends in requests.parquet of an attempt's folder: for those committed before run.parquet told them.
func ReadEnds(dir string) (record.FinishCounts, error) {
	e := record.FinishCounts{Finish: map[string]int64{}}
	columns := []string{record.ColFinishReason, record.ColOutputHash, record.ColOutputTokens, record.ColMaxTokens}
	err := eachOKIn(dir, columns, func(b arrow.RecordBatch, i int) { addEnd(&e, endsIn(b), i) })
	if err != nil {
		return record.FinishCounts{}, fmt.Errorf("count the ends: %w", err)
	}
	return e, nil
}

// endBatch is the columns of a batch that tell of ends.
type endBatch struct {
	finish         *array.String
	hash           *array.FixedSizeBinary
	tokens, limits *array.Int64
}

func endsIn(b arrow.RecordBatch) endBatch {
	return endBatch{table.In[*array.String](b, record.ColFinishReason), table.In[*array.FixedSizeBinary](b, record.ColOutputHash),
		table.In[*array.Int64](b, record.ColOutputTokens), table.In[*array.Int64](b, record.ColMaxTokens)}
}

// addEnd counts an ok request.
func addEnd(e *record.FinishCounts, b endBatch, i int) {
	e.OK++
	if b.hash.IsNull(i) {
		e.WithoutText++
	}
	reason := ""
	if b.finish.IsValid(i) {
		reason = b.finish.Value(i)
	}
	if _, known := e.Finish[reason]; !known {
		reason = strings.Clone(reason) // out of the batch's buffer
	}
	e.Finish[reason]++
	if reason == record.FinishLength && b.tokens.IsValid(i) && b.tokens.Value(i) < b.limits.Value(i) {
		e.CutShort++
	}
}

// finishReasons is the counts as a column holds them.
func finishReasons(e record.FinishCounts) map[string]float64 {
	out := map[string]float64{}
	for reason, n := range e.Finish {
		out[cmp.Or(reason, record.NoFinish)] = float64(n)
	}
	return out
}
