package decision

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"matrix/results"
)

// requirements holds a contender against what the decision block requires, by metric.
func (r *rules) requirements(c *contender, s scope) []Requirement {
	var out []Requirement
	for _, name := range sortedKeys(r.require) {
		q := Requirement{Metric: name, Bound: r.require[name], Goal: r.goal(name)}
		if name == mSuccess {
			q.Goal = "max"
			r.success(&q, c, s)
		} else {
			q.hold(worst(c, name, q.Goal, s))
		}
		out = append(out, q)
	}
	return out
}

// success holds a success rate: it is met only when the requests show it at 95% confidence, not when none happened to
// fail.
func (r *rules) success(q *Requirement, c *contender, s scope) {
	ok, planned := c.requests(s)
	if planned == 0 {
		q.Status, q.Note = NotShown, "no request was measured"
		return
	}
	low := results.SuccessBound(ok, planned)
	q.Value = &low
	switch {
	case float64(ok)/float64(planned) < q.Bound:
		q.Status, q.Note = Unmet, fmt.Sprintf("%d of %d ok", ok, planned)
	case low >= q.Bound:
		q.Status, q.Note = Met, fmt.Sprintf("%d of %d ok: at least %.5g with 95%% confidence", ok, planned, low)
	default:
		q.Status, q.Note = NotShown, fmt.Sprintf("%d of %d ok shows only %.5g at 95%% confidence; about %d requests without a failure would show %v",
			ok, planned, low, cleanRequests(q.Bound), q.Bound)
	}
}

// cleanRequests is how many requests without a failure show a success rate at 95% confidence: bound^n ≤ 0.05.
func cleanRequests(bound float64) int64 {
	if bound <= 0 || bound >= 1 {
		return 0
	}
	return int64(math.Ceil(math.Log(0.05) / math.Log(bound)))
}

func (q *Requirement) hold(v *float64) {
	q.Value = v
	switch {
	case v == nil:
		q.Status, q.Note = NotShown, "not measured"
	case q.Goal == "min" && *v > q.Bound, q.Goal == "max" && *v < q.Bound:
		q.Status = Unmet
	default:
		q.Status = Met
	}
}

// worst is a metric's worst median over the batch sizes of a scope; nil where one that was completed lacks it.
func worst(c *contender, name, goal string, s scope) *float64 {
	var out *float64
	for _, at := range c.within(s) {
		if len(at.launches) == 0 {
			continue
		}
		v := at.median(name)
		if v == nil {
			return nil
		}
		if out == nil || goal == "min" && *v > *out || goal == "max" && *v < *out {
			out = v
		}
	}
	return out
}

// goal is the direction of a metric: as declared, else as its row of the table says, else by the unit in its name: of
// seconds, joules and bytes, less is better.
func (r *rules) goal(name string) string {
	if g := r.goals[name]; g != "" {
		return g
	}
	for _, m := range table() {
		if m.name == name {
			if m.less {
				return "min"
			}
			return "max"
		}
	}
	for _, suffix := range []string{"_s", "_j", "_bytes", "_per_token", "_per_s", "_count"} {
		if strings.HasSuffix(name, suffix) && name != "steady_span_s" {
			return "min"
		}
	}
	return "max"
}

// status is the worst of a contender's requirements: Unmet before NotShown before Met.
func status(all []Requirement) string {
	for _, s := range []string{Unmet, NotShown} {
		if slices.ContainsFunc(all, func(q Requirement) bool { return q.Status == s }) {
			return s
		}
	}
	return Met
}
