package table

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"matrix/results/record"
)

// rowGroup is the number of rows of a row group, which a writer holds in memory: half of DuckDB's unit of parallel scans.
// A page of requests reads a few groups of it; a writer's memory is one.
const rowGroup = 61_440

// layout is how a table lies in its file: the properties of Parquet and of Arrow's side of it.
// Run has a layout of its own, for it is one row of 200 columns.
func layout(table string, specs []spec) (*parquet.WriterProperties, pqarrow.ArrowWriterProperties) {
	if table == record.TableRun {
		return narrowProperties(specs), pqarrow.NewArrowWriterProperties()
	}
	if table == record.TableCounts {
		return writerProperties(specs), pqarrow.NewArrowWriterProperties()
	}
	return writerProperties(specs), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema())
}

// writerProperties chooses encodings by type. Dictionaries only for text that repeats: measured, they cost
// time and bytes on hashes, times and counters. Statistics are left out where no query can use them.
func writerProperties(specs []spec) *parquet.WriterProperties {
	props := []parquet.WriterProperty{
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithCreatedBy("matrix"),
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1),
		parquet.WithMaxRowGroupLength(rowGroup), parquet.WithDictionaryDefault(true),
	}
	for _, c := range specs {
		props = append(props, encodingOf(c.name, c.typ, c.enc)...)
	}
	return parquet.NewWriterProperties(props...)
}

// encodingOf is how one column lies in Parquet.
func encodingOf(name string, typ arrow.DataType, enc encoding) []parquet.WriterProperty {
	plain := func(e parquet.Encoding) []parquet.WriterProperty {
		return []parquet.WriterProperty{parquet.WithDictionaryFor(name, false), parquet.WithEncodingFor(name, e)}
	}
	switch typ.ID() {
	case arrow.INT32, arrow.INT64:
		return plain(parquet.Encodings.DeltaBinaryPacked)
	case arrow.FLOAT64:
		return plain(parquet.Encodings.ByteStreamSplit)
	case arrow.BOOL:
		return plain(parquet.Encodings.Plain)
	case arrow.LIST:
		if typ.(*arrow.ListType).Elem().ID() == arrow.FLOAT64 {
			name += ".list.element"
			return plain(parquet.Encodings.ByteStreamSplit)
		}
	case arrow.FIXED_SIZE_BINARY:
		return append(plain(parquet.Encodings.Plain), parquet.WithStatsFor(name, false),
			parquet.WithCompressionFor(name, compress.Codecs.Uncompressed))
	}
	if enc == unique {
		return append(plain(parquet.Encodings.DeltaLengthByteArray), parquet.WithStatsFor(name, false))
	}
	return nil
}

// narrowProperties are for one row of 200 columns, where what stands about a value weighs more than the value: no
// dictionary, no statistics, and compression only where there is text. Nor does Arrow's own schema stand in the file:
// it was half of 87 KB; the types follow from Parquet's, the units from the metadata.
func narrowProperties(specs []spec) *parquet.WriterProperties {
	props := []parquet.WriterProperty{
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithCreatedBy("matrix"), parquet.WithDictionaryDefault(false),
		parquet.WithStats(false), parquet.WithEncoding(parquet.Encodings.Plain), parquet.WithCompressionLevel(1),
	}
	for _, c := range specs {
		for _, path := range longLeaves(c.name, c.typ, c.enc) {
			props = append(props, parquet.WithCompressionFor(path, compress.Codecs.Zstd))
		}
	}
	return parquet.NewWriterProperties(props...)
}

// longLeaves are the leaf columns of a column that may hold much text.
// A path is Parquet's, below the column's name.
func longLeaves(name string, typ arrow.DataType, enc encoding) []string {
	switch {
	case typ.ID() == arrow.LIST:
		return []string{name + ".list.element"}
	case typ.ID() == arrow.MAP:
		return []string{name + ".key_value.key", name + ".key_value.value"}
	case enc == unique:
		return []string{name}
	}
	return nil
}
