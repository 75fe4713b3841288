package table

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet/file"

	"matrix/results/record"
)

// ReadRequests calls each for the rows of requests.parquet in an attempt's folder, in their order.
// ErrCorrupt where the file is not what was written; an error of each ends it and is returned as it is. Warm-up is
// among the rows.
func ReadRequests(dir string, each func(record.RequestRow) error) error {
	return readRows(dir, record.TableRequests, requestColumns, each)
}

// ReadOutputs calls each for the rows of outputs.parquet in an attempt's folder.
// As ReadRequests; the order is that of the requests.
func ReadOutputs(dir string, each func(record.OutputRow) error) error {
	return readRows(dir, record.TableOutputs, outputColumns, each)
}

// ReadSamples calls each for the rows of samples.parquet in an attempt's folder.
// As ReadRequests. Times are in seconds since the measured phase began, and may be negative.
func ReadSamples(dir string, each func(record.SampleRow) error) error {
	return readRows(dir, record.TableSamples, sampleColumns, each)
}

// ReadRequestColumns is ReadRequests for some columns: it reads and fills in no other.
// A name that is no column is a mistake of the caller, and an error.
func ReadRequestColumns(dir string, columns []string, each func(record.RequestRow) error) error {
	var cols []column[record.RequestRow]
	for _, c := range requestColumns {
		if slices.Contains(columns, c.name) {
			cols = append(cols, c)
		}
	}
	if len(cols) != len(columns) {
		return fmt.Errorf("read %s: not all of %q are columns of it", record.TableRequests, columns)
	}
	return readRows(dir, record.TableRequests, cols, each)
}

// ScanRequests calls each for batches of the named columns of requests.parquet, in the order of the rows; the batch is
// the callee's only until it returns. It reads no other column.
// Values are taken with In.
func ScanRequests(dir string, columns []string, each func(arrow.RecordBatch) error) error {
	path, err := Intact(dir, record.TableRequests)
	if err != nil {
		return err
	}
	return Scan(path, columns, each)
}

// Batches hands on a table of an attempt in its present schema, whatever version of matrix wrote it: a column that it
// lacks is null. A batch is valid during the call only.
// table is run, requests, samples or outputs.
func Batches(dir, table string, each func(arrow.RecordBatch) error) error {
	schema, err := Schema(table)
	if err != nil {
		return err
	}
	path, err := Intact(dir, table)
	if err != nil {
		return err
	}
	return Scan(path, nil, func(b arrow.RecordBatch) error { return each(conform(b, schema)) })
}

// readRows reads columns of a table whose bytes are those that were written.
func readRows[R any](dir, table string, cols []column[R], each func(R) error) error {
	path, err := Intact(dir, table)
	if err != nil {
		return err
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.name
	}
	return Scan(path, names, func(b arrow.RecordBatch) error { return eachRow(b, cols, each) })
}

// eachRow turns a batch into rows.
// A column that the file lacks leaves its field zero.
func eachRow[R any](b arrow.RecordBatch, cols []column[R], each func(R) error) error {
	arrays := make([]arrow.Array, len(cols))
	for k, c := range cols {
		arrays[k] = In[arrow.Array](b, c.name)
	}
	for i := range int(b.NumRows()) {
		var row R
		for k, c := range cols {
			if arrays[k] != nil && arrays[k].IsValid(i) {
				c.get(arrays[k], i, &row)
			}
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return nil
}

// ReadRun reads run.parquet in an attempt's folder, and the manifest beside it. Of the summary it has no counts by status
// but those that are metrics; a column that an older matrix did not write is as if it were null.
func ReadRun(dir string) (*record.RunRow, error) {
	m, doc, err := intactRun(dir)
	if err != nil {
		return nil, err
	}
	row := &record.RunRow{Manifest: m}
	read := 0
	known := func(in *file.Reader) []string {
		var names []string
		schema := in.MetaData().Schema
		for i := range schema.NumColumns() {
			if name := schema.ColumnRoot(i).Name(); runColumnNamed(name) != nil && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return names
	}
	path := filepath.Join(dir, FileOf(record.TableRun))
	err = scanBytes(doc, path, known, 1, func(b arrow.RecordBatch) error {
		read += int(b.NumRows())
		for i, f := range b.Schema().Fields() {
			c, a := runColumnNamed(f.Name), b.Column(i)
			if arrow.TypeEqual(a.DataType(), c.typ) && a.IsValid(0) {
				c.get(a, 0, row)
			}
		}
		return nil
	})
	if err == nil && read != 1 {
		err = damaged(fmt.Errorf("read %s: %d rows, want 1", path, read))
	}
	// Both are metrics too, and stand in one column.
	row.Run.LoadS = row.Summary.Metrics[record.MetricLoad]
	if planned := row.Summary.Metrics[record.MetricRequestsPlanned]; planned != nil {
		row.Run.Planned = int64(*planned)
	}
	return row, err
}

// VerifyRun reports whether run.parquet in an attempt's folder is what was written, without reading its row: a twentieth
// of the work.
// nil: it is.
func VerifyRun(dir string) error {
	_, _, err := intactRun(dir)
	return err
}

var runByName = sync.OnceValue(func() map[string]*runColumn {
	out := map[string]*runColumn{}
	for i, c := range runColumns() {
		out[c.name] = &runColumns()[i]
	}
	return out
})

// runColumnNamed is a column of run.parquet; nil where it has none of that name.
func runColumnNamed(name string) *runColumn { return runByName()[name] }

// Number is a numeric column of run.parquet in a row; nil where it is null or no number.
// An unknown column is nil, too.
func Number(row *record.RunRow, column string) *float64 {
	if c := runColumnNamed(column); c != nil && c.number != nil {
		return c.number(row)
	}
	return nil
}
