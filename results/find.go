package results

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// ErrNotFound says that nothing in the store matches.
type ErrNotFound struct{ Prefix string }

func (e *ErrNotFound) Error() string {
	return fmt.Sprintf("no cell or attempt begins with %q", e.Prefix)
}

// ErrAmbiguous says that a prefix fits more than one cell or attempt.
type ErrAmbiguous struct {
	Prefix  string
	Matches []string
}

func (e *ErrAmbiguous) Error() string {
	return fmt.Sprintf("%q is not unique: %s", e.Prefix, strings.Join(e.Matches, ", "))
}

// Find returns the attempts of the one cell whose address, slug or coordinates match, oldest first, or the one
// attempt whose ULID does. Address, slug and ULID match by prefix. *ErrNotFound or *ErrAmbiguous otherwise.
func (s *Store) Find(ctx context.Context, prefix string) ([]Past, error) {
	if prefix == "" {
		return nil, &ErrNotFound{prefix}
	}
	all, err := s.History(ctx, "")
	if err != nil {
		return nil, err
	}
	byCell, byAttempt := map[string][]Past{}, map[string][]Past{}
	for _, p := range all {
		if p.inCell(prefix) {
			key := p.Experiment + "/" + p.Slug
			byCell[key] = append(byCell[key], p)
		}
		if strings.HasPrefix(p.Attempt, strings.ToUpper(prefix)) {
			byAttempt[p.Attempt] = []Past{p}
		}
	}
	for _, found := range []map[string][]Past{byCell, byAttempt} {
		if len(found) > 1 {
			return nil, &ErrAmbiguous{prefix, sortedKeys(found)}
		}
		for _, past := range found {
			return past, nil
		}
	}
	return nil, &ErrNotFound{prefix}
}

func (p *Past) inCell(prefix string) bool {
	digits := p.Slug[strings.LastIndexByte(p.Slug, '-')+1:] // of the address: all there is without a manifest
	return strings.HasPrefix(p.Address, prefix) || strings.HasPrefix(digits, prefix) ||
		strings.HasPrefix(p.Slug, prefix) || p.Name == prefix || p.Experiment+"/"+p.Name == prefix
}

// ReadRun reads the row of run.parquet in an attempt's folder: column → value, nil where null.
func ReadRun(dir string) (map[string]any, error) {
	row := map[string]any{}
	err := scan(filepath.Join(dir, tableRun+".parquet"), nil, func(b arrow.RecordBatch) error {
		for i, c := range b.Columns() {
			row[b.ColumnName(i)] = c.GetOneForMarshal(0)
		}
		return nil
	})
	return row, err
}

// ReadRequests calls each for the rows of requests.parquet in an attempt's folder, in their order.
func ReadRequests(dir string, each func(RequestRow) error) error {
	return readRows(filepath.Join(dir, tableRequests+".parquet"), requestColumns, each)
}

// ReadOutputs calls each for the rows of outputs.parquet in an attempt's folder.
func ReadOutputs(dir string, each func(OutputRow) error) error {
	return readRows(filepath.Join(dir, tableOutputs+".parquet"), outputColumns, each)
}

// ReadSamples calls each for the rows of samples.parquet in an attempt's folder.
func ReadSamples(dir string, each func(SampleRow) error) error {
	return readRows(filepath.Join(dir, tableSamples+".parquet"), sampleColumns, each)
}

func readRows[R any](path string, cols []column[R], each func(R) error) error {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.name
	}
	return scan(path, names, func(b arrow.RecordBatch) error { return eachRow(b, cols, each) })
}

// eachRow turns a batch into rows.
func eachRow[R any](b arrow.RecordBatch, cols []column[R], each func(R) error) error {
	for i := range int(b.NumRows()) {
		var row R
		for _, c := range cols {
			c.get(b.Column(b.Schema().FieldIndices(c.name)[0]), i, &row)
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return nil
}
