package table

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"matrix/experiments"
	"matrix/results/record"
)

// FileOf is the name of a table's file in an attempt's folder.
func FileOf(table string) string { return table + ".parquet" }

// own are the columns of a table that are not the keys, or of counts.parquet all.
func own(table string) []spec {
	switch table {
	case record.TableRun:
		var specs []spec
		for _, c := range runColumns() {
			specs = append(specs, c.spec)
		}
		return specs
	case record.TableRequests:
		return specsOf(requestColumns)
	case record.TableSamples:
		return specsOf(sampleColumns)
	case record.TableOutputs:
		return specsOf(outputColumns)
	case record.TableCounts:
		return specsOf(countColumns)
	}
	return nil
}

// all are the columns of a table.
func all(table string) []spec {
	if table == record.TableCounts {
		return own(table)
	}
	return append(specsOf(keyColumns), own(table)...)
}

// Tables documents every column of the tables, by table.
func Tables() map[string][]Column {
	out := map[string][]Column{}
	for _, t := range []string{record.TableRequests, record.TableOutputs, record.TableSamples, record.TableRun, record.TableCounts} {
		out[t] = describe(all(t))
	}
	return out
}

// Schema is a table's present schema: run, requests, samples or outputs.
func Schema(table string) (*arrow.Schema, error) {
	if table == record.TableCounts || own(table) == nil {
		return nil, fmt.Errorf("no table %q: run, requests, samples or outputs", table)
	}
	return schemaOf(table, all(table)), nil
}

// Named are all figures that an experiment's decision, a tuning or a comparison may name, with their units: the metrics,
// the other columns of run.parquet that hold numbers, and what is derived of them.
func Named() []experiments.Metric {
	var out []experiments.Metric
	for _, m := range slices.Concat(record.Metrics(), record.Derived()) {
		out = append(out, experiments.Metric{Name: m.Name, Unit: m.Unit})
	}
	for _, c := range runColumns() {
		named := func(m experiments.Metric) bool { return m.Name == c.name }
		if c.number != nil && !slices.ContainsFunc(out, named) {
			out = append(out, experiments.Metric{Name: c.name, Unit: c.unit})
		}
	}
	return out
}

// conform fits a batch to a schema: what an older matrix wrote lacks columns, which are null then.
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
