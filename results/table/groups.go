package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"golang.org/x/sync/errgroup"

	"matrix/results/disk"
	"matrix/results/record"
)

// Groups is a table of an attempt that is looked at in places and not read: a page out of ten million rows is a few row
// groups of it, and the statistics of the others say that they need not be read. Safe for concurrent use.
type Groups[R any] struct {
	path   string
	in     *file.Reader
	cols   []column[R]
	starts []int64 // the first row of each group, and the number of all rows behind the last
}

// OpenRequests opens requests.parquet of an attempt's folder. All of it is read once, for its checksum: see Intact.
func OpenRequests(dir string) (*Groups[record.RequestRow], error) {
	return openGroups(dir, record.TableRequests, requestColumns)
}

// OpenOutputs opens outputs.parquet of an attempt's folder.
func OpenOutputs(dir string) (*Groups[record.OutputRow], error) {
	return openGroups(dir, record.TableOutputs, outputColumns)
}

func openGroups[R any](dir, table string, cols []column[R]) (g *Groups[R], err error) {
	path, err := Intact(dir, table)
	if err != nil {
		return nil, err
	}
	defer recoverDamage(path, &err)
	f, err := disk.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	in, err := file.NewParquetReader(f)
	if err != nil {
		return nil, errors.Join(damaged(fmt.Errorf("read %s: %w", path, err)), f.Close())
	}
	g = &Groups[R]{path: path, in: in, cols: cols, starts: []int64{0}}
	for i := range in.NumRowGroups() {
		g.starts = append(g.starts, g.starts[i]+in.MetaData().RowGroup(i).NumRows())
	}
	return g, nil
}

// Close ends it.
func (g *Groups[R]) Close() error { return g.in.Close() }

// Len is the number of groups.
func (g *Groups[R]) Len() int { return len(g.starts) - 1 }

// Start is the first row of a group; of Len, the number of all rows.
func (g *Groups[R]) Start(group int) int64 { return g.starts[group] }

// statistics of a column in a group; nil where the file has none.
func (g *Groups[R]) statistics(group int, name string) metadata.TypedStatistics {
	rows := g.in.MetaData().RowGroup(group)
	for i := range rows.NumColumns() {
		if g.in.MetaData().Schema.ColumnRoot(i).Name() != name {
			continue
		}
		chunk, err := rows.ColumnChunk(i)
		if err != nil {
			return nil
		}
		if set, err := chunk.StatsSet(); !set || err != nil {
			return nil
		}
		if s, err := chunk.Statistics(); err == nil && s.HasMinMax() {
			return s
		}
	}
	return nil
}

// Constant is the text that a column has in each row of a group, as far as the statistics tell.
func (g *Groups[R]) Constant(group int, name string) (value string, known bool) {
	s, is := g.statistics(group, name).(*metadata.ByteArrayStatistics)
	if !is || !s.HasNullCount() || s.NullCount() > 0 || s.Min().String() != s.Max().String() {
		return "", false
	}
	return s.Min().String(), true
}

// Bounds are what the statistics tell of a column of numbers in a group.
type Bounds struct {
	Low, High float64 // the least and the greatest
	Nulls     bool    // there are, or may be, rows without a value
}

// Bounds of a column in a group; known is false where the file has none.
func (g *Groups[R]) Bounds(group int, name string) (b Bounds, known bool) {
	all := g.statistics(group, name)
	switch s := all.(type) {
	case *metadata.Float64Statistics:
		b.Low, b.High = s.Min(), s.Max()
	case *metadata.Int64Statistics:
		b.Low, b.High = float64(s.Min()), float64(s.Max())
	default:
		return b, false
	}
	b.Nulls = !all.HasNullCount() || all.NullCount() > 0
	return b, true
}

