package slurm

import (
	"context"
	"errors"
	"time"
)

// Cancel ends every job of the run.
func (r *Run) Cancel(ctx context.Context, q Queue) (jobs []string, err error) {
	tasks, err := q.List(ctx, r.Name())
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, t := range tasks {
		if !known[t.Job] {
			known[t.Job] = true
			jobs = append(jobs, t.Job)
		}
	}
	return jobs, q.Cancel(ctx, jobs)
}

// Empty waits until Slurm knows no task of the run any more.
func (r *Run) Empty(ctx context.Context, q Queue, every time.Duration) error {
	for {
		tasks, err := q.List(ctx, r.Name())
		if err == nil && len(tasks) == 0 {
			return nil
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}
