package dataset

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"matrix/experiments/textfile"
)

// readParquet copies the columns that are used into a spool, a JSON line a row, and indexes that: reading single rows out
// of a compressed column chunk would decompress it anew for each prompt.
func (x *indexer) readParquet(source *indexed) error {
	spool, err := newSpool(source)
	if err != nil {
		return err
	}
	if err := x.copyRows(source.file, source.size, spool); err != nil {
		spool.file.Close()
		return err
	}
	if x.faults.count > 0 || len(x.spans) == 0 {
		return spool.file.Close()
	}
	return spool.handOver(source)
}

// copyRows turns a hostile file's panic in the library into a fault of that file.
func (x *indexer) copyRows(original *os.File, size int64, spool *spool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = x.unreadable(fmt.Sprint(r))
		}
	}()
	allocator := &budgeted{left: maxParquetMemory}
	props := parquet.NewReaderProperties(allocator)
	props.BufferedStreamEnabled = true // pages, not whole column chunks
	pf, err := file.NewParquetReader(io.NewSectionReader(original, 0, size), file.WithReadProps(props))
	if err != nil {
		return x.unreadable(err.Error())
	}
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 128}, allocator)
	if err != nil {
		return x.unreadable(err.Error())
	}
	schema, err := r.Schema()
	if err != nil {
		return x.unreadable(err.Error())
	}
	names := make([]string, schema.NumFields())
	for i := range names {
		names[i] = schema.Field(i).Name
	}
	t, err := newTable(names, x.column)
	if err != nil {
		return &Error{Path: x.faults.path, Reason: err.Error(), Hint: hintOf(err)}
	}
	x.unsent = t.unsent(names)
	t.weigh(names, func(i int) bool { return arrow.IsBaseBinary(schema.Field(i).Type.ID()) })
	for i, field := range t {
		if kind := kindOfColumn(schema.Field(i).Type); field == "prompt" && kind != "" {
			return &Error{Path: x.faults.path, Reason: fmt.Sprintf("column %q: a column of text is expected, not of %s", names[i], kind),
				Hint: "Name the prompts' column in the dataset (column = …)."}
		}
	}
	return x.copyBatches(pf, r, names, t, spool)
}

// unreadable puts the library's words into ours: all that it tells is a text, which may name its Go types.
func (x *indexer) unreadable(reason string) error {
	reason = strings.TrimPrefix(reason, "parquet: ")
	switch {
	case strings.Contains(reason, "*parquet."): // the library names its own types
		reason = "its footer is damaged"
	case strings.Contains(reason, "decryption"):
		reason = "it is encrypted"
	}
	return &Error{Path: x.faults.path, Reason: "not a readable Parquet file: " + reason, Hint: "Is the file complete?"}
}

// copyBatches reads only the leaves that an entry uses: other columns may be most of the file. A
// nested column has several leaves, of which the first step of the path is its name.
func (x *indexer) copyBatches(pf *file.Reader, r *pqarrow.FileReader, names []string, t table, spool *spool) error {
	var leaves []int
	for i := range pf.MetaData().Schema.NumColumns() {
		if at := slices.Index(names, pf.MetaData().Schema.Column(i).ColumnPath()[0]); at >= 0 && t[at] != "" {
			leaves = append(leaves, i)
		}
	}
	batches, err := r.GetRecordReader(x.ctx, leaves, nil)
	if err != nil {
		return x.unreadable(err.Error())
	}
	defer batches.Release()
	fields := make([]string, batches.Schema().NumFields()) // of what is read
	for i := range fields {
		fields[i] = t[slices.Index(names, batches.Schema().Field(i).Name)]
	}
	w := &rowCopy{x: x, out: spool, fields: fields, parse: jsonParser(formatJSONL, "")}
	for batches.Next() {
		if err := w.copy(x.ctx, batches.RecordBatch()); err != nil {
			return x.unread(err)
		}
	}
	if err := batches.Err(); err != nil {
		return x.unreadable(err.Error())
	}
	return nil
}

// rowCopy copies rows into the spool, and indexes each where it lies there.
type rowCopy struct {
	x      *indexer
	out    *spool
	fields []string // of an entry's JSON form, by column of the batch
	parse  func([]byte) (Entry, error)
	row    int   // of the file, from 1; a Parquet file has no lines to name
	offset int64 // of the next row in the spool, bytes
}

// copy books a batch's rows. Faulty ones are not copied, and do not end the copying.
func (w *rowCopy) copy(ctx context.Context, batch arrow.RecordBatch) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i := range int(batch.NumRows()) {
		w.row++
		line, err := w.line(batch, i)
		if err == nil && len(line) > maxEntryBytes {
			err = errTooLong
		}
		var e Entry
		if err == nil {
			e, err = w.parse(line)
		}
		n := 0
		if err == nil {
			var werr error
			if n, werr = w.out.Write(append(line, '\n')); werr != nil {
				return werr
			}
		} else if _, skip := err.(leftOut); !skip {
			w.x.faults.add(0, fmt.Sprintf("row %d: %v", w.row, err), hintOf(err))
			continue
		}
		if err := w.x.add(w.offset, n, w.row, e, err); err != nil {
			return err
		}
		w.offset += int64(n)
	}
	return nil
}

// line is a row in an entry's JSON form.
func (w *rowCopy) line(batch arrow.RecordBatch, i int) ([]byte, error) {
	object := make(map[string]json.RawMessage, len(w.fields))
	for c, field := range w.fields {
		raw, err := cellJSON(batch.Column(c), i)
		if err != nil {
			return nil, err
		}
		if field == "messages" || field == "conversations" || field == "conversation" {
			if raw, err = turnsOf(raw, field); err != nil {
				return nil, err
			}
		}
		if given(raw) {
			object[field] = raw
		}
	}
	if (table{}).empty(object) {
		return nil, hinted{"the prompt is empty", "Correct the row, or take it out."}
	}
	return json.Marshal(object)
}

// turnsOf is a list of turns from a column: a list as it is, text that holds one as JSON, or lists side by side, as Hugging
// Face's Sequence of a record is kept.
func turnsOf(raw json.RawMessage, column string) (json.RawMessage, error) {
	if kindOf(raw) == "string" {
		if text := scalar(raw); json.Valid(textfile.Finite([]byte(text))) {
			return json.RawMessage(text), nil
		} else {
			return nil, notMessages(text, column)
		}
	}
	var lists map[string][]json.RawMessage
	if kindOf(raw) != "object" || json.Unmarshal(raw, &lists) != nil {
		return raw, nil
	}
	var turns []map[string]json.RawMessage
	for name, list := range lists {
		for i, value := range list {
			if i == len(turns) {
				turns = append(turns, map[string]json.RawMessage{})
			}
			turns[i][name] = value
		}
	}
	return json.Marshal(turns)
}
