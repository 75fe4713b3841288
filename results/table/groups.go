package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"golang.org/x/sync/errgroup"

	"matrix/results/disk"
	"matrix/results/record"
)

// Groups is a table of an attempt that is looked at in places and not read: a page out of ten million rows is a few row
// groups of it, and the statistics of the others say that they need not be read. Safe for concurrent use.
// Nobody has looked at the file's checksum: what is read is checked by lengths, and damage is an error, never a panic.
// Close it.
type Groups[R any] struct {
	path    string
	sum     record.FileSum // that the manifest has of the file
	in      *file.Reader
	cols    []column[R]
	starts  []int64   // the first row of each group, and the number of all rows behind the last
	buffers sync.Pool // of *scratch
}

// OpenRequests opens requests.parquet of an attempt's folder, and reads no more of it than the footer: Check reads the rest.
// ErrCorrupt for a file that is not there, not as long as the manifest says, or whose footer cannot be.
func OpenRequests(dir string) (*Groups[record.RequestRow], error) {
	return openGroups(dir, record.TableRequests, requestColumns)
}

// OpenOutputs opens outputs.parquet of an attempt's folder.
// As OpenRequests.
func OpenOutputs(dir string) (*Groups[record.OutputRow], error) {
	return openGroups(dir, record.TableOutputs, outputColumns)
}

// mostPage bounds what a page's header may ask for, as the file's length does what the footer asks for.
const mostPage = 256 << 20

func openGroups[R any](dir, table string, cols []column[R]) (g *Groups[R], err error) {
	path, sum, err := manifested(dir, table)
	if err != nil {
		return nil, err
	}
	defer recoverDamage(path, &err)
	f, err := disk.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.MaxUncompressedPageSize, props.MaxCompressedPageSize = mostPage, mostPage
	g = &Groups[R]{path: path, sum: sum, cols: cols, starts: []int64{0}}
	info, err := f.Stat()
	if err == nil && info.Size() != sum.Bytes {
		err = fmt.Errorf("it has %d bytes, %d were written", info.Size(), sum.Bytes)
	}
	if err == nil {
		g.in, err = file.NewParquetReader(f, file.WithReadProps(props))
	}
	if err == nil {
		err = sound(g.in.MetaData(), sum.Bytes)
	}
	if err != nil {
		return nil, errors.Join(damaged(fmt.Errorf("read %s: %w", path, err)), f.Close())
	}
	// Arrow's own schema, one flipped bit of which asked for 26 GB, stands among these. The types follow from Parquet's.
	g.in.MetaData().FileMetaData.KeyValueMetadata = nil
	for i := range g.in.NumRowGroups() {
		g.starts = append(g.starts, g.starts[i]+g.in.MetaData().RowGroup(i).NumRows())
	}
	return g, nil
}

// mostRows bounds the rows of a group: what holds one in memory must not believe a flipped bit.
const mostRows = 1 << 20

// sound holds a footer, whose checksum nobody has looked at, against the length of the file: arrow-go v18.8 takes a flipped length at
// its word and asks for as much memory, which no recover survives.
func sound(footer *metadata.FileMetaData, size int64) error {
	columns := footer.Schema.NumColumns()
	for i := range footer.GetRowGroups() {
		group := footer.RowGroup(i)
		if rows := group.NumRows(); rows < 0 || rows > mostRows || group.NumColumns() != columns {
			return fmt.Errorf("row group %d has %d rows of %d columns", i, rows, group.NumColumns())
		}
		for c := range columns {
			chunk, err := group.ColumnChunk(c)
			if err != nil {
				return err
			}
			start, length := chunk.DataPageOffset(), chunk.TotalCompressedSize()
			if chunk.HasDictionaryPage() && chunk.DictionaryPageOffset() > 0 {
				start = min(start, chunk.DictionaryPageOffset())
			}
			if start < 0 || length < 0 || start > size || length > size-start {
				return fmt.Errorf("column %d of row group %d is %d bytes at %d, of %d", c, i, length, start, size)
			}
		}
	}
	return nil
}

