package rows

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"matrix/results/record"
	"matrix/results/table"
)

// Text is what a measured request was answered with. fs.ErrNotExist where it was not, or where answers were not kept.
// Answers have no order by number over segments, so groups are looked through; those whose statistics leave the number
// out are not read.
func (a *Attempt) Text(ctx context.Context, seq int64) (string, error) {
	out, err := a.answers()
	if err != nil {
		return "", err
	}
	for g := range out.Len() {
		if b, known := out.Bounds(g, record.ColSeq); known && (float64(seq) < b.Low || float64(seq) > b.High) {
			continue
		}
		// the row in the file
		found := int64(-1)
		err := out.Numbers(g, record.ColSeq, func(values []float64) error {
			if i := slices.Index(values, float64(seq)); i >= 0 {
				found = out.Start(g) + int64(i)
			}
			return ctx.Err()
		})
		if err != nil {
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

// answers opens the answers, once.
// Later: most who look at requests never ask for an answer. A failure is not kept.
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
