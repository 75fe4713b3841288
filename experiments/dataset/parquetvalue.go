package dataset

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"sync/atomic"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"matrix/experiments/textfile"
)

// kindOfColumn says what a column holds that can be no prompt, "" = it can.
func kindOfColumn(typ arrow.DataType) string {
	switch typ := typ.(type) {
	case *arrow.DictionaryType:
		return kindOfColumn(typ.ValueType)
	case arrow.ExtensionType:
		return kindOfColumn(typ.StorageType())
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType, *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType,
		arrow.ListLikeType:
		return ""
	case *arrow.StructType:
		return "records"
	case *arrow.BooleanType:
		return "truth values"
	case arrow.FixedWidthDataType:
		if arrow.IsInteger(typ.ID()) || arrow.IsFloating(typ.ID()) || arrow.IsDecimal(typ.ID()) {
			return "numbers"
		}
	}
	return "another kind"
}

// cellJSON is a value as JSON: any type, since an id or a reference may be of any. Null and NaN are none.
// A value of a type without a case of its own is as Arrow's JSON writes it.
func cellJSON(col arrow.Array, i int) (json.RawMessage, error) {
	if col.IsNull(i) {
		return nil, nil
	}
	switch col := col.(type) {
	case *array.Dictionary:
		return cellJSON(col.Dictionary(), col.GetValueIndex(i))
	case array.ExtensionArray:
		return cellJSON(col.Storage(), i)
	case *array.Float64:
		if v := col.Value(i); math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil
		}
	case *array.Float32:
		if v := float64(col.Value(i)); math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil
		}
	case *array.FixedSizeBinary: // a UUID is no text
		return json.Marshal(hex.EncodeToString(col.Value(i)))
	case interface{ Value(int) string }:
		return textJSON(col.Value(i))
	case interface{ Value(int) []byte }:
		return textJSON(string(col.Value(i)))
	}
	return json.Marshal(col.GetOneForMarshal(i))
}

// textJSON refuses text that a JSON encoder would change.
func textJSON(text string) (json.RawMessage, error) {
	if !utf8.ValidString(text) {
		return nil, hinted{"not valid UTF-8", textfile.Hint(textfile.NotUTF8(0, 0))}
	}
	return json.Marshal(text)
}

// maxParquetMemory bounds what a Parquet file's pages take at once, in bytes: a header may claim any size. It is
// a variable for the tests.
var maxParquetMemory int64 = 1 << 30

// budgeted is an allocator with a bound. Its panic is caught where the file is read.
type budgeted struct {
	memory.GoAllocator
	left int64 // bytes; atomic
}

// take panics because memory.Allocator has no error to return.
func (b *budgeted) take(size int) {
	if atomic.AddInt64(&b.left, -int64(size)) < 0 {
		panic(fmt.Sprintf("its pages need more than %d MiB of memory at once", maxParquetMemory>>20))
	}
}

// Allocate implements memory.Allocator.
func (b *budgeted) Allocate(size int) []byte {
	b.take(size)
	return b.GoAllocator.Allocate(size)
}

// Reallocate implements memory.Allocator.
func (b *budgeted) Reallocate(size int, old []byte) []byte {
	b.take(size - len(old))
	return b.GoAllocator.Reallocate(size, old)
}

// Free implements memory.Allocator.
func (b *budgeted) Free(old []byte) {
	atomic.AddInt64(&b.left, int64(len(old)))
	b.GoAllocator.Free(old)
}
