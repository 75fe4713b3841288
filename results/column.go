package results

import (
	"encoding/json"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// SchemaVersion is the version of the tables, in each file's metadata. A column once published keeps its
// name and meaning; only additions leave the version as it is.
const SchemaVersion = 1

// Column documents one column of a table.
type Column struct {
	Name     string
	Type     string // Arrow's name of the type
	Unit     string // "s", "tokens", "bytes" …; "" = none
	Doc      string // meaning, with the formula where there is one
	Nullable bool
}

// encoding says how a column is laid out in Parquet where its type alone does not decide.
type encoding int

const (
	byType  encoding = iota // integers delta, floats split, text by dictionary
	unique                  // text that seldom repeats: no dictionary
	digests                 // random bytes: nothing compresses them
)

// column is one column of a table of R rows: what it is, and how a row's value gets in and out.
type column[R any] struct {
	name, unit, doc string
	typ             arrow.DataType
	null            bool
	enc             encoding
	put             func(array.Builder, *R)
	get             func(arrow.Array, int, *R)
}

func (c column[R]) field() arrow.Field {
	meta := arrow.NewMetadata([]string{"unit", "doc"}, []string{c.unit, c.doc})
	return arrow.Field{Name: c.name, Type: c.typ, Nullable: c.null, Metadata: meta}
}

func fieldsOf[R any](cols []column[R]) []arrow.Field {
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = c.field()
	}
	return fields
}

func describe[R any](cols []column[R]) []Column {
	out := make([]Column, len(cols))
	for i, c := range cols {
		out[i] = Column{Name: c.name, Type: c.typ.String(), Unit: c.unit, Doc: c.doc, Nullable: c.null}
	}
	return out
}

// tableSchema is the schema of a table in a Parquet file, with version and units in its metadata.
func tableSchema(table string, fields []arrow.Field) *arrow.Schema {
	meta := arrow.NewMetadata(
		[]string{"matrix.table", "matrix.schema_version", "matrix.units", "matrix.columns"},
		[]string{table, itoa(SchemaVersion), about(fields, "unit"), about(fields, "doc")})
	return arrow.NewSchema(fields, &meta)
}

// about is one item of the fields' metadata as a JSON object, column → text.
func about(fields []arrow.Field, item string) string {
	texts := make(map[string]string)
	for _, f := range fields {
		if text, ok := f.Metadata.GetValue(item); ok && text != "" {
			texts[f.Name] = text
		}
	}
	out, err := json.Marshal(texts)
	if err != nil {
		panic(err) // a map of strings
	}
	return string(out)
}

func text[R any](name, doc string, at func(*R) *string) column[R] {
	return column[R]{name: name, doc: doc, typ: arrow.BinaryTypes.String,
		put: func(b array.Builder, r *R) { b.(*array.StringBuilder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) { *at(r) = clone(a.(*array.String).Value(i)) }}
}

// textOr is text with "" as null.
func textOr[R any](name, doc string, at func(*R) *string) column[R] {
	c := text(name, doc, at)
	c.null = true
	put, get := c.put, c.get
	c.put = func(b array.Builder, r *R) {
		if *at(r) == "" {
			b.AppendNull()
			return
		}
		put(b, r)
	}
	c.get = func(a arrow.Array, i int, r *R) {
		if a.IsValid(i) {
			get(a, i, r)
		}
	}
	return c
}

func integer[R any](name, unit, doc string, at func(*R) *int64) column[R] {
	return column[R]{name: name, unit: unit, doc: doc, typ: arrow.PrimitiveTypes.Int64,
		put: func(b array.Builder, r *R) { b.(*array.Int64Builder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) { *at(r) = a.(*array.Int64).Value(i) }}
}

func small[R any](name, unit, doc string, at func(*R) *int32) column[R] {
	return column[R]{name: name, unit: unit, doc: doc, typ: arrow.PrimitiveTypes.Int32,
		put: func(b array.Builder, r *R) { b.(*array.Int32Builder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) { *at(r) = a.(*array.Int32).Value(i) }}
}

func real[R any](name, unit, doc string, at func(*R) *float64) column[R] {
	return column[R]{name: name, unit: unit, doc: doc, typ: arrow.PrimitiveTypes.Float64,
		put: func(b array.Builder, r *R) { b.(*array.Float64Builder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) { *at(r) = a.(*array.Float64).Value(i) }}
}

// maybe turns a column of V into one of *V: nil is null.
func maybe[R, V any](of func(name, unit, doc string, at func(*V) *V) column[V],
	name, unit, doc string, at func(*R) **V) column[R] {
	c := of(name, unit, doc, func(v *V) *V { return v })
	return column[R]{name: name, unit: unit, doc: doc, typ: c.typ, null: true,
		put: func(b array.Builder, r *R) {
			if v := *at(r); v != nil {
				c.put(b, v)
				return
			}
			b.AppendNull()
		},
		get: func(a arrow.Array, i int, r *R) {
			if a.IsValid(i) {
				v := new(V)
				c.get(a, i, v)
				*at(r) = v
			}
		}}
}

var hashType = &arrow.FixedSizeBinaryType{ByteWidth: 16}

func digest[R any](name, doc string, null bool, at func(*R) *[16]byte) column[R] {
	return column[R]{name: name, doc: doc, typ: hashType, null: null, enc: digests,
		put: func(b array.Builder, r *R) {
			h := at(r)
			if null && *h == ([16]byte{}) {
				b.AppendNull()
				return
			}
			b.(*array.FixedSizeBinaryBuilder).Append(h[:])
		},
		get: func(a arrow.Array, i int, r *R) {
			if a.IsValid(i) {
				copy(at(r)[:], a.(*array.FixedSizeBinary).Value(i))
			}
		}}
}

func reals[R any](name, unit, doc string, at func(*R) *[]float64) column[R] {
	return column[R]{name: name, unit: unit, doc: doc, null: true,
		typ: arrow.ListOfField(arrow.Field{Name: "element", Type: arrow.PrimitiveTypes.Float64}),
		put: func(b array.Builder, r *R) {
			if *at(r) == nil {
				b.AppendNull()
				return
			}
			l := b.(*array.ListBuilder)
			l.Append(true)
			l.ValueBuilder().(*array.Float64Builder).AppendValues(*at(r), nil)
		},
		get: func(a arrow.Array, i int, r *R) {
			if a.IsValid(i) {
				l := a.(*array.List)
				from, to := l.ValueOffsets(i)
				*at(r) = append([]float64{}, l.ListValues().(*array.Float64).Float64Values()[from:to]...)
			}
		}}
}

// uniqueText marks text that seldom repeats.
func uniqueText[R any](c column[R]) column[R] {
	c.enc = unique
	return c
}
