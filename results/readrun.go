package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"matrix/results/record"
	"matrix/results/table"
)

// ReadRun reads the row of run.parquet in an attempt's folder: column → value. A value is nil where it is null, else
// an int32, int64, float64 (±Inf too), bool or string, a []string of a list, a map[string]string or
// map[string]float64 of a map.
func ReadRun(dir string) (map[string]any, error) { return readRun(dir, nil) }

// ReadRunColumns is ReadRun for some columns, in a fraction of the time.
func ReadRunColumns(dir string, names ...string) (map[string]any, error) {
	row, err := readRun(dir, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := row[name]; !ok {
			return nil, fmt.Errorf("read %s of %s: no column %q", record.TableRun, dir, name)
		}
	}
	return row, nil
}

// readRun reads columns one value at a time: Arrow's reader prepares 200 columns for thousands of rows each.
func readRun(dir string, names []string) (row map[string]any, err error) {
	if err := table.VerifyRun(dir); err != nil {
		return nil, err
	}
	doc, err := os.ReadFile(filepath.Join(dir, table.FileOf(record.TableRun)))
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			row, err = nil, corrupt(fmt.Errorf("read %s of %s: damaged: %v", record.TableRun, dir, r))
		}
	}()
	if row, err = firstRow(doc, names); err != nil {
		return nil, corrupt(fmt.Errorf("read %s of %s: %w", record.TableRun, dir, err))
	}
	return row, nil
}

func firstRow(doc []byte, names []string) (map[string]any, error) {
	in, err := file.NewParquetReader(bytes.NewReader(doc), file.WithReadProps(parquet.NewReaderProperties(&again{})))
	if err != nil {
		return nil, err
	}
	if in.NumRows() != 1 || in.NumRowGroups() != 1 {
		return nil, fmt.Errorf("%d rows, want 1", in.NumRows())
	}
	schema, group := in.MetaData().Schema, in.RowGroup(0)
	row := make(map[string]any, schema.NumColumns())
	var keys []any
	for i := range schema.NumColumns() {
		name, leaf := schema.ColumnRoot(i).Name(), schema.Column(i)
		if names != nil && !slices.Contains(names, name) {
			continue
		}
		column, err := group.Column(i)
		if err != nil {
			return nil, err
		}
		values, levels, err := leafValues(column)
		if closer, ok := column.(io.Closer); ok {
			err = errors.Join(err, closer.Close())
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("column %s: %w", name, err)
		case leaf.MaxRepetitionLevel() == 0:
			row[name] = only(values)
		case levels[0] == 0:
			row[name] = nil
		case leaf.Name() == "key":
			keys = values
		case leaf.Name() == "value":
			row[name] = mapOf(keys, values, leaf.PhysicalType())
		default:
			row[name] = textsOf(values)
		}
	}
	return row, nil
}

// again hands out what was given back: each column's reader takes 16 KiB for its pages, of 30 bytes here.
type again struct {
	memory.GoAllocator
	mu   sync.Mutex // a buffer that the reader forgot comes back from its finalizer
	free [][]byte
}

func (a *again) Allocate(size int) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, block := range a.free {
		if cap(block) >= size {
			a.free = slices.Delete(a.free, i, i+1)
			clear(block[:size])
			return block[:size]
		}
	}
	return a.GoAllocator.Allocate(size)
}

func (a *again) Free(block []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.free = append(a.free, block)
}

// leafValues reads all of a leaf column: what is not null, and the definition levels.
func leafValues(column file.ColumnChunkReader) (values []any, levels []int16, err error) {
	switch c := column.(type) {
	case *file.Int32ColumnChunkReader:
		return drain(c.ReadBatch)
	case *file.Int64ColumnChunkReader:
		return drain(c.ReadBatch)
	case *file.Float64ColumnChunkReader:
		return drain(c.ReadBatch)
	case *file.BooleanColumnChunkReader:
		return drain(c.ReadBatch)
	case *file.ByteArrayColumnChunkReader:
		return drain(c.ReadBatch)
	}
	return nil, nil, fmt.Errorf("type %s is not known here", column.Type())
}

func drain[T any](read func(n int64, values []T, definition, repetition []int16) (int64, int, error)) (values []any, levels []int16, err error) {
	const chunk = 64
	var some [chunk]T
	var definition, repetition [chunk]int16
	for {
		n, full, err := read(chunk, some[:], definition[:], repetition[:])
		if err != nil {
			return nil, nil, err
		}
		if n == 0 {
			break
		}
		for _, v := range some[:full] {
			if text, ok := any(v).(parquet.ByteArray); ok {
				values = append(values, string(text)) // out of the page's buffer
				continue
			}
			values = append(values, v)
		}
		levels = append(levels, definition[:n]...)
	}
	if len(levels) == 0 {
		return nil, nil, fmt.Errorf("no value")
	}
	return values, levels, nil
}

func only(values []any) any {
	if len(values) == 0 {
		return nil
	}
	return values[0]
}

func textsOf(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.(string)
	}
	return out
}

func mapOf(keys, values []any, of parquet.Type) any {
	if of == parquet.Types.Double {
		return pair[float64](keys, values)
	}
	return pair[string](keys, values)
}

func pair[V any](keys, values []any) map[string]V {
	out := make(map[string]V, len(keys))
	for i, k := range keys {
		out[k.(string)] = values[i].(V)
	}
	return out
}

func corrupt(err error) error { return errors.Join(err, table.ErrCorrupt) }