// Scan calls each for batches of the named columns of a group, in the order of its rows. A batch is the callee's only until it returns.
func (g *Groups[R]) Scan(ctx context.Context, group int, names []string, each func(arrow.RecordBatch) error) (err error) {
	defer recoverDamage(g.path, &err)
	records, err := g.records(ctx, group, names, batchRows)
	if err != nil {
		return err
	}
	defer records.Release()
	for records.Next() {
		if err := errors.Join(ctx.Err(), each(records.RecordBatch())); err != nil {
			return err
		}
	}
	return g.ended(records)
}

// Rows are the rows of these numbers, in their order, with the named columns filled in.
func (g *Groups[R]) Rows(ctx context.Context, numbers []int64, names []string) (rows []R, err error) {
	rows = make([]R, len(numbers))
	byGroup := map[int][]int{} // places in numbers
	for i, n := range numbers {
		if n < 0 || n >= g.starts[g.Len()] {
			return nil, fmt.Errorf("row %d of %s: it has %d", n, g.path, g.starts[g.Len()])
		}
		group := sort.Search(g.Len(), func(i int) bool { return g.starts[i+1] > n })
		byGroup[group] = append(byGroup[group], i)
	}
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for group, places := range byGroup {
		work.Go(func() (err error) {
			defer recoverDamage(g.path, &err)
			return g.pick(ctx, group, places, numbers, names, rows)
		})
	}
	return rows, work.Wait()
}

// fewPlaces are so few rows of a group that going to each is faster than reading all up to the last: measured, 1 ms a
// column for a place and 2.5 ms for a whole group.
const fewPlaces = 2

// pick fills in the rows of one group.
func (g *Groups[R]) pick(ctx context.Context, group int, places []int, numbers []int64, names []string, rows []R) error {
	few, size := len(places) <= fewPlaces, int64(batchRows)
	if few {
		size = 1
	}
	records, err := g.records(ctx, group, names, size)
	if err != nil {
		return err
	}
	defer records.Release()
	var cols []column[R]
	for _, c := range g.cols {
		if slices.Contains(names, c.name) {
			cols = append(cols, c)
		}
	}
	slices.SortFunc(places, func(a, b int) int { return cmp.Compare(numbers[a], numbers[b]) })
	first, past := g.starts[group], g.starts[group] // of the batch at hand
	for _, i := range places {
		for numbers[i] >= past {
			if few {
				past = numbers[i]
				if err := records.SeekToRow(past - g.starts[group]); err != nil {
					return damaged(fmt.Errorf("read %s: %w", g.path, err))
				}
			}
			if !records.Next() {
				return cmp.Or(g.ended(records), damaged(fmt.Errorf("read %s: row %d is not there", g.path, numbers[i])))
			}
			first, past = past, past+records.RecordBatch().NumRows()
		}
		one := records.RecordBatch().NewSlice(numbers[i]-first, numbers[i]-first+1)
		if err := eachRow(one, cols, func(r R) error { rows[i] = r; return ctx.Err() }); err != nil {
			return err
		}
	}
	return nil
}

func (g *Groups[R]) records(ctx context.Context, group int, names []string, rows int64) (pqarrow.RecordReader, error) {
	indices, err := columnIndices(g.in, names)
	if err != nil {
		return nil, damaged(fmt.Errorf("read %s: %w", g.path, err))
	}
	r, err := pqarrow.NewFileReader(g.in, pqarrow.ArrowReadProperties{BatchSize: rows}, memory.DefaultAllocator)
	if err != nil {
		return nil, damaged(fmt.Errorf("read %s: %w", g.path, err))
	}
	records, err := r.GetRecordReader(ctx, indices, []int{group})
	if err != nil {
		return nil, damaged(fmt.Errorf("read %s: %w", g.path, err))
	}
	return records, nil
}

func (g *Groups[R]) ended(records pqarrow.RecordReader) error {
	if err := records.Err(); err != nil && !errors.Is(err, io.EOF) {
		return damaged(fmt.Errorf("read %s: %w", g.path, err))
	}
	return nil
}
