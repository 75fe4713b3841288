package exchange

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"matrix/results/disk"
	"matrix/results/table"
)

// Attempt is one attempt to export.
type Attempt struct {
	Dir    string // the attempt's folder
	WhyNot string // why it does not count, "" = it counts
	// Unreadable is told what is wrong with a table of which nothing could be read: the others are exported. nil: it ends the export.
	Unreadable func(error)
}

// Export writes one table of many attempts as one file: "parquet", "csv" or "jsonl". The columns are those of this
// version of matrix, with whether the attempt counts and why not; an older attempt's missing ones are null. It returns
// the number of rows.
// One attempt after the other, a batch at a time: memory does not grow with the tree. An attempt that fails half-way
// ends the export, for some of its rows are out.
func Export(out io.Writer, format, name string, attempts []Attempt) (int64, error) {
	schema, err := table.Schema(name)
	if err != nil {
		return 0, err
	}
	fields := append(slices.Clone(schema.Fields()), arrow.Field{Name: "counts", Type: arrow.FixedWidthTypes.Boolean},
		arrow.Field{Name: "why_not", Type: arrow.BinaryTypes.String, Nullable: true})
	meta := schema.Metadata()
	schema = arrow.NewSchema(fields, &meta)
	// the two columns stand last, so that a reader by position finds the others where they were
	w, err := newSink(out, format, schema)
	if err != nil {
		return 0, err
	}
	var rows int64
	for _, a := range attempts {
		before := rows
		err := table.Batches(a.Dir, name, func(b arrow.RecordBatch) error {
			rows += b.NumRows()
			columns := append(slices.Clone(b.Columns()), a.standing(int(b.NumRows()))...)
			return w.write(array.NewRecordBatch(schema, columns, b.NumRows()))
		})
		if err != nil && (rows > before || disk.Wanting(err) || a.Unreadable == nil) {
			return rows, fmt.Errorf("export %s: %w", a.Dir, err)
		}
		if err != nil {
			a.Unreadable(err)
		}
	}
	return rows, w.close()
}

// standing is n rows of the two columns.
func (a Attempt) standing(n int) []arrow.Array {
	counts, why := array.NewBooleanBuilder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	defer counts.Release()
	defer why.Release()
	for range n {
		counts.Append(a.WhyNot == "")
		if a.WhyNot == "" {
			why.AppendNull()
			continue
		}
		why.Append(a.WhyNot)
	}
	return []arrow.Array{counts.NewArray(), why.NewArray()}
}

// sink takes batches of one schema.
// close ends the form, not the file under it.
type sink interface {
	write(arrow.RecordBatch) error
	close() error
}

// newSink begins a file. Parquet carries the schema's units and meanings; the two texts have names only.
func newSink(out io.Writer, format string, schema *arrow.Schema) (sink, error) {
	switch format {
	case "parquet":
		props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCreatedBy("matrix export"))
		w, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{out}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
		return parquetSink{w}, err
	case "csv":
		w := csv.NewWriter(out)
		head := make([]string, schema.NumFields())
		for i, f := range schema.Fields() {
			head[i] = f.Name
		}
		return csvSink{w}, w.Write(head)
	case "jsonl":
		e := json.NewEncoder(out)
		// answers are full of < and &
		e.SetEscapeHTML(false)
		return jsonSink{e}, nil
	}
	return nil, fmt.Errorf("format %q is not known: parquet, csv, jsonl", format)
}

type parquetSink struct{ w *pqarrow.FileWriter }

func (s parquetSink) write(b arrow.RecordBatch) error { return s.w.WriteBuffered(b) }
func (s parquetSink) close() error                    { return s.w.Close() }

// csvSink writes null as nothing, lists and maps as JSON, bytes in hexadecimal.
// Null and empty text cannot be told apart in CSV: who needs that takes Parquet.
type csvSink struct{ w *csv.Writer }

func (s csvSink) write(b arrow.RecordBatch) error {
	row := make([]string, b.NumCols())
	for i := range int(b.NumRows()) {
		for c, column := range b.Columns() {
			row[c] = cellText(value(column, i))
		}
		if err := s.w.Write(row); err != nil {
			return err
		}
	}
	return nil
}

func (s csvSink) close() error {
	s.w.Flush()
	return s.w.Error()
}

// cellText writes all digits of a number: a reader computes on with it.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	doc, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(doc)
}

// jsonSink writes an object a row, its keys sorted; null is null.
type jsonSink struct{ e *json.Encoder }

func (s jsonSink) write(b arrow.RecordBatch) error {
	row := make(map[string]any, b.NumCols())
	for i := range int(b.NumRows()) {
		for c, column := range b.Columns() {
			row[b.ColumnName(c)] = value(column, i)
		}
		if err := s.e.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

func (s jsonSink) close() error { return nil }

// value is a cell as plain Go.
// Infinite numbers are texts ("+Inf"), for JSON has no other word: Arrow makes them so.
func value(column arrow.Array, i int) any {
	if column.IsNull(i) {
		return nil
	}
	if b, ok := column.(*array.FixedSizeBinary); ok {
		return fmt.Sprintf("%x", b.Value(i))
	}
	return column.GetOneForMarshal(i)
}
