package store

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"

	"matrix/results/record"
	"matrix/results/table"
)

// The text stands in each file, as a reader with DuckDB finds it: parquet_kv_metadata('run.parquet').
func TestColumnsInMetadata(t *testing.T) {
	p := committed(t, testStore(t), 1)
	for _, name := range []string{record.TableRun, record.TableRequests, record.TableSamples, record.TableOutputs} {
		in, err := file.OpenParquetFile(filepath.Join(p.Dir, table.FileOf(name)), false)
		if err != nil {
			t.Fatal(err)
		}
		text := in.MetaData().KeyValueMetadata().FindValue("matrix.columns")
		if err := in.Close(); err != nil || text == nil {
			t.Fatalf("%s: no matrix.columns (%v)", name, err)
		}
		var got map[string]string
		if err := json.Unmarshal([]byte(*text), &got); err != nil {
			t.Fatal(err)
		}
		schema, err := table.Schema(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range schema.Fields() {
			if doc, _ := f.Metadata.GetValue("doc"); doc == "" || got[f.Name] != doc {
				t.Errorf("%s.%s: %q, want %q", name, f.Name, got[f.Name], doc)
			}
		}
	}
}
