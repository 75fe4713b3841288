package rows

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
	"matrix/results/table"
)

// Text is what a measured request was answered with. fs.ErrNotExist where it was not, or where answers were not kept.
func (a *Attempt) Text(ctx context.Context, seq int64) (string, error) {
	out, err := a.answers()
	if err != nil {
		return "", err
	}
	for g := range out.Len() {
		if b, known := out.Bounds(g, record.ColSeq); known && (float64(seq) < b.Low || float64(seq) > b.High) {
			continue
		}
		row, found := out.Start(g), int64(-1)
		err := out.Scan(ctx, g, []string{record.ColSeq}, func(b arrow.RecordBatch) error {
			for _, v := range table.In[*array.Int64](b, record.ColSeq).Int64Values() {
				if v == seq {
					found = row
					return errFound
				}
				row++
			}
			return nil
		})
		if err != nil && !errors.Is(err, errFound) {
			return "", err
		}
		if found >= 0 {
			rows, err := out.Rows(ctx, []int64{found}, []string{"text"})
			if err != nil {
				return "", err
			}
			return rows[0].Text, nil
		}
	}
	return "", fmt.Errorf("the answer to request %d: %w", seq, fs.ErrNotExist)
}

var errFound = errors.New("found")

// answers opens the answers, once.
func (a *Attempt) answers() (*table.Groups[record.OutputRow], error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.outputs == nil {
		var err error
		if a.outputs, err = table.OpenOutputs(a.dir); err != nil {
			return nil, err
		}
	}
	return a.outputs, nil
}

// close closes what is open, all of it only read.
func (a *Attempt) close() {
	_ = a.requests.Close()
	if a.outputs != nil {
		_ = a.outputs.Close()
	}
}
