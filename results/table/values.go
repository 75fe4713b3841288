package table

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// scratch is what the values of a group are read into.
// Kept in a pool: a view goes over hundreds of groups.
type scratch struct {
	values []float64
	whole  []int64 // of integers, before they are floats
	levels []int16 // of definition: which rows have a value
	texts  []parquet.ByteArray
}

// Numbers calls use with the values of a column of numbers in a group, by row, NaN where there is none; they are the callee's only until
// it returns. Parquet's own reader is asked, not Arrow's: building arrays of a column was nine tenths of a view's time.
// Integers come as floats. The column must not be a list.
func (g *Groups[R]) Numbers(group int, name string, use func([]float64) error) (err error) {
	defer recoverDamage(g.path, &err)
	column, err := g.chunk(group, name)
	if err != nil {
		return err
	}
	defer column.Close()
	s := g.scratch()
	defer g.buffers.Put(s)
	rows := int(g.starts[group+1] - g.starts[group])
	s.values, s.levels = sized(s.values, rows), sized(s.levels, rows)
	var read int
	var found int64
	switch c := column.(type) {
	case *file.Float64ColumnChunkReader:
		found, read, err = c.ReadBatch(int64(rows), s.values, s.levels, nil)
	case *file.Int64ColumnChunkReader:
		s.whole = sized(s.whole, rows)
		found, read, err = c.ReadBatch(int64(rows), s.whole, s.levels, nil)
		for i, v := range s.whole[:read] {
			s.values[i] = float64(v)
		}
	default:
		return fmt.Errorf("column %q of %s holds no numbers", name, g.path)
	}
	if err == nil && found != int64(rows) {
		err = fmt.Errorf("column %q has %d values, the group %d rows", name, found, rows)
	}
	if err != nil {
		return damaged(fmt.Errorf("read %s: %w", g.path, err))
	}
	if read < rows {
		spread(s.values, read, s.levels, column.Descriptor().MaxDefinitionLevel(), math.NaN())
	}
	return use(s.values)
}

// scratch is given back by who takes it, when its values are no longer used.
func (g *Groups[R]) scratch() *scratch {
	if s, is := g.buffers.Get().(*scratch); is {
		return s
	}
	return &scratch{}
}

// sized has old values in it.
func sized[T any](buf []T, n int) []T {
	if cap(buf) < n {
		return make([]T, n)
	}
	return buf[:n]
}

// spread moves the values that are there, which stand together at the beginning, to their rows, the last first. The others get none.
func spread[T any](values []T, read int, levels []int16, there int16, none T) {
	for i := len(values) - 1; i >= 0; i-- {
		if levels[i] != there {
			values[i] = none
			continue
		}
		read--
		values[i] = values[read]
	}
}

// Texts calls each with the texts of a column in a group, empty where there is none, so many rows at a time; they are the callee's only until it returns.
// A text's bytes are the page's: keep a copy. The calls are in the order of the rows.
func (g *Groups[R]) Texts(ctx context.Context, group int, name string, each func([]parquet.ByteArray) error) (err error) {
	defer recoverDamage(g.path, &err)
	column, err := g.chunk(group, name)
	if err != nil {
		return err
	}
	defer column.Close()
	texts, is := column.(*file.ByteArrayColumnChunkReader)
	if !is {
		return fmt.Errorf("column %q of %s holds no texts", name, g.path)
	}
	s := g.scratch()
	defer g.buffers.Put(s)
	s.texts, s.levels = sized(s.texts, batchRows), sized(s.levels, batchRows)
	for left := g.starts[group+1] - g.starts[group]; left > 0; {
		n, read, err := texts.ReadBatchInPage(min(left, batchRows), s.texts, s.levels, nil) // ReadBatch copies each
		if err == nil && n == 0 {
			err = fmt.Errorf("column %q ends %d rows early", name, left)
		}
		if err != nil {
			return damaged(fmt.Errorf("read %s: %w", g.path, err))
		}
		if int64(read) < n {
			spread(s.texts[:n], read, s.levels, column.Descriptor().MaxDefinitionLevel(), nil)
		}
		if err := each(s.texts[:n]); err != nil || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
		left -= n
	}
	return nil
}

// chunk is the reader of a column in a group.
// The caller closes it.
func (g *Groups[R]) chunk(group int, name string) (file.ColumnChunkReader, error) {
	indices, err := columnIndices(g.in, []string{name})
	if err == nil && len(indices) != 1 {
		err = fmt.Errorf("column %q has %d parts", name, len(indices))
	}
	if err == nil {
		err = g.dictionaries(group, indices)
	}
	if err != nil {
		return nil, damaged(fmt.Errorf("read %s: %w", g.path, err))
	}
	column, err := g.in.RowGroup(group).Column(indices[0])
	if err != nil {
		return nil, damaged(fmt.Errorf("read %s: %w", g.path, err))
	}
	return column, nil
}
