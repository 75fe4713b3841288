package dataset

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// readParquet copies the columns that are used into an unnamed temporary file, a JSON line a row, and indexes
// that: reading single rows out of a compressed column chunk would decompress it anew for each prompt.
func (x *indexer) readParquet(source *indexed) error {
	original := source.file
	spool, err := os.CreateTemp("", "matrix-dataset-*")
	if err != nil {
		return fmt.Errorf("copy %s: %w", source.path, err)
	}
	os.Remove(spool.Name()) // gone when it is closed, whatever happens to us
	if err := x.copyRows(original, source.size, spool); err != nil {
		spool.Close()
		return err
	}
	st, err := spool.Stat()
	if err != nil {
		spool.Close()
		return err
	}
	if x.faults.count > 0 || len(x.spans) == 0 {
		return spool.Close()
	}
	source.file, source.size, source.mtime = spool, st.Size(), st.ModTime()
	return nil
}

// copyRows turns a hostile file's panic in the library into a fault of that file.
func (x *indexer) copyRows(original *os.File, size int64, spool *os.File) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Path: x.faults.path, Reason: fmt.Sprintf("not a readable Parquet file: %v", r)}
		}
	}()
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true // pages, not whole column chunks
	pf, err := file.NewParquetReader(io.NewSectionReader(original, 0, size), file.WithReadProps(props))
	if err != nil {
		return &Error{Path: x.faults.path, Reason: "not a readable Parquet file: " + err.Error(), Err: err}
	}
	names := make([]string, pf.MetaData().Schema.NumColumns())
	for i := range names {
		names[i] = pf.MetaData().Schema.Column(i).Path()
	}
	cols, err := findColumns(names, x.column)
	if err != nil {
		return &Error{Path: x.faults.path, Reason: err.Error(), Hint: hintOf(err)}
	}
	return x.copyBatches(pf, cols, names, spool)
}

func (x *indexer) copyBatches(pf *file.Reader, cols columns, names []string, spool *os.File) error {
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 512}, memory.DefaultAllocator)
	if err != nil {
		return &Error{Path: x.faults.path, Reason: err.Error(), Err: err}
	}
	batches, err := r.GetRecordReader(x.ctx, cols.used(), nil)
	if err != nil {
		return &Error{Path: x.faults.path, Reason: err.Error(), Err: err}
	}
	defer batches.Release()
	at := cols.within(names, batches.Schema())
	if at.prompt < 0 {
		return &Error{Path: x.faults.path, Reason: fmt.Sprintf("column %q lies inside a list or a struct", names[cols.prompt])}
	}
	out := bufio.NewWriterSize(spool, 1<<16)
	w := &rowCopy{x: x, out: out, at: at}
	for batches.Next() {
		if err := w.copy(x.ctx, batches.RecordBatch()); err != nil {
			return err
		}
	}
	if err := batches.Err(); err != nil {
		return &Error{Path: x.faults.path, Reason: err.Error(), Err: err}
	}
	return out.Flush()
}

// used are the file's columns to read, in its order.
func (c columns) used() (indices []int) {
	for _, i := range []int{c.prompt, c.id, c.reference, c.maxTokens} {
		if i >= 0 {
			indices = append(indices, i)
		}
	}
	slices.Sort(indices)
	return indices
}

// within tells where the columns lie in what is read; a column inside a list or struct is not found.
func (c columns) within(names []string, schema *arrow.Schema) columns {
	place := func(i int) int {
		if i < 0 {
			return -1
		}
		if found := schema.FieldIndices(names[i]); len(found) > 0 {
			return found[0]
		}
		return -1
	}
	return columns{place(c.prompt), place(c.id), place(c.reference), place(c.maxTokens)}
}

type rowCopy struct {
	x      *indexer
	out    *bufio.Writer
	at     columns
	row    int
	offset int64
}

func (w *rowCopy) copy(ctx context.Context, batch arrow.RecordBatch) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fields := make([]string, batch.NumCols())
	for i := range int(batch.NumRows()) {
		w.row++
		for c := range fields {
			text, err := cellText(batch.Column(c), i)
			if err != nil {
				return &Error{Path: w.x.faults.path, Reason: fmt.Sprintf("column %q: %v", batch.ColumnName(c), err)}
			}
			fields[c] = text
		}
		e, err := w.at.row(fields)
		if err == nil && len(e.Prompt) > maxEntryBytes {
			err = errTooLong
		}
		if err := w.write(e, err); err != nil {
			return err
		}
	}
	return nil
}

func (w *rowCopy) write(e Entry, fault error) error {
	if fault != nil {
		w.x.faults.add(0, fmt.Sprintf("row %d: %v", w.row, fault), hintOf(fault))
		return nil
	}
	line, err := json.Marshal(map[string]any{"id": e.ID, "prompt": e.Prompt, "reference": e.Reference})
	if e.MaxTokens > 0 {
		line, err = json.Marshal(map[string]any{"id": e.ID, "prompt": e.Prompt, "reference": e.Reference, "max_tokens": e.MaxTokens})
	}
	if err != nil {
		return err
	}
	n, err := w.out.Write(append(line, '\n'))
	w.x.add(w.offset, n, w.row, e, nil)
	w.offset += int64(n)
	return err
}

// cellText is a value as text; null is "".
func cellText(col arrow.Array, i int) (string, error) {
	if col.IsNull(i) {
		return "", nil
	}
	switch col := col.(type) {
	case *array.String:
		return col.Value(i), nil
	case *array.LargeString:
		return col.Value(i), nil
	case *array.Binary:
		return string(col.Value(i)), nil
	case *array.Int64:
		return strconv.FormatInt(col.Value(i), 10), nil
	case *array.Int32:
		return strconv.FormatInt(int64(col.Value(i)), 10), nil
	case *array.Dictionary:
		return cellText(col.Dictionary(), col.GetValueIndex(i))
	}
	return "", errors.New("a column of text is expected, not of " + col.DataType().Name())
}
