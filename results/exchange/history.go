package exchange

import (
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"matrix/results/record"
)

// Point is one launch in a history of a metric.
// Texts may be empty where the engine or the driver did not say.
type Point struct {
	Began                         time.Time
	Experiment, Cell, Identity    string
	Launch                        int
	Attempt                       string
	Engine, EngineVersion, Driver string
	Value                         *float64 // in the metric's base unit; nil = null
}

// History writes a metric launch by launch as "parquet" or "csv", and returns how many they were. Of the CSV Apache Otava takes
// time as its time column, the metric as such, and the others as attributes.
// The column of the value has the metric's name, with unit and meaning in its metadata. "jsonl" is written, too.
func History(out io.Writer, format string, metric record.Metric, points []Point) (int64, error) {
	text := func(name string) arrow.Field { return arrow.Field{Name: name, Type: arrow.BinaryTypes.String} }
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "time", Type: arrow.FixedWidthTypes.Timestamp_s}, text("experiment"), text("cell"), text("identity"), {Name: "launch", Type: arrow.PrimitiveTypes.Int32},
		text("attempt"), text("engine"), text("engine_version"), text("gpu_driver"),
		{Name: metric.Name, Type: arrow.PrimitiveTypes.Float64, Nullable: true, Metadata: arrow.NewMetadata([]string{"unit", "doc"}, []string{metric.Unit, metric.Doc})},
	}, nil)
	rows := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer rows.Release()
	for _, p := range points {
		rows.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(p.Began.Unix()))
		for i, s := range map[int]string{1: p.Experiment, 2: p.Cell, 3: p.Identity, 5: p.Attempt, 6: p.Engine, 7: p.EngineVersion, 8: p.Driver} {
			rows.Field(i).(*array.StringBuilder).Append(s)
		}
		rows.Field(4).(*array.Int32Builder).Append(int32(p.Launch))
		value := rows.Field(9).(*array.Float64Builder)
		if p.Value == nil {
			value.AppendNull()
		} else {
			value.Append(*p.Value)
		}
	}
	w, err := newSink(out, format, schema)
	if err != nil {
		return 0, err
	}
	if err := w.write(rows.NewRecordBatch()); err != nil {
		return 0, err
	}
	return int64(len(points)), w.close()
}
