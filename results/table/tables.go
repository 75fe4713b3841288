package table

import (
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"matrix/experiments/cell"
	"matrix/results/record"
)

// FileOf is the name of a table's file in an attempt's folder.
func FileOf(table string) string { return table + ".parquet" }

// form is how a table looks: what is the same for each of its files, and too dear to make for every attempt.
// Read-only once it is made, and shared.
type form struct {
	columns    []spec // all, the keys first
	schema     *arrow.Schema
	own        *arrow.Schema // without the keys: what a spool holds
	properties *parquet.WriterProperties
	arrow      pqarrow.ArrowWriterProperties
}

// forms are the tables by name.
var forms = sync.OnceValue(func() map[string]*form {
	run := make([]spec, len(runColumns()))
	for i, c := range runColumns() {
		run[i] = c.spec
	}
	keys := specsOf(keyColumns)
	out := map[string]*form{}
	for name, own := range map[string][]spec{record.TableRun: run, record.TableRequests: specsOf(requestColumns), record.TableSamples: specsOf(sampleColumns),
		record.TableOutputs: specsOf(outputColumns), record.TableCounts: specsOf(countColumns)} {
		f := &form{columns: own, own: arrow.NewSchema(fieldsOf(own), nil)}
		if name != record.TableCounts {
			f.columns = slices.Concat(keys, own)
		}
		f.schema = schemaOf(name, f.columns)
		f.properties, f.arrow = layout(name, f.columns)
		out[name] = f
	}
	return out
})

// Schema is a table's present schema: run, requests, samples or outputs.
// The keys stand first.
func Schema(table string) (*arrow.Schema, error) {
	f := forms()[table]
	if f == nil || table == record.TableCounts {
		return nil, fmt.Errorf("no table %q: run, requests, samples or outputs", table)
	}
	return f.schema, nil
}

// Named are all figures that an experiment's decision, a tuning or a comparison may name, with their units: the metrics,
// the other columns of run.parquet that hold numbers, and what is derived of them.
// Each name once; a metric's unit wins over a column's.
func Named() []cell.Metric {
	var out []cell.Metric
	for _, m := range slices.Concat(record.Metrics(), record.Derived()) {
		out = append(out, cell.Metric{Name: m.Name, Unit: m.Unit})
	}
	for _, c := range runColumns() {
		named := func(m cell.Metric) bool { return m.Name == c.name }
		if c.number != nil && !slices.ContainsFunc(out, named) {
			out = append(out, cell.Metric{Name: c.name, Unit: c.unit})
		}
	}
	return out
}

// conform fits a batch to a schema: what an older matrix wrote lacks columns, which are null then.
// A column of another type counts as lacking: it is no column of ours.
func conform(b arrow.RecordBatch, schema *arrow.Schema) arrow.RecordBatch {
	if b.Schema().Equal(schema) {
		return b
	}
	cols := make([]arrow.Array, schema.NumFields())
	for i, f := range schema.Fields() {
		if at := b.Schema().FieldIndices(f.Name); len(at) == 1 && arrow.TypeEqual(b.Column(at[0]).DataType(), f.Type) {
			cols[i] = b.Column(at[0])
		} else {
			cols[i] = array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, int(b.NumRows()))
		}
	}
	return array.NewRecordBatch(schema, cols, b.NumRows())
}
