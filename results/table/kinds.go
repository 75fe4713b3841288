package table

import (
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// The kinds of columns. Each takes its value from, and puts it back to, the field that at points to.
// at is called with rows of any origin: it must not depend on other fields.

// text is a text that is never null: "" is one.
func text[R any](name, doc string, at func(*R) *string) column[R] {
	return column[R]{spec: spec{name: name, doc: doc, typ: arrow.BinaryTypes.String},
		put: func(b array.Builder, r *R) { b.(*array.StringBuilder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) {
			*at(r) = strings.Clone(a.(*array.String).Value(i)) // out of a buffer that is used again
		}}
}

// integer is a count or a number of 64 bits, never null.
func integer[R any](name, unit, doc string, at func(*R) *int64) column[R] {
	return column[R]{spec: spec{name: name, unit: unit, doc: doc, typ: arrow.PrimitiveTypes.Int64},
		put: func(b array.Builder, r *R) { b.(*array.Int64Builder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) { *at(r) = a.(*array.Int64).Value(i) }}
}

// small is a whole number that 32 bits hold.
func small[R any](name, unit, doc string, at func(*R) *int32) column[R] {
	return column[R]{spec: spec{name: name, unit: unit, doc: doc, typ: arrow.PrimitiveTypes.Int32},
		put: func(b array.Builder, r *R) { b.(*array.Int32Builder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) { *at(r) = a.(*array.Int32).Value(i) }}
}

// real is a number of 64 bits. A NaN is written as it is: who has none to tell leaves null.
func real[R any](name, unit, doc string, at func(*R) *float64) column[R] {
	return column[R]{spec: spec{name: name, unit: unit, doc: doc, typ: arrow.PrimitiveTypes.Float64},
		put: func(b array.Builder, r *R) { b.(*array.Float64Builder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) { *at(r) = a.(*array.Float64).Value(i) }}
}

// truth is true or false.
func truth[R any](name, unit, doc string, at func(*R) *bool) column[R] {
	return column[R]{spec: spec{name: name, unit: unit, doc: doc, typ: arrow.FixedWidthTypes.Boolean},
		put: func(b array.Builder, r *R) { b.(*array.BooleanBuilder).Append(*at(r)) },
		get: func(a arrow.Array, i int, r *R) { *at(r) = a.(*array.Boolean).Value(i) }}
}

// hashType is half of a SHA-256: enough to tell a billion prompts apart, and half of what a file of them weighs.
var hashType = &arrow.FixedSizeBinaryType{ByteWidth: 16}

// digest is the first 16 bytes of a SHA-256.
func digest[R any](name, doc string, at func(*R) *[16]byte) column[R] {
	return column[R]{spec: spec{name: name, doc: doc, typ: hashType, enc: digests},
		put: func(b array.Builder, r *R) { b.(*array.FixedSizeBinaryBuilder).Append(at(r)[:]) },
		get: func(a arrow.Array, i int, r *R) { copy(at(r)[:], a.(*array.FixedSizeBinary).Value(i)) }}
}

// reals is a list of numbers; nil is null.
// An empty list is one, and not null.
func reals[R any](name, unit, doc string, at func(*R) *[]float64) column[R] {
	return column[R]{spec: spec{name: name, unit: unit, doc: doc, null: true, typ: listOf(arrow.PrimitiveTypes.Float64)},
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
			l := a.(*array.List)
			from, to := l.ValueOffsets(i)
			*at(r) = append([]float64{}, l.ListValues().(*array.Float64).Float64Values()[from:to]...)
		}}
}

// listOf names the element as Parquet does, so that a file reads back as it was written.
func listOf(element arrow.DataType) arrow.DataType {
	return arrow.ListOfField(arrow.Field{Name: "element", Type: element})
}

// words is a list of texts, never null.
// nil and empty are both empty when read back.
func words[R any](name, doc string, at func(*R) *[]string) column[R] {
	return column[R]{spec: spec{name: name, doc: doc, null: true, typ: listOf(arrow.BinaryTypes.String)},
		put: func(b array.Builder, r *R) {
			l := b.(*array.ListBuilder)
			l.Append(true)
			for _, w := range *at(r) {
				l.ValueBuilder().(*array.StringBuilder).Append(w)
			}
		},
		get: func(a arrow.Array, i int, r *R) {
			l := a.(*array.List)
			from, to := l.ValueOffsets(i)
			for k := from; k < to; k++ {
				*at(r) = append(*at(r), strings.Clone(l.ListValues().(*array.String).Value(int(k))))
			}
		}}
}

// pairs is a map of texts, never null.
func pairs[R any](name, doc string, at func(*R) *map[string]string) column[R] {
	return mapColumn(name, doc, arrow.BinaryTypes.String, at,
		func(items array.Builder, v string) { items.(*array.StringBuilder).Append(v) },
		func(items arrow.Array, k int) string { return strings.Clone(items.(*array.String).Value(k)) })
}

// numbers is a map of numbers, never null.
func numbers[R any](name, doc string, at func(*R) *map[string]float64) column[R] {
	return mapColumn(name, doc, arrow.PrimitiveTypes.Float64, at,
		func(items array.Builder, v float64) { items.(*array.Float64Builder).Append(v) },
		func(items arrow.Array, k int) float64 { return items.(*array.Float64).Value(k) })
}

// mapColumn writes the keys in their order: a Go map's would give two equal runs different bytes, and another checksum.
func mapColumn[R, V any](name, doc string, item arrow.DataType, at func(*R) *map[string]V, put func(array.Builder, V), get func(arrow.Array, int) V) column[R] {
	return column[R]{spec: spec{name: name, doc: doc, null: true, typ: arrow.MapOf(arrow.BinaryTypes.String, item)},
		put: func(b array.Builder, r *R) {
			m := b.(*array.MapBuilder)
			m.Append(true)
			for _, k := range slices.Sorted(maps.Keys(*at(r))) {
				m.KeyBuilder().(*array.StringBuilder).Append(k)
				put(m.ItemBuilder(), (*at(r))[k])
			}
		},
		get: func(a arrow.Array, i int, r *R) {
			m := a.(*array.Map)
			from, to := m.ValueOffsets(i)
			out := make(map[string]V, to-from)
			for k := int(from); k < int(to); k++ {
				out[strings.Clone(m.Keys().(*array.String).Value(k))] = get(m.Items(), k)
			}
			*at(r) = out
		}}
}

// Variants of a column.

// maybe is a column of a *V: nil is null.
// of is the kind of the value behind the pointer.
func maybe[R, V any](of func(name, unit, doc string, at func(*V) *V) column[V], name, unit, doc string, at func(*R) **V) column[R] {
	return computed(of, name, unit, doc, func(r *R) *V { return *at(r) }, func(r *R, v V) { *at(r) = &v })
}

// computed is a column whose value is no field of a row: value makes it, nil is null; set takes it back.
func computed[R, V any](of func(name, unit, doc string, at func(*V) *V) column[V], name, unit, doc string, value func(*R) *V, set func(*R, V)) column[R] {
	c := of(name, unit, doc, func(v *V) *V { return v })
	s := c.spec
	s.null = true
	return column[R]{spec: s,
		put: func(b array.Builder, r *R) {
			if v := value(r); v != nil {
				c.put(b, v)
				return
			}
			b.AppendNull()
		},
		get: func(a arrow.Array, i int, r *R) {
			var v V
			c.get(a, i, &v)
			set(r, v)
		}}
}

// zeroNull writes the zero value as null: "" is no text.
func zeroNull[R any, V comparable](c column[R], at func(*R) *V) column[R] {
	put := c.put
	c.null = true
	c.put = func(b array.Builder, r *R) {
		if *at(r) == *new(V) {
			b.AppendNull()
			return
		}
		put(b, r)
	}
	return c
}

// textOr is text with "" as null.
func textOr[R any](name, doc string, at func(*R) *string) column[R] {
	return zeroNull(text(name, doc, at), at)
}

// nullable is a column that may be null in principle, and never is.
func nullable[R any](c column[R]) column[R] {
	c.null = true
	return c
}

// uniqueText marks text that seldom repeats.
func uniqueText[R any](c column[R]) column[R] {
	c.enc = unique
	return c
}
