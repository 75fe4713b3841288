package results

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"matrix/results/disk"
)

// summedFile is a file whose length and SHA-256 are known when it is closed.
type summedFile struct {
	*bufio.Writer // Parquet comes in thousands of small pieces
	file          *disk.File
	sum           hash.Hash
	bytes         int64
}

func createSummed(fs *disk.FS, path string) (*summedFile, error) {
	f, err := fs.Create(path)
	if err != nil {
		return nil, err
	}
	s := &summedFile{file: f, sum: sha256.New()}
	s.Writer = bufio.NewWriterSize(writerFunc(s.through), 256<<10)
	return s, nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (f *summedFile) through(p []byte) (int, error) {
	n, err := f.file.Write(p)
	f.sum.Write(p[:n])
	f.bytes += int64(n)
	return n, err
}

// finish syncs and closes, and tells what was written.
func (f *summedFile) finish() (FileSum, error) {
	err := f.Flush()
	if err == nil {
		err = f.file.Sync()
	}
	err = errors.Join(err, f.file.Close())
	return FileSum{Bytes: f.bytes, SHA256: hex.EncodeToString(f.sum.Sum(nil))}, err
}

// tableWriter writes one table of an attempt: batches without keys in, Parquet with keys out.
type tableWriter struct {
	file   *summedFile
	out    *pqarrow.FileWriter
	schema *arrow.Schema
	keys   Keys
	cached []arrow.Array // the key columns, at least as long as the longest batch so far
	rows   int64
}

func newTableWriter[R any](fs *disk.FS, dir, table string, keys Keys, cols []column[R]) (*tableWriter, error) {
	f, err := createSummed(fs, filepath.Join(dir, table+".parquet"))
	if err != nil {
		return nil, err
	}
	schema := tableSchema(table, withKeys(cols))
	props, arrowProps := layout(table, cols)
	out, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{f}, props, arrowProps)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s.parquet: %w", table, err), f.file.Close())
	}
	return &tableWriter{file: f, out: out, schema: schema, keys: keys}, nil
}

// write appends a batch that has the table's own columns.
func (w *tableWriter) write(batch arrow.RecordBatch) error {
	n := batch.NumRows()
	if n == 0 {
		return nil
	}
	if len(w.cached) == 0 || int64(w.cached[0].Len()) < n {
		w.cached = constants(w.keys, int(n))
	}
	cols := make([]arrow.Array, 0, len(w.schema.Fields()))
	for _, c := range w.cached {
		cols = append(cols, array.NewSlice(c, 0, n))
	}
	cols = append(cols, batch.Columns()...)
	w.rows += n
	return w.out.WriteBuffered(array.NewRecordBatch(w.schema, cols, n))
}

// close ends the file. A writer that failed is only closed, never used again.
func (w *tableWriter) close() (FileSum, error) {
	if err := w.out.Close(); err != nil {
		return FileSum{}, errors.Join(err, w.file.file.Close())
	}
	return w.file.finish()
}

// constants is n rows of the key columns.
func constants(keys Keys, n int) []arrow.Array {
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

// scan reads the named columns of a Parquet file batch by batch. A damaged file is an error, never a panic.
func scan(path string, names []string, each func(arrow.RecordBatch) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damaged(fmt.Errorf("read %s: damaged: %v", path, r))
		}
	}()
	in, err := file.OpenParquetFile(path, false)
	if err != nil {
		return damaged(fmt.Errorf("read %s: %w", path, err))
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{BatchSize: 8192}, memory.DefaultAllocator)
	if err != nil {
		return damaged(fmt.Errorf("read %s: %w", path, err))
	}
	indices, err := columnIndices(in, names)
	if err != nil {
		return damaged(fmt.Errorf("read %s: %w", path, err))
	}
	records, err := r.GetRecordReader(context.Background(), indices, nil)
	if err != nil {
		return damaged(fmt.Errorf("read %s: %w", path, err))
	}
	defer records.Release()
	for records.Next() {
		if err := each(records.RecordBatch()); err != nil {
			return err
		}
	}
	if err := records.Err(); err != nil && !errors.Is(err, io.EOF) {
		return damaged(fmt.Errorf("read %s: %w", path, err))
	}
	return nil
}

// columnIndices finds the leaf columns of the named top-level ones; nil names mean all.
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
		if !found {
			return nil, fmt.Errorf("no column %q", name)
		}
	}
	return out, nil
}
