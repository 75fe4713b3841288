package results

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Ends is how the ok requests of an attempt's measured phase ended.
type Ends struct {
	OK          int64
	WithoutText int64            // no text at all; thought alone is none
	CutShort    int64            // ended by length below max_tokens
	Finish      map[string]int64 // by finish_reason as the engine says it; "" = it says none
}

var endColumns = []string{colPhase, colStatus, colFinish, colOutputHash, colOutput, colMaxTokens}

// ReadEnds counts the ends in requests.parquet of an attempt's folder: for those committed before run.parquet told them.
func ReadEnds(dir string) (Ends, error) {
	e := Ends{Finish: map[string]int64{}}
	err := ScanRequests(dir, endColumns, func(b arrow.RecordBatch) error {
		c := endsIn(b)
		phase, status := named[*array.String](b, colPhase), named[*array.String](b, colStatus)
		for i := range int(b.NumRows()) {
			if phase.Value(i) == phaseMeasure && status.Value(i) == statusOK {
				e.add(c, i)
			}
		}
		return nil
	})
	if err != nil {
		return Ends{}, fmt.Errorf("count the ends: %w", err)
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
	return endBatch{named[*array.String](b, colFinish), named[*array.FixedSizeBinary](b, colOutputHash),
		named[*array.Int64](b, colOutput), named[*array.Int64](b, colMaxTokens)}
}

// add counts an ok request.
func (e *Ends) add(b endBatch, i int) {
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
	if reason == FinishLength && b.tokens.IsValid(i) && b.tokens.Value(i) < b.limits.Value(i) {
		e.CutShort++
	}
}

// FinishLength is the end by a limit of tokens, in the words of OpenAI's API, vLLM and Ollama alike.
const FinishLength = "length"

// finish is the counts as a column holds them.
func (e Ends) finish() map[string]float64 {
	out := map[string]float64{}
	for reason, n := range e.Finish {
		out[cmp.Or(reason, noReason)] = float64(n)
	}
	return out
}

// noReason stands in finish_reasons for an engine that says none.
const noReason = "none"
