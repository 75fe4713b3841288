package plan

import (
	"matrix/experiments/cell"
	"matrix/runner/load"
)

// PlannedRequests is how many requests a cell's measured phase has: the batch, or in an open load the arrivals due
// before the stop.
func PlannedRequests(c *cell.Cell) (int, error) {
	if c.Load == nil || c.Load.Mode != "open" {
		return c.BatchSize, nil
	}
	s, err := load.NewSchedule(c.Load, c.Dataset.Seed)
	if err != nil {
		return 0, err
	}
	return s.Planned(c.BatchSize), nil
}

// Natural reports whether a cell's prompts are sent as they are, without a nonce in front.
func Natural(c *cell.Cell) bool {
	return c.Isolation != nil && c.Isolation.PrefixCache == "natural"
}
