package rows

import (
	"context"

	"github.com/apache/arrow-go/v18/parquet"

	"matrix/results/record"
)

// kind is what a filter goes by.
// Filters by phase and status need no column read: each group knows its kinds.
type kind struct{ phase, status string }

// run is rows of one kind, one after the other.
// Requests of one kind come in a row, so a group is a few runs where it is 100,000 rows.
type run struct {
	kind kind
	rows int64
}

// mostRuns are so many runs of a group that reading the columns again is better than keeping them. Of ten million requests of which one
// in a thousand failed, a group has about a hundred.
const mostRuns = 2048

// kinds are the runs of a group, and how many rows of each kind it has. Where each column has one value throughout, none is read.
func (a *Attempt) kinds(ctx context.Context, g int) (runs []run, counts map[kind]int64, err error) {
	rows := a.requests.Start(g+1) - a.requests.Start(g)
	phase, same := a.requests.Constant(g, record.ColPhase)
	status, equal := a.requests.Constant(g, record.ColStatus)
	if same && equal {
		k := kind{phase, status}
		return []run{{k, rows}}, map[kind]int64{k: rows}, nil
	}
	phases, err := a.stretches(ctx, g, record.ColPhase)
	if err != nil {
		return nil, nil, err
	}
	statuses, err := a.stretches(ctx, g, record.ColStatus)
	if err != nil {
		return nil, nil, err
	}
	counts = map[kind]int64{}
	// The two columns are run through side by side: a run ends where either changes.
	for len(phases) > 0 && len(statuses) > 0 {
		r := run{kind{phases[0].text, statuses[0].text}, min(phases[0].rows, statuses[0].rows)}
		runs = append(runs, r)
		counts[r.kind] += r.rows
		phases, statuses = less(phases, r.rows), less(statuses, r.rows)
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
