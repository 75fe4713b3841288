package dataset

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"matrix/experiments/cell"
)

// tableOf writes a Parquet file of rows given as JSON.
func tableOf(t testing.TB, fields []arrow.Field, rows string) *cell.Dataset {
	t.Helper()
	schema := arrow.NewSchema(fields, nil)
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()
	return writeParquet(t, schema, record, 1)
}

func writeParquet(t testing.TB, schema *arrow.Schema, record arrow.RecordBatch, times int) *cell.Dataset {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	for range times {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &cell.Dataset{ID: "test", Path: path}
}

// TestParquetTypes: a column is read by what it says, whatever its type; one that is not needed may be of any.
func TestParquetTypes(t *testing.T) {
	turn := func(names ...string) arrow.DataType {
		var fields []arrow.Field
		for _, n := range names {
			fields = append(fields, arrow.Field{Name: n, Type: arrow.BinaryTypes.String, Nullable: true})
		}
		return arrow.ListOf(arrow.StructOf(fields...))
	}
	text := arrow.BinaryTypes.String
	dictionary := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: text}
	column := func(name string, typ arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: typ, Nullable: true}
	}
	prompt := column("prompt", text)
	for _, c := range []struct {
		name   string
		fields []arrow.Field
		rows   string
		want   []Entry
		fault  string
	}{
		{"chat", []arrow.Field{column("messages", turn("role", "content"))}, `[{"messages":[{"role":"system","content":"S"},{"role":"user","content":"q"}]}]`, []Entry{{ID: "1", Messages: []Message{{Role: "system", Content: "S"}, {Role: "user", Content: "q"}}}}, ""},
		{"ShareGPT", []arrow.Field{column("conversations", turn("from", "value")), column("source", text)}, `[{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]},{"conversations":[]}]`, []Entry{{ID: "1", Messages: user("q"), Reference: "a"}}, ""},
		{"LMSYS", []arrow.Field{column("conversation_id", text), column("conversation", turn("content", "role"))}, `[{"conversation_id":"c","conversation":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}]`, []Entry{{ID: "c", Messages: user("q"), Reference: "a"}}, ""},
		{"messages as prompt (TRL)", []arrow.Field{column("prompt", turn("content", "role")), column("chosen", turn("content", "role"))}, `[{"prompt":[{"role":"user","content":"q"}]}]`, []Entry{{ID: "1", Messages: user("q")}}, ""},
		{"a Sequence of Hugging Face", []arrow.Field{column("conversations", arrow.StructOf(column("from", arrow.ListOf(text)), column("value", arrow.ListOf(text))))}, `[{"conversations":{"from":["human","gpt"],"value":["q","a"]}}]`, []Entry{{ID: "1", Messages: user("q"), Reference: "a"}}, ""},
		{"messages as JSON text", []arrow.Field{column("messages", text)}, `[{"messages":"[{\"role\":\"user\",\"content\":\"q\"}]"}]`, []Entry{{ID: "1", Messages: user("q")}}, ""},
		{"int16", []arrow.Field{column("id", arrow.PrimitiveTypes.Int16), prompt}, `[{"id":7,"prompt":"p"}]`, []Entry{{ID: "7", Prompt: "p"}}, ""},
		{"uint64", []arrow.Field{column("id", arrow.PrimitiveTypes.Uint64), prompt}, `[{"id":18446744073709551615,"prompt":"p"}]`, []Entry{{ID: "18446744073709551615", Prompt: "p"}}, ""},
		{"float64 with a gap", []arrow.Field{column("id", arrow.PrimitiveTypes.Float64), prompt, column("max_tokens", arrow.PrimitiveTypes.Float64)}, `[{"id":7,"prompt":"p","max_tokens":16},{"id":8,"prompt":"q","max_tokens":null}]`, []Entry{{ID: "7", Prompt: "p", MaxTokens: 16}, {ID: "8", Prompt: "q"}}, ""},
		{"float64 NaN", []arrow.Field{column("id", arrow.PrimitiveTypes.Float64), prompt, column("max_tokens", arrow.PrimitiveTypes.Float32)}, `[{"id":"NaN","prompt":"p","max_tokens":"NaN"}]`, []Entry{{ID: "1", Prompt: "p"}}, ""},
		{"bool expected", []arrow.Field{prompt, column("expected", arrow.FixedWidthTypes.Boolean)}, `[{"prompt":"p","expected":true}]`, []Entry{{ID: "1", Prompt: "p", Reference: "true"}}, ""},
		{"decimal id", []arrow.Field{column("id", &arrow.Decimal128Type{Precision: 10}), prompt}, `[{"id":"42","prompt":"p"}]`, []Entry{{ID: "42", Prompt: "p"}}, ""},
		{"timestamp id", []arrow.Field{column("id", &arrow.TimestampType{Unit: arrow.Second}), prompt}, `[{"id":"2026-01-02T03:04:05","prompt":"p"}]`, []Entry{{ID: "2026-01-02T03:04:05", Prompt: "p"}}, ""},
		{"date reference", []arrow.Field{prompt, column("expected", arrow.FixedWidthTypes.Date32)}, `[{"prompt":"p","expected":"2026-01-02"}]`, []Entry{{ID: "1", Prompt: "p", Reference: "2026-01-02"}}, ""},
		{"list reference", []arrow.Field{prompt, column("expected", arrow.ListOf(text))}, `[{"prompt":"p","expected":["a","b"]}]`, []Entry{{ID: "1", Prompt: "p", Reference: `["a","b"]`}}, ""},
		{"large string", []arrow.Field{column("prompt", arrow.BinaryTypes.LargeString)}, `[{"prompt":"p"}]`, []Entry{{ID: "1", Prompt: "p"}}, ""},
		{"category", []arrow.Field{column("prompt", dictionary), column("id", dictionary)}, `[{"prompt":"p","id":"x"},{"prompt":"p","id":"y"}]`, []Entry{{ID: "x", Prompt: "p"}, {ID: "y", Prompt: "p"}}, ""},
		{"binary", []arrow.Field{column("prompt", arrow.BinaryTypes.Binary)}, `[{"prompt":"R3LDtsOfZQ=="}]`, []Entry{{ID: "1", Prompt: "Größe"}}, ""},
		{"Alpaca", []arrow.Field{column("instruction", text), column("input", text), column("output", text)}, `[{"instruction":"Do","input":"","output":"done"}]`, []Entry{{ID: "1", Prompt: "Do", Reference: "done"}}, ""},
		{"what is not needed", []arrow.Field{prompt, column("embedding", arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32)), column("meta", arrow.StructOf(column("max_tokens", text))), column("image", arrow.StructOf(column("bytes", arrow.BinaryTypes.Binary)))}, `[{"prompt":"p","embedding":[1,2],"meta":{"max_tokens":"x"},"image":null}]`, []Entry{{ID: "1", Prompt: "p"}}, ""},
		{"Latin-1 in binary", []arrow.Field{column("prompt", arrow.BinaryTypes.Binary)}, `[{"prompt":"R3L23w=="}]`, nil, "row 1: not valid UTF-8"},
		{"a UUID as id", []arrow.Field{prompt, column("id", &arrow.FixedSizeBinaryType{ByteWidth: 4})}, `[{"prompt":"p","id":"/wD+AQ=="}]`, []Entry{{ID: "ff00fe01", Prompt: "p"}}, ""},
		{"numbers as prompts", []arrow.Field{column("prompt", arrow.PrimitiveTypes.Int64)}, `[{"prompt":1}]`, nil, `column "prompt": a column of text is expected, not of numbers`},
		{"half a token", []arrow.Field{prompt, column("max_tokens", arrow.PrimitiveTypes.Float64)}, `[{"prompt":"p","max_tokens":0.5}]`, nil, "row 1: max_tokens is 0.5"},
		{"nothing known", []arrow.Field{column("a", text), column("b", text)}, `[{"a":"p","b":"q"}]`, nil, `no column "prompt"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(t.Context(), tableOf(t, c.fields, c.rows))
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) {
					t.Errorf("%v; want … %s …", err, c.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := entries(t, s); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// TestParquetBomb: a small file that says one long prompt very often fills neither the disk nor the memory.
func TestParquetBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("megabytes, byte by byte: minutes under the race detector")
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "prompt", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for range 20_000 {
		b.Field(0).(*array.StringBuilder).Append(strings.Repeat("x", 1000))
	}
	record := b.NewRecordBatch()
	defer record.Release()
	d := writeParquet(t, schema, record, 4)
	defer func(usual int64) { maxParquetMemory = usual }(maxParquetMemory)
	maxParquetMemory = 40 << 20
	t.Setenv("MATRIX_FILE_GIB", "0.05")
	if _, err := Open(t.Context(), d); err == nil || !strings.Contains(err.Error(), "unpacked it is larger than 51.2 MiB") {
		t.Errorf("%v", err)
	}
	t.Setenv("MATRIX_FILE_GIB", "1")
	if s, err := Open(t.Context(), d); err != nil { // 80 MB pass through 40 MiB of memory: what was used is given back
		t.Error(err)
	} else if s.Close(); s.Len() != 80_000 {
		t.Errorf("%d prompts", s.Len())
	}
	maxParquetMemory = 1 << 10
	if _, err := Open(t.Context(), d); err == nil || !strings.Contains(err.Error(), "memory at once") {
		t.Errorf("%v", err)
	}
}
