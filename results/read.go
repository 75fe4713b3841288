package results

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"matrix/results/record"

	"github.com/apache/arrow-go/v18/arrow"
)

// ReadRequests calls each for the rows of requests.parquet in an attempt's folder, in their order.
func ReadRequests(dir string, each func(RequestRow) error) error {
	return readRows(dir, record.TableRequests, requestColumns, each)
}

// ReadOutputs calls each for the rows of outputs.parquet in an attempt's folder.
func ReadOutputs(dir string, each func(OutputRow) error) error {
	return readRows(dir, record.TableOutputs, outputColumns, each)
}

// ReadSamples calls each for the rows of samples.parquet in an attempt's folder.
func ReadSamples(dir string, each func(SampleRow) error) error {
	return readRows(dir, record.TableSamples, sampleColumns, each)
}

// intact is the path of a table whose bytes are those that were written. Nothing is parsed before: arrow-go
// v18.8 takes a flipped length in the footer at its word and asks for 26 GB, which no recover survives.
func intact(dir, table string) (string, error) {
	m, err := readManifest(dir)
	if err != nil {
		return "", damaged(err)
	}
	path := filepath.Join(dir, table+".parquet")
	sum, err := sumFile(path)
	if err != nil {
		return "", damaged(fmt.Errorf("read %s: %w", table, err))
	}
	if sum != m.Files[table+".parquet"] {
		return "", fmt.Errorf("read %s: %w", path, ErrCorrupt)
	}
	return path, nil
}

// ErrCorrupt says that a file's checksum is not the manifest's.
var ErrCorrupt = errors.New("the file is not what was written: its SHA-256 differs")

// damage is any other fault of an attempt's files: errors.Is takes it for ErrCorrupt, since whoever reads many attempts
// must go on without this one in just the same way.
type damage struct{ error }

func (d damage) Is(target error) bool { return target == ErrCorrupt }
func (d damage) Unwrap() error        { return d.error }

// damaged tells a fault of the files from a want of ours, such as one more open file.
func damaged(err error) error {
	if recoverable(err) {
		return err
	}
	return damage{err}
}

func readRows[R any](dir, table string, cols []column[R], each func(R) error) error {
	path, err := intact(dir, table)
	if err != nil {
		return err
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.name
	}
	return scan(path, names, func(b arrow.RecordBatch) error { return eachRow(b, cols, each) })
}

// eachRow turns a batch into rows.
func eachRow[R any](b arrow.RecordBatch, cols []column[R], each func(R) error) error {
	arrays := make([]arrow.Array, len(cols))
	for k, c := range cols {
		arrays[k] = b.Column(b.Schema().FieldIndices(c.name)[0])
	}
	for i := range int(b.NumRows()) {
		var row R
		for k, c := range cols {
			c.get(arrays[k], i, &row)
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return nil
}

// ReadRequestColumns is ReadRequests for some columns: it reads and fills in no other.
func ReadRequestColumns(dir string, columns []string, each func(RequestRow) error) error {
	var cols []column[RequestRow]
	for _, c := range requestColumns {
		if slices.Contains(columns, c.name) {
			cols = append(cols, c)
		}
	}
	if len(cols) != len(columns) {
		return fmt.Errorf("read %s: not all of %q are columns of it", record.TableRequests, columns)
	}
	return readRows(dir, record.TableRequests, cols, each)
}

// ScanRequests calls each for batches of the named columns of requests.parquet, in the order of the rows; the batch is
// the callee's only until it returns. It reads no other column.
func ScanRequests(dir string, columns []string, each func(arrow.RecordBatch) error) error {
	path, err := intact(dir, record.TableRequests)
	if err != nil {
		return err
	}
	return scan(path, columns, each)
}
