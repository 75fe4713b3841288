package dataset

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"matrix/experiments/cell"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

func parquetFile(t testing.TB, prompts []string, valid []bool) string {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "expected", Type: arrow.BinaryTypes.LargeString, Nullable: true},
		{Name: "number", Type: arrow.PrimitiveTypes.Float64},
		{Name: "question", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i, p := range prompts {
		b.Field(0).(*array.LargeStringBuilder).AppendNull()
		b.Field(1).(*array.Float64Builder).Append(1.5)
		b.Field(3).(*array.Int64Builder).Append(int64(100 + i))
		if valid == nil || valid[i] {
			b.Field(2).(*array.StringBuilder).Append(p)
		} else {
			b.Field(2).(*array.StringBuilder).AppendNull()
		}
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	record := b.NewRecordBatch()
	defer record.Release()
	if err := w.Write(record); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParquet(t *testing.T) {
	d := &cell.Dataset{Path: parquetFile(t, []string{"one", "zwei\nä", "three"}, nil), Column: "question", Shuffle: true, Seed: 1}
	s := open(t, d)
	got := map[string]string{}
	for _, e := range entries(t, s) {
		got[e.ID] = e.Prompt
	}
	if want := map[string]string{"100": "one", "101": "zwei\nä", "102": "three"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	if s.Facts()["format"] != "parquet" || len(s.Facts()["sha256"].(string)) != 64 {
		t.Errorf("%v", s.Facts())
	}
}

// TestDamagedFooter: what is said of any flipped byte of a file has no name of the program's inside.
func TestDamagedFooter(t *testing.T) {
	whole, err := os.ReadFile(parquetFile(t, []string{"one"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := len(whole) / 2; i < len(whole); i += 3 {
		data := slices.Clone(whole)
		data[i] ^= 0xff
		s, err := Open(t.Context(), write(t, "a.parquet", string(data)))
		if err == nil {
			s.Close()
			continue
		}
		if refused++; strings.Contains(err.Error(), "*parquet.") || hasGoNames(err.Error()) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	if refused == 0 {
		t.Error("no damage was seen")
	}
}

func TestParquetFaults(t *testing.T) {
	path := parquetFile(t, []string{"one", "", "three"}, []bool{true, false, true})
	for column, want := range map[string]string{
		"question": "row 2: the prompt is empty", "none": `no column "none"`, "": `no column "prompt"`, "number": "a column of text is expected",
	} {
		if _, err := Open(t.Context(), &cell.Dataset{Path: path, Column: column}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("column %q: %v, want … %s …", column, err, want)
		}
	}
}
