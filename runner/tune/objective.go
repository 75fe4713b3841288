package tune

import (
	"fmt"
	"slices"

	"matrix/experiments/cell"
	"matrix/experiments/wording"
	"matrix/results/record"
	"matrix/results/summary"
)

// EvaluationsPerHour is the default objective.
const EvaluationsPerHour = "evaluations_per_hour"

// Objective turns a cell's results into a number of which more is better.
type Objective struct {
	Metric   string
	Minimize bool
	Largest  map[string]int // by platform and model: the batch size that evaluations_per_hour is projected to
}

// NewObjective checks that the metric exists. Evaluations an hour are projected to the largest batch of each group from
// the load time and the rate that were measured: at a small batch the load would hide all else.
func NewObjective(metric string, minimize bool, s *Search) (Objective, error) {
	o := Objective{Metric: metric, Minimize: minimize, Largest: map[string]int{}}
	if metric != EvaluationsPerHour && !slices.ContainsFunc(record.Metrics(), func(m record.Metric) bool { return m.Name == metric }) {
		names := []string{EvaluationsPerHour}
		for _, m := range record.Metrics() {
			names = append(names, m.Name)
		}
		hint := ""
		if near := wording.Suggest(metric, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return o, fmt.Errorf("%q is no metric%s (%s, or a metric column of run.parquet such as output_throughput or ttft_p50_s; docs/columns.md lists all)", metric, hint, EvaluationsPerHour)
	}
	for _, g := range s.Groups {
		o.Largest[g.Platform+"/"+g.Model] = g.Batches[len(g.Batches)-1]
	}
	return o, nil
}

// Value of a cell; false where its results do not tell.
func (o Objective) Value(c *cell.Cell, r *summary.Cell) (float64, bool) {
	if o.Metric != EvaluationsPerHour {
		e := r.Estimate(o.Metric)
		return e.Median, e.Known()
	}
	// Answers that cannot be used do not count; where nobody looked at them, all that ended ok do.
	perHour, load := r.Estimate("valid_evaluations_per_hour"), r.Estimate("load_s")
	rate := perHour.Median / 3600
	if !perHour.Known() {
		rate = r.Estimate("request_throughput").Median
	}
	if rate <= 0 {
		return 0, false
	}
	n := float64(o.Largest[c.Platform.ID+"/"+c.Model.ID])
	return 3600 * n / (load.Median + n/rate), true // an unknown load is 0: nothing was launched
}

// Figure is a score's value in the metric's own sign.
func (o Objective) Figure(score float64) float64 {
	if o.Minimize {
		return -score
	}
	return score
}

// Score holds a cell against its results; planned says that the plan would run it.
func (o Objective) Score(c *cell.Cell, r *summary.Cell, planned bool) Score {
	if planned {
		return Score{State: Pending}
	}
	if r == nil {
		return Score{State: Failed}
	}
	v, ok := o.Value(c, r)
	switch {
	case !ok:
		return Score{State: Failed}
	case o.Minimize:
		v = -v
	}
	return Score{State: Measured, Value: v}
}
