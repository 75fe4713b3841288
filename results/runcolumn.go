package results

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
)

// says is a text column of run.parquet, "" = null.
func says(name, doc string, of func(*record.RunRow) string) column[record.RunRow] {
	return column[record.RunRow]{name: name, doc: doc, typ: arrow.BinaryTypes.String, null: true,
		put: func(b array.Builder, r *record.RunRow) {
			if v := of(r); v != "" {
				b.(*array.StringBuilder).Append(v)
				return
			}
			b.AppendNull()
		}}
}

func count(name, unit, doc string, of func(*record.RunRow) *int64) column[record.RunRow] {
	return column[record.RunRow]{name: name, unit: unit, doc: doc, typ: arrow.PrimitiveTypes.Int64, null: true,
		put: func(b array.Builder, r *record.RunRow) {
			if v := of(r); v != nil {
				b.(*array.Int64Builder).Append(*v)
				return
			}
			b.AppendNull()
		}}
}

func known(name, unit, doc string, of func(*record.RunRow) *float64) column[record.RunRow] {
	return column[record.RunRow]{name: name, unit: unit, doc: doc, typ: arrow.PrimitiveTypes.Float64, null: true,
		put: func(b array.Builder, r *record.RunRow) {
			if v := of(r); v != nil {
				b.(*array.Float64Builder).Append(*v)
				return
			}
			b.AppendNull()
		}}
}

func yesno(name, doc string, of func(*record.RunRow) *bool) column[record.RunRow] {
	return column[record.RunRow]{name: name, doc: doc, typ: arrow.FixedWidthTypes.Boolean, null: true,
		put: func(b array.Builder, r *record.RunRow) {
			if v := of(r); v != nil {
				b.(*array.BooleanBuilder).Append(*v)
				return
			}
			b.AppendNull()
		}}
}

func words(name, doc string, of func(*record.RunRow) []string) column[record.RunRow] {
	return column[record.RunRow]{name: name, doc: doc, null: true,
		typ: arrow.ListOfField(arrow.Field{Name: "element", Type: arrow.BinaryTypes.String}),
		put: func(b array.Builder, r *record.RunRow) {
			l := b.(*array.ListBuilder)
			l.Append(true)
			for _, w := range of(r) {
				l.ValueBuilder().(*array.StringBuilder).Append(w)
			}
		}}
}

func pairs(name, doc string, of func(*record.RunRow) map[string]string) column[record.RunRow] {
	return column[record.RunRow]{name: name, doc: doc, null: true, typ: arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String),
		put: func(b array.Builder, r *record.RunRow) {
			putMap(b.(*array.MapBuilder), of(r), func(items array.Builder, v string) { items.(*array.StringBuilder).Append(v) })
		}}
}

func numbers(name, doc string, of func(*record.RunRow) map[string]float64) column[record.RunRow] {
	return column[record.RunRow]{name: name, doc: doc, null: true, typ: arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64),
		put: func(b array.Builder, r *record.RunRow) {
			putMap(b.(*array.MapBuilder), of(r), func(items array.Builder, v float64) { items.(*array.Float64Builder).Append(v) })
		}}
}

func putMap[V any](b *array.MapBuilder, m map[string]V, put func(array.Builder, V)) {
	b.Append(true)
	for _, k := range sortedKeys(m) {
		b.KeyBuilder().(*array.StringBuilder).Append(k)
		put(b.ItemBuilder(), m[k])
	}
}
