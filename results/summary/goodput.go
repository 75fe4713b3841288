package summary

import (
	"fmt"
	"maps"
	"math"
	"time"

	"matrix/experiments"
	"matrix/results/metrics"
)

// HoldTo makes a cell's goodput that under these bounds: where a launch was measured under others, its requests are
// counted anew. A batch load has none.
func (c *Cell) HoldTo(slo experiments.SLO) error {
	for _, a := range c.Launches {
		d := a.Number("duration_s")
		if slo == (experiments.SLO{}) || a.Text("load_mode") == "batch" || d == nil || *d <= 0 || a.bounds() == slo {
			continue
		}
		row := maps.Clone(a.row)
		if a.Lacks("requests") {
			reasons, _ := row["null_reasons"].(map[string]string)
			reasons = maps.Clone(reasons)
			if reasons == nil {
				reasons = map[string]string{}
			}
			reasons["goodput"] = "measured under other bounds, and requests.parquet is not there to count anew"
			row["goodput"], row["null_reasons"], a.row = nil, reasons, row
			continue
		}
		met, err := metrics.Meet(a.Dir, a.Text("load_mode"), slo)
		if err != nil {
			return fmt.Errorf("count the goodput of attempt %s: %w", a.Attempt, err)
		}
		row["goodput"] = float64(met) / *d
		row["slo_ttft_s"], row["slo_tpot_s"], row["slo_e2e_s"] = slo.TTFT.Seconds(), slo.TPOT.Seconds(), slo.E2E.Seconds()
		a.row = row
	}
	return nil
}

// bounds are those that a launch was measured under.
func (a *Attempt) bounds() experiments.SLO {
	in := func(column string) time.Duration {
		if v := a.Number(column); v != nil {
			return time.Duration(math.Round(*v * 1e9)) // a float of seconds, back to what was declared
		}
		return 0
	}
	return experiments.SLO{TTFT: in("slo_ttft_s"), TPOT: in("slo_tpot_s"), E2E: in("slo_e2e_s")}
}
