package rows

import (
	"context"
	"strings"

	"github.com/apache/arrow-go/v18/parquet"

	"matrix/results/record"
)

// kind is what a filter goes by.
// Filters by it need no column read: each group knows its kinds.
type kind struct{ phase, status, invalid string }

// kindOf a row. Why an answer cannot be used is without the place in it, of which there are as many as a model thinks of; what is not ok has
// its status for that.
func kindOf(phase, status, invalid string) kind {
	if status != record.StatusOK {
		return kind{phase, status, ""}
	}
	class, _, _ := strings.Cut(invalid, ":")
	return kind{phase, status, class}
}

// run is rows of one kind, one after the other.
// Requests of one kind come in a row, so a group is a few runs where it is 100,000 rows.
type run struct {
	kind kind
	rows int64
}

// mostRuns are so many runs of a group that reading the columns again is better than keeping them. Of ten million requests of which one
// in a thousand failed, a group has about a hundred.
const mostRuns = 2048

// kinds are the runs of a group, and how many rows of each kind it has. A column that has one value throughout is not read.
func (a *Attempt) kinds(ctx context.Context, g int) (runs []run, counts map[kind]int64, err error) {
	rows := a.requests.Start(g+1) - a.requests.Start(g)
	var columns [3][]stretch
	for i, name := range []string{record.ColPhase, record.ColStatus, record.ColInvalidReason} {
		if text, same := a.requests.Constant(g, name); same {
			columns[i] = []stretch{{text, rows}}
		} else if columns[i], err = a.stretches(ctx, g, name); err != nil {
			return nil, nil, err
		}
	}
	phases, statuses, reasons := columns[0], columns[1], columns[2]
	counts = map[kind]int64{}
	// The columns are run through side by side: a run ends where one of them changes.
	for len(phases) > 0 && len(statuses) > 0 && len(reasons) > 0 {
		k, n := kindOf(phases[0].text, statuses[0].text, reasons[0].text), min(phases[0].rows, statuses[0].rows, reasons[0].rows)
		if last := len(runs) - 1; last >= 0 && runs[last].kind == k {
			runs[last].rows += n
		} else {
			runs = append(runs, run{k, n})
		}
		counts[k] += n
		phases, statuses, reasons = less(phases, n), less(statuses, n), less(reasons, n)
	}
	return runs, counts, nil
}

// runsOf are the runs of a group, whether they were kept or not.
func (a *Attempt) runsOf(ctx context.Context, g int) ([]run, error) {
	if a.runs[g] != nil {
		return a.runs[g], nil
	}
	runs, _, err := a.kinds(ctx, g)
	return runs, err
}

// stretch is rows with one text, one after the other.
type stretch struct {
	text string
	rows int64
}

// stretches are a text column of a group, equal neighbours together.
func (a *Attempt) stretches(ctx context.Context, g int, name string) (out []stretch, err error) {
	err = a.requests.Texts(ctx, g, name, func(texts []parquet.ByteArray) error {
		for _, t := range texts {
			if n := len(out); n > 0 && out[n-1].text == string(t) {
				out[n-1].rows++
			} else {
				out = append(out, stretch{string(t), 1})
			}
		}
		return nil
	})
	return out, err
}

// less takes rows from the first stretch.
// rows is at most what the first has.
func less(list []stretch, rows int64) []stretch {
	if list[0].rows -= rows; list[0].rows == 0 {
		return list[1:]
	}
	return list
}
