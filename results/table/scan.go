package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"matrix/results/record"
)

// batchRows is how many rows of a Parquet file are read at once.
const batchRows = 8192

// Scan reads the named columns (nil: all) of a Parquet file batch by batch; a batch is the callee's only until it returns.
// A damaged file is an error, never a panic; but see Intact.
// An unknown name is an error, unless that column came later than some files. each's error ends it.
func Scan(path string, names []string, each func(arrow.RecordBatch) error) error {
	in, err := file.OpenParquetFile(path, false)
	if err != nil {
		return damaged(fmt.Errorf("read %s: %w", path, err))
	}
	return errors.Join(scan(in, path, names, batchRows, each), in.Close())
}

// scanBytes is Scan of a document that was read whole, for a few rows at a time.
// names are chosen by what the file has.
func scanBytes(doc []byte, path string, names func(*file.Reader) []string, rows int64, each func(arrow.RecordBatch) error) (err error) {
	defer recoverDamage(path, &err)
	in, err := file.NewParquetReader(bytes.NewReader(doc), file.WithReadProps(parquet.NewReaderProperties(memory.DefaultAllocator)))
	if err != nil {
		return damaged(fmt.Errorf("read %s: %w", path, err))
	}
	return errors.Join(scan(in, path, names(in), rows, each), in.Close())
}

// recoverDamage makes an error of a panic: arrow-go panics on some damaged files. Deferred by every function that reads one.
func recoverDamage(path string, err *error) {
	if r := recover(); r != nil {
		*err = damaged(fmt.Errorf("read %s: damaged: %v", path, r))
	}
}

func scan(in *file.Reader, path string, names []string, rows int64, each func(arrow.RecordBatch) error) (err error) {
	defer recoverDamage(path, &err)
	records, err := openRecords(context.Background(), in, path, names, nil, rows)
	if err != nil {
		return err
	}
	defer records.Release()
	for records.Next() {
		if err := each(records.RecordBatch()); err != nil {
			return err
		}
	}
	return ended(records, path)
}

// openRecords reads the named columns (nil: all) of some row groups (nil: all), so many rows a batch. The caller releases
// the reader.
func openRecords(ctx context.Context, in *file.Reader, path string, names []string, groups []int, rows int64) (pqarrow.RecordReader, error) {
	r, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{BatchSize: rows}, memory.DefaultAllocator)
	var indices []int
	if err == nil {
		indices, err = columnIndices(in, names)
	}
	var records pqarrow.RecordReader
	if err == nil {
		records, err = r.GetRecordReader(ctx, indices, groups)
	}
	if err != nil {
		return nil, damaged(fmt.Errorf("read %s: %w", path, err))
	}
	return records, nil
}

// ended says what kept a reader from its end. Some versions of the library call the end itself an error.
// Called when Next was false.
func ended(records pqarrow.RecordReader, path string) error {
	if err := records.Err(); err != nil && !errors.Is(err, io.EOF) {
		return damaged(fmt.Errorf("read %s: %w", path, err))
	}
	return nil
}

// columnIndices finds the leaf columns of the named top-level ones; nil names mean all.
// A list or a map has several leaves.
func columnIndices(in *file.Reader, names []string) ([]int, error) {
	if names == nil {
		return nil, nil
	}
	var out []int
	schema := in.MetaData().Schema
	for _, name := range names {
		found := false
		for i := range schema.NumColumns() {
			if schema.ColumnRoot(i).Name() == name {
				out, found = append(out, i), true
			}
		}
		if !found && !added[name] {
			return nil, fmt.Errorf("no column %q", name)
		}
	}
	return out, nil
}

// added are the columns of requests that older files of the same version do not have: there they are null.
// A new column of requests goes in here, or older files cannot be read.
var added = map[string]bool{record.ColValid: true, record.ColInvalidReason: true, record.ColFirstAnswer: true, record.ColTTFO: true, record.ColReasoningTokens: true}

// In is a column of a batch by its name, which the batch must have; nil for one that was added since the file was written.
// It panics where the batch has no such column, or another type: a mistake of ours. Release nothing: it is the batch's.
func In[A arrow.Array](b arrow.RecordBatch, name string) (column A) {
	if added[name] && !b.Schema().HasField(name) {
		return column
	}
	return b.Column(b.Schema().FieldIndices(name)[0]).(A)
}