// dictionaries holds what the dictionaries of columns say of themselves against the rows of the group: a length there too is taken at its word.
func (g *Groups[R]) dictionaries(group int, columns []int) error {
	rows := g.in.RowGroup(group)
	for _, c := range columns {
		if chunk, err := rows.MetaData().ColumnChunk(c); err == nil && !chunk.HasDictionaryPage() {
			continue
		}
		pages, err := rows.GetColumnPageReader(c)
		if err != nil {
			return err
		}
		page, err := pages.GetDictionaryPage()
		if err == nil && page != nil && int64(page.NumValues()) > rows.NumRows() {
			err = fmt.Errorf("column %d of row group %d has a dictionary of %d values for %d rows", c, group, page.NumValues(), rows.NumRows())
		}
		if err := errors.Join(err, pages.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Bytes is the length of the file.
func (g *Groups[R]) Bytes() int64 { return g.sum.Bytes }

// Check reads all of the file and holds it against its checksum.
// ErrCorrupt where it differs; ctx's error where it was cut short.
func (g *Groups[R]) Check(ctx context.Context) error { return compared(ctx, g.path, g.sum) }

// Close ends it.
// No call may be under way.
func (g *Groups[R]) Close() error { return g.in.Close() }

// Len is the number of groups.
// Row groups have some 60,000 rows.
func (g *Groups[R]) Len() int { return len(g.starts) - 1 }

// Start is the first row of a group; of Len, the number of all rows.
func (g *Groups[R]) Start(group int) int64 { return g.starts[group] }

// statistics of a column in a group; nil where the file has none.
// They were written by us, and are believed: a wrong one hides rows, and Check finds it.
func (g *Groups[R]) statistics(group int, name string) metadata.TypedStatistics {
	indices, err := columnIndices(g.in, []string{name})
	if err != nil || len(indices) == 0 {
		return nil
	}
	chunk, err := g.in.MetaData().RowGroup(group).ColumnChunk(indices[0])
	if err != nil {
		return nil
	}
	if set, err := chunk.StatsSet(); !set || err != nil {
		return nil
	}
	s, err := chunk.Statistics()
	if err != nil {
		return nil
	}
	return s
}

// Constant is the text that a column has in each row of a group, "" for none in any, as far as the statistics tell.
func (g *Groups[R]) Constant(group int, name string) (value string, known bool) {
	if indices, err := columnIndices(g.in, []string{name}); err == nil && len(indices) == 0 {
		return "", true // the file is older than the column
	}
	s, is := g.statistics(group, name).(*metadata.ByteArrayStatistics)
	switch {
	case !is || !s.HasNullCount():
		return "", false
	case s.NullCount() == g.starts[group+1]-g.starts[group]:
		return "", true
	case s.NullCount() > 0 || !s.HasMinMax() || s.Min().String() != s.Max().String():
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
// Integers beyond 2^53 lose their last digits.
func (g *Groups[R]) Bounds(group int, name string) (b Bounds, known bool) {
	all := g.statistics(group, name)
	if all == nil || !all.HasMinMax() {
		return b, false
	}
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

// Rows are the rows of these numbers, in their order, with the named columns filled in.
// Other fields are zero. Numbers count from 0 over the whole file; the same one may stand twice.
func (g *Groups[R]) Rows(ctx context.Context, numbers []int64, names []string) (rows []R, err error) {
	rows = make([]R, len(numbers))
	// each group is opened once, whatever the order
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
// It writes rows of its own places only, so groups go side by side.
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
				return cmp.Or(ended(records, g.path), damaged(fmt.Errorf("read %s: row %d is not there", g.path, numbers[i])))
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

// records checks the dictionaries first: they are read with the first batch.
func (g *Groups[R]) records(ctx context.Context, group int, names []string, rows int64) (pqarrow.RecordReader, error) {
	indices, err := columnIndices(g.in, names)
	if err == nil {
		err = g.dictionaries(group, indices)
	}
	if err != nil {
		return nil, damaged(fmt.Errorf("read %s: %w", g.path, err))
	}
	return openRecords(ctx, g.in, g.path, names, []int{group}, rows)
}
