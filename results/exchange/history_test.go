package exchange

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"matrix/results/record"
)

// TestHistory: both forms have the same columns; what was not measured is null, and Parquet keeps types and the unit.
func TestHistory(t *testing.T) {
	value := 12.5
	points := []Point{
		{Began: time.Date(2026, 11, 30, 9, 0, 1, 0, time.FixedZone("", 3600)), Experiment: "e", Cell: "a/m/1", Identity: "aa", Launch: 1, Attempt: "01A", Engine: "vllm", EngineVersion: "0.32.0", Driver: "570", Value: &value},
		{Began: time.Date(2026, 11, 30, 8, 0, 2, 0, time.UTC), Experiment: "e", Cell: "a/m/1", Identity: "aa", Launch: 2, Attempt: "01B", Engine: "vllm", EngineVersion: "0.32.0"},
	}
	metric := record.Metric{Name: "output_throughput", Unit: "tokens/s", Doc: "tokens"}
	var csv, parquet bytes.Buffer
	for format, out := range map[string]*bytes.Buffer{"csv": &csv, "parquet": &parquet} {
		if rows, err := History(out, format, metric, points); err != nil || rows != 2 {
			t.Fatalf("%s: %d rows, %v", format, rows, err)
		}
	}
	want := `time,experiment,cell,identity,launch,attempt,engine,engine_version,gpu_driver,output_throughput
2026-11-30T08:00:01Z,e,a/m/1,aa,1,01A,vllm,0.32.0,570,12.5
2026-11-30T08:00:02Z,e,a/m/1,aa,2,01B,vllm,0.32.0,,
`
	if csv.String() != want {
		t.Errorf("CSV is\n%s\nwant\n%s", csv.String(), want)
	}
	f, err := file.NewParquetReader(bytes.NewReader(parquet.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	var names []string
	for _, field := range table.Schema().Fields() {
		names = append(names, field.Name)
	}
	if head, _, _ := strings.Cut(want, "\n"); strings.Join(names, ",") != head {
		t.Errorf("Parquet has the columns %v", names)
	}
	if field := table.Schema().Field(0); field.Type.ID() != arrow.TIMESTAMP {
		t.Errorf("time is %s", field.Type)
	}
	last := table.Schema().Field(9)
	numbers, ok := table.Column(9).Data().Chunk(0).(*array.Float64)
	if unit, _ := last.Metadata.GetValue("unit"); unit != metric.Unit || !ok || numbers.Value(0) != value || !numbers.IsNull(1) {
		t.Errorf("the metric is %s in %q: %v", last.Type, unit, table.Column(9))
	}
}
