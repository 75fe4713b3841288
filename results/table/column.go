// Package table owns the form of results on disk: the columns of every table with their units and meaning, Parquet for what
// is committed, Arrow IPC in spools for what is being measured, and the checksums by which a file is known. It knows rows,
// not attempts: which files make an attempt, and when, is package store's.
package table

import (
	"encoding/json"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// SchemaVersion is the version of the tables, in each file's metadata. A column once published keeps its
// name and meaning; only additions leave the version as it is.
const SchemaVersion = 1

// encoding says how a column is laid out in Parquet where its type alone does not decide.
type encoding int

const (
	byType  encoding = iota // integers delta, floats split, text by dictionary
	unique                  // text that seldom repeats: no dictionary
	digests                 // random bytes: nothing compresses them
)

// spec is what one column is, whatever the rows are.
type spec struct {
	name, unit, doc string // unit "" = a text, a count or a share; doc goes into the file and docs/columns.md
	typ             arrow.DataType
	null            bool // readers must expect null
	enc             encoding
}

// column is one column of a table of R rows: what it is, and how a row's value gets in and out. One list of such columns a
// table is its schema, its writer and its reader, so that the three cannot disagree.
type column[R any] struct {
	spec
	put func(array.Builder, *R)    // appends exactly one value, or one null
	get func(arrow.Array, int, *R) // of a value that is not null
}

// specsOf forgets what the rows are.
func specsOf[R any](cols []column[R]) []spec {
	out := make([]spec, len(cols))
	for i, c := range cols {
		out[i] = c.spec
	}
	return out
}

// fieldsOf are Arrow's fields, each with its unit and meaning beside it.
func fieldsOf(specs []spec) []arrow.Field {
	fields := make([]arrow.Field, len(specs))
	for i, s := range specs {
		meta := arrow.NewMetadata([]string{"unit", "doc"}, []string{s.unit, s.doc})
		fields[i] = arrow.Field{Name: s.name, Type: s.typ, Nullable: s.null, Metadata: meta}
	}
	return fields
}

// schemaOf is the schema of a table in a Parquet file, with version and units in its metadata.
// Units and meanings travel with the file: who opens it in ten years has nothing else.
func schemaOf(table string, specs []spec) *arrow.Schema {
	units, docs := map[string]string{}, map[string]string{}
	for _, s := range specs {
		docs[s.name] = s.doc
		if s.unit != "" {
			units[s.name] = s.unit
		}
	}
	meta := arrow.NewMetadata(
		[]string{"matrix.table", "matrix.schema_version", "matrix.units", "matrix.columns"},
		[]string{table, strconv.Itoa(SchemaVersion), object(units), object(docs)})
	return arrow.NewSchema(fieldsOf(specs), &meta)
}

// object is a JSON object of texts, its keys sorted, so that equal schemas have equal bytes.
func object(texts map[string]string) string {
	out, err := json.Marshal(texts)
	if err != nil {
		panic(err) // a map of strings
	}
	return string(out)
}
