package results

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
	"github.com/oklog/ulid/v2"

	"matrix/results/disk"
	"matrix/results/record"
)

var countColumns = []column[CountRow]{
	text("experiment", "label of the experiment block", func(r *CountRow) *string { return &r.Experiment }),
	text("cell", "16 hex digits of the cell's address", func(r *CountRow) *string { return &r.Cell }),
	small("launch", "", "which fresh start of the cell, from 1", func(r *CountRow) *int32 { return &r.Launch }),
	text("attempt", "ULID of the try at this launch", func(r *CountRow) *string { return &r.Attempt }),
	truth("counts", "report, compare and every median are over these attempts", func(r *CountRow) *bool { return &r.Counts }),
	textOr("why_not", "superseded, replaced, tainted, a status that is not complete, or what is wrong with the files", func(r *CountRow) *string { return &r.WhyNot }),
}

func truth[R any](name, doc string, at func(*R) *bool) column[R] {
	return column[R]{name: name, doc: doc, typ: arrow.FixedWidthTypes.Boolean,
		put: func(b array.Builder, r *R) { b.(*array.BooleanBuilder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) { *at(r) = a.(*array.Boolean).Value(i) }}
}

// countsFile lies in an experiment's folder.
const countsFile = record.TableCounts + ".parquet"

// WriteCounts replaces counts.parquet of an experiment, whole or not at all; one that says the same stays as it is.
func (s *Store) WriteCounts(experiment string, rows []CountRow) error {
	if err := checkName(experiment); err != nil {
		return fmt.Errorf("write %s: %w", countsFile, err)
	}
	doc, err := countsTable(rows)
	if err != nil {
		return fmt.Errorf("write %s: %w", countsFile, err)
	}
	path := filepath.Join(s.root, experiment, countsFile)
	if old, err := disk.ReadFile(path, int64(len(doc))); err == nil && bytes.Equal(old, doc) {
		return nil
	}
	if err := s.fs.MkdirAll(s.inner(workDir)); err != nil {
		return notWritable(s.root, err)
	}
	return s.fs.WriteFileVia(s.inner(workDir, trashPrefix+ulid.Make().String()), path, doc)
}

func countsTable(rows []CountRow) ([]byte, error) {
	schema := tableSchema(record.TableCounts, fieldsOf(countColumns))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range rows {
		for k, c := range countColumns {
			c.put(b.Field(k), &rows[i])
		}
	}
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{&out}, writerProperties(countColumns), pqarrow.NewArrowWriterProperties())
	if err != nil {
		return nil, err
	}
	err = errors.Join(w.Write(b.NewRecordBatch()), w.Close())
	return out.Bytes(), err
}
