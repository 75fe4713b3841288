package runner

import (
	"matrix/experiments"
	"matrix/runner/load"
)

// plannedRequests is how many requests a cell's measured phase has: the batch, or in an open load the arrivals due
// before the stop.
func plannedRequests(c *experiments.Cell) (int, error) {
	if c.Load == nil || c.Load.Mode != "open" {
		return c.BatchSize, nil
	}
	s, err := load.NewSchedule(c.Load, c.Dataset.Seed)
	if err != nil {
		return 0, err
	}
	return s.Planned(c.BatchSize), nil
}
