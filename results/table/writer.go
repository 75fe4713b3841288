package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"matrix/results/disk"
	"matrix/results/record"
)

// Writer writes one table of an attempt: batches without keys in, Parquet with keys out.
// Not for concurrent use.
type Writer struct {
	file   *SummedFile
	out    *pqarrow.FileWriter
	form   *form
	keys   record.Keys   // the same in every row
	cached []arrow.Array // the key columns, at least as long as the longest batch so far
}

// Create begins a table's file in a folder, replacing one that is there.
// Whoever gets a Writer must Close it, after an error, too.
func Create(fs *disk.FS, dir, table string, keys record.Keys) (*Writer, error) {
	f, err := CreateSummed(fs, filepath.Join(dir, FileOf(table)))
	if err != nil {
		return nil, err
	}
	form := forms()[table]
	out, err := pqarrow.NewFileWriter(form.schema, struct{ io.Writer }{f}, form.properties, form.arrow)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s.parquet: %w", table, err), f.file.Close())
	}
	return &Writer{file: f, out: out, form: form, keys: keys}, nil
}

// Write appends a batch of the table's own columns; an older matrix's may lack some.
// The batch stays the caller's.
func (w *Writer) Write(batch arrow.RecordBatch) error {
	n := batch.NumRows()
	if n == 0 {
		return nil
	}
	if len(w.cached) == 0 || int64(w.cached[0].Len()) < n {
		w.cached = constants(w.keys, int(n))
	}
	cols := make([]arrow.Array, 0, len(w.form.schema.Fields()))
	for _, c := range w.cached {
		cols = append(cols, array.NewSlice(c, 0, n))
	}
	cols = append(cols, conform(batch, w.form.own).Columns()...)
	return w.out.WriteBuffered(array.NewRecordBatch(w.form.schema, cols, n))
}

// Close ends the file and tells what was written. A writer that failed is only closed, never used again.
// What it tells is what the manifest must say of it.
func (w *Writer) Close() (record.FileSum, error) {
	if err := w.out.Close(); err != nil {
		return record.FileSum{}, errors.Join(err, w.file.file.Close())
	}
	return w.file.Finish()
}

// constants is n rows of the key columns.
// Made once for a whole table, and cut to each batch.
func constants(keys record.Keys, n int) []arrow.Array {
	out := make([]arrow.Array, len(keyColumns))
	for i, c := range keyColumns {
		b := array.NewBuilder(memory.DefaultAllocator, c.typ)
		b.Reserve(n)
		for range n {
			c.put(b, &keys)
		}
		out[i] = b.NewArray()
		b.Release()
	}
	return out
}

// WriteRun writes run.parquet into a folder.
// Keys are the manifest's. Durable when it returns, but for the folder's entry.
func WriteRun(fs *disk.FS, dir string, row *record.RunRow) (record.FileSum, error) {
	w, err := Create(fs, dir, record.TableRun, row.Manifest.Keys())
	if err != nil {
		return record.FileSum{}, err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, w.form.own)
	defer b.Release()
	for i, c := range runColumns() {
		c.put(b.Field(i), row)
	}
	err = w.Write(b.NewRecordBatch())
	sum, closing := w.Close()
	return sum, errors.Join(err, closing)
}

// Counts is the document counts.parquet.
// Equal rows make equal bytes.
func Counts(rows []record.CountRow) ([]byte, error) {
	form := forms()[record.TableCounts]
	b := array.NewRecordBuilder(memory.DefaultAllocator, form.schema)
	defer b.Release()
	for i := range rows {
		for k, c := range countColumns {
			c.put(b.Field(k), &rows[i])
		}
	}
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(form.schema, struct{ io.Writer }{&out}, form.properties, form.arrow)
	if err != nil {
		return nil, err
	}
	err = errors.Join(w.Write(b.NewRecordBatch()), w.Close())
	return out.Bytes(), err
}
