package table

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
)

// runColumn is a column of run.parquet. All of them may be null: a figure that was not observed is never 0.
type runColumn struct {
	column[record.RunRow]
	number func(*record.RunRow) *float64 // its value, nil where it is null; the func is nil where it holds no number
}

// plain holds no number.
func plain(c column[record.RunRow]) runColumn { return runColumn{column: c} }

// unrepeated marks text that seldom repeats.
func unrepeated(c runColumn) runColumn {
	c.enc = unique
	return c
}

// says is text that is not read back, "" = null.
// What it says stands in the manifest, which is read instead.
func says(name, doc string, of func(*record.RunRow) string) runColumn {
	c := textOr(name, doc, func(text *string) *string { return text })
	return plain(column[record.RunRow]{spec: c.spec,
		put: func(b array.Builder, r *record.RunRow) {
			v := of(r)
			c.put(b, &v)
		},
		get: func(arrow.Array, int, *record.RunRow) {}})
}

// ofManifest takes back what the manifest tells: nothing.
func ofManifest[V any](*record.RunRow, V) {}

// ofPhases takes back what the phases tell: nothing.
func ofPhases(*record.RunRow, bool) {}

// textAt is a text of the row, "" = null.
func textAt(name, doc string, at func(*record.RunRow) *string) runColumn {
	return plain(textOr(name, doc, at))
}

// count is a whole number that follows from the row; nil is null.
// value and set must agree, or a row changes by being read and written.
func count(name, unit, doc string, value func(*record.RunRow) *int64, set func(*record.RunRow, int64)) runColumn {
	return numeric(computed(integer[int64], name, unit, doc, value, set), value)
}

// known is a number that follows from the row; nil is null.
func known(name, unit, doc string, value func(*record.RunRow) *float64, set func(*record.RunRow, float64)) runColumn {
	return numeric(computed(real[float64], name, unit, doc, value, set), value)
}

// countAt is a whole number of the row that may be null.
func countAt(name, unit, doc string, at func(*record.RunRow) **int64) runColumn {
	return numeric(maybe(integer[int64], name, unit, doc, at), func(r *record.RunRow) *int64 { return *at(r) })
}

// knownAt is a number of the row that may be null.
func knownAt(name, unit, doc string, at func(*record.RunRow) **float64) runColumn {
	return numeric(maybe(real[float64], name, unit, doc, at), func(r *record.RunRow) *float64 { return *at(r) })
}

// countOf is a whole number that every row has.
// 0 is 0 here.
func countOf(name, doc string, at func(*record.RunRow) *int64) runColumn {
	return numeric(nullable(integer(name, "", doc, at)), at)
}

// countOr is a whole number whose 0 stands for "unknown".
func countOr(name, unit, doc string, at func(*record.RunRow) *int64) runColumn {
	return numeric(zeroNull(integer(name, unit, doc, at), at), func(r *record.RunRow) *int64 {
		if *at(r) == 0 {
			return nil
		}
		return at(r)
	})
}

// numeric adds how the value is read as a number, for who asks for a column by its name.
func numeric[V int64 | float64](c column[record.RunRow], value func(*record.RunRow) *V) runColumn {
	return runColumn{column: c, number: func(r *record.RunRow) *float64 {
		v := value(r)
		if v == nil {
			return nil
		}
		x := float64(*v)
		return &x
	}}
}
