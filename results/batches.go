package results

import (
	"fmt"
	"path/filepath"

	"matrix/results/record"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Schema is a table's present schema: run, requests, samples or outputs.
func Schema(table string) (*arrow.Schema, error) {
	switch table {
	case record.TableRun:
		return tableSchema(table, withKeys(runColumns())), nil
	case record.TableRequests:
		return tableSchema(table, withKeys(requestColumns)), nil
	case record.TableSamples:
		return tableSchema(table, withKeys(sampleColumns)), nil
	case record.TableOutputs:
		return tableSchema(table, withKeys(outputColumns)), nil
	}
	return nil, fmt.Errorf("no table %q: run, requests, samples or outputs", table)
}

// Batches hands on a table of an attempt in its present schema, whatever version of matrix wrote it: a column that it
// lacks is null. A batch is valid during the call only.
func Batches(dir, table string, each func(arrow.RecordBatch) error) error {
	schema, err := Schema(table)
	if err != nil {
		return err
	}
	if _, err := intact(dir, table); err != nil {
		return err
	}
	return scan(filepath.Join(dir, table+".parquet"), nil, func(b arrow.RecordBatch) error {
		cols := make([]arrow.Array, schema.NumFields())
		for i, f := range schema.Fields() {
			if at := b.Schema().FieldIndices(f.Name); len(at) == 1 && arrow.TypeEqual(b.Column(at[0]).DataType(), f.Type) {
				cols[i] = b.Column(at[0])
			} else {
				cols[i] = array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, int(b.NumRows()))
			}
		}
		return each(array.NewRecordBatch(schema, cols, b.NumRows()))
	})
}
