package summary

import (
	"fmt"
	"maps"

	"matrix/experiments/cell"
	"matrix/results/metrics"
	"matrix/results/record"
)

// HoldTo makes a cell's goodput that under these bounds: where a launch was measured under others, its requests are
// counted anew. A batch load has none.
func (c *Cell) HoldTo(slo cell.SLO) error {
	for _, a := range c.Launches {
		d := a.Number("duration_s")
		if slo == (cell.SLO{}) || a.Run().Mode == "batch" || d == nil || *d <= 0 || a.bounds() == slo {
			continue
		}
		row := *a.row
		row.Summary.Metrics, row.Summary.Why = maps.Clone(row.Summary.Metrics), maps.Clone(row.Summary.Why)
		a.row = &row
		if a.Lacks(record.TableRequests) {
			row.Summary.Null(record.MetricGoodput, "measured under other bounds, and requests.parquet is not there to count anew")
			continue
		}
		met, err := metrics.Meet(a.Dir, a.Run().Mode, slo)
		if err != nil {
			return fmt.Errorf("count the goodput of attempt %s: %w", a.Attempt, err)
		}
		row.Summary.Set(record.MetricGoodput, float64(met) / *d)
		row.Run.SLO = &slo
	}
	return nil
}

// bounds are those that a launch was measured under.
func (a *Attempt) bounds() cell.SLO {
	if slo := a.Run().SLO; slo != nil {
		return *slo
	}
	return cell.SLO{}
}
