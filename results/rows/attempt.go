// Package rows pages through the requests of an attempt: filtered, sorted, a page at a time, however many there are. It reads row
// groups of the Parquet file by their statistics, holds no more than a page of them, and knows no HTTP.
package rows

import (
	"context"
	"sync"

	"matrix/results/record"
	"matrix/results/table"
)

// Attempt is the requests of one, open.
// Safe for concurrent use; Cache closes it after its last user.
type Attempt struct {
	dir      string                           // of the attempt
	requests *table.Groups[record.RequestRow] // open until close
	runs     [][]run                          // of each group, in the order of its rows; nil where there are too many to keep
	counts   []map[kind]int64                 // rows of each group: which groups a filter need not look at, and how many rows it takes

	mu      sync.Mutex                      // guards outputs
	outputs *table.Groups[record.OutputRow] // nil until somebody asks for an answer

	checks  sync.WaitGroup
	stop    context.CancelFunc // of the checks
	checked chan struct{}      // closed when all bytes have been held against the checksum
	fault   error              // what came of it; set before checked is closed
}

// checkedFirst are so many bytes that a checksum of them is worth waiting for: a tenth of a second. That of a gigabyte takes longer than
// whoever looks at a page of it wants to wait, and is worked out beside. Damage to what a page shows is mostly met before: compressed
// data has a checksum of its own.
var checkedFirst int64 = 64 << 20

// Open opens the requests in an attempt's folder, of which it reads two columns. A small file is held against its checksum before, a large one
// afterwards: see Checked.
// ctx bounds what is read at once; the check in the background goes on without it, until the attempt is closed. Damage
// that is met is table.ErrCorrupt.
func Open(ctx context.Context, dir string) (*Attempt, error) {
	requests, err := table.OpenRequests(dir)
	if err != nil {
		return nil, err
	}
	a := &Attempt{dir: dir, requests: requests, runs: make([][]run, requests.Len()), counts: make([]map[kind]int64, requests.Len()), checked: make(chan struct{})}
	// not of the asker: others will use the attempt when that one is gone
	checks, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	check := func() { defer close(a.checked); a.fault = requests.Check(checks) }
	if requests.Bytes() <= checkedFirst {
		check()
		err = a.fault
	} else {
		a.checks.Go(check)
	}
	if err == nil {
		// Without the counts every filter would have to read every row.
		err = eachGroup(requests.Len(), func(g int) error {
			runs, counts, err := a.kinds(ctx, g)
			if len(runs) <= mostRuns {
				a.runs[g] = runs
			}
			a.counts[g] = counts
			return err
		})
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// Checked reports whether all bytes have been held against the checksum, and that they differ from what was written.
// It never waits. False and nil: not known yet.
func (a *Attempt) Checked() (bool, error) {
	select {
	case <-a.checked:
		return true, a.fault
	default:
		return false, nil
	}
}

// Wait waits for the check of all bytes, and is what came of it.
// The error of ctx says nothing of the file.
func (a *Attempt) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-a.checked:
		return a.fault
	}
}

// close closes what is open, all of it only read.
func (a *Attempt) close() {
	a.stop()
	a.checks.Wait()
	_ = a.requests.Close()
	if a.outputs != nil {
		_ = a.outputs.Close()
	}
}
